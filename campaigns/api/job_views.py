"""Long work over the API: how far it is, cancel, its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.base import ListedViewSet
from campaigns.api.listing import ID, listed
from campaigns.errors import NotFound
from campaigns.models import ApiKey, Job
from campaigns.services.access import record_audit, require_role, require_scope
from campaigns.services.job_kinds import KINDS
from campaigns.services.jobs import JobKind, cancel_job, measure_files, read_file


class JobShape(serializers.ModelSerializer[Job]):
    """`total` is null where nobody knows it; `files` are the roles that can be downloaded."""

    app = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    files = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "id", "kind", "app", "status", "done", "total", "counts", "note", "files",
            "created_at", "created_by", "finished_at",
        ]  # fmt: skip

    def get_files(self, job: Job) -> list[str]:
        kind = KINDS.get(job.kind)
        sizes = measure_files(job) if kind else {}
        return [file.role for file in kind.files if sizes.get(file.role)] if kind else []


@listed(JobShape)
class JobViews(ListedViewSet):
    """Begun where the work belongs: imports, exports, labels and so on."""

    queryset = Job.objects.select_related("app", "workspace")
    shown = JobShape
    # What a key may do with a job is for the job's kind to say.
    scopes: ClassVar[Mapping[str, str]] = {"cancel": ApiKey.Scope.READ}
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": ("kind", "status")}

    def list(self, request: Request) -> Response:
        given = {name: request.query_params[name] for name in ("kind", "status")
                 if name in request.query_params}  # fmt: skip
        return self.answer_page(self.get_queryset().filter(**given), self.shown)

    @extend_schema(parameters=[ID], request=None, responses=JobShape)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        job = self.find_row()
        self._require(job)
        cancel_job(job, **self.by)
        return Response(JobShape(job).data)

    @extend_schema(parameters=[ID], responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="files/(?P<role>[a-z_]{1,20})")
    def files(self, request: Request, pk: str, role: str) -> Any:
        """A file as it is; it may hold personal data, so a key needs the scope of its kind."""
        job = self.find_row()
        kind = self._require(job)
        file = next((file for file in kind.files if file.role == role), None)
        if file is None or not measure_files(job).get(role):
            raise NotFound(_("The job has no such file, or it is not kept any more."))
        record_audit(
            self.by["actor"], f"download_{role}", job, workspace=job.workspace, now=self.now
        )
        return StreamingHttpResponse(read_file(job, role), content_type=file.content_type)

    def _require(self, job: Job) -> JobKind:
        """A key by its scope and apps, a person by the role that the kind asks for."""
        kind = KINDS.get(job.kind)
        if kind is None:
            raise NotFound(_("This version does not know such work."))
        if isinstance(self.request.user, ApiKey):
            require_scope(self.request.user, kind.scope)
        else:
            require_role(self.request.user, job.place, kind.role)
        return kind
