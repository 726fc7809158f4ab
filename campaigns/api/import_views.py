"""Imports and exports over the native API: a file as the body, a dry run, applied; and back out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.asked import choose_flag
from campaigns.api.base import ListedViewSet
from campaigns.api.bodies import StrictJSONParser
from campaigns.api.job_views import JobShape
from campaigns.api.listing import APP, ID, listed
from campaigns.api.strict import Flag, StrictSerializer, Text, Whole
from campaigns.errors import Forbidden, Invalid, NotFound
from campaigns.models import ApiKey, Import, Job, Label, Segment, Transfer, Workspace
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.services import imports
from campaigns.services.access import record_audit
from campaigns.services.exports import EXPORT, FORMATS, What, start_export
from campaigns.services.import_left_out import REJECTED, count_left_out
from campaigns.services.import_steps import read_shape
from campaigns.services.import_targets import Choice
from campaigns.services.import_uploads import read_blocks
from campaigns.services.jobs import read_file

BODY = {"text/csv": OpenApiTypes.BINARY, "application/x-ndjson": OpenApiTypes.BINARY}
SINCE = OpenApiParameter(
    "since", OpenApiTypes.BOOL, description="Those left out when they were written alone."
)


class _Streamed(BaseParser):
    """The body as it comes, read by the view."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


class CsvParser(_Streamed):
    media_type = "text/csv"


class LinesParser(_Streamed):
    media_type = "application/x-ndjson"


class BytesParser(_Streamed):
    media_type = "application/octet-stream"


class ImportShape(serializers.ModelSerializer[Import]):
    """`counts` are of the last dry run, or of the import once it has begun; `mapping` is proposed
    as long as none was said."""

    app = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    state = serializers.SerializerMethodField()
    columns = serializers.SerializerMethodField()
    mapping = serializers.SerializerMethodField()
    labels = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    fields_changed = serializers.SerializerMethodField()
    columns_left_out = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = [
            "id", "app", "state", "file_name", "source", "size", "columns", "mapping", "verb",
            "platform", "labels", "moves_devices", "job", "counts", "fields_changed",
            "columns_left_out", "note", "created_at", "created_by",
        ]  # fmt: skip

    def get_state(self, one: Import) -> str:
        return imports.name_state(one)

    def get_columns(self, one: Import) -> list[str]:
        return list(read_shape(one).columns)

    def get_mapping(self, one: Import) -> dict[str, str]:
        return imports.propose(one)

    def get_labels(self, one: Import) -> list[str]:
        rows = Label.objects.filter(app=one.app_id, pk__in=one.labels).order_by("name")
        return list(rows.values_list("name", flat=True))

    def get_job(self, one: Import) -> int | None:
        job = _find_job(one)
        return job.pk if job else None

    def get_counts(self, one: Import) -> dict[str, int]:
        job = _find_job(one)
        return dict(job.counts) if job else {}

    def get_columns_left_out(self, one: Import) -> list[str]:
        return imports.list_unread_columns(one)

    def get_fields_changed(self, one: Import) -> dict[str, int]:
        return dict(one.check_job.cursor.get("fields", {})) if one.check_job else {}

    def get_note(self, one: Import) -> str:
        job = _find_job(one)
        return job.note if job else ""


def _find_job(one: Import) -> Job | None:
    return one.apply_job or one.check_job


class ChoiceBody(StrictSerializer):
    """Without a mapping the proposed one holds. `labels` are names."""

    mapping = serializers.DictField(child=Text(allow_blank=True), required=False)
    verb = serializers.ChoiceField(Import.Verb.values, default="save")
    platform = serializers.ChoiceField(["", *PLATFORM_KEYS], default="")
    labels = serializers.ListField(child=Text(), default=list, max_length=100)
    moves_devices = Flag(default=False)


@listed(ImportShape, APP)
class ImportViews(ListedViewSet):
    queryset = Import.objects.select_related("app__workspace", "upload", "check_job", "apply_job")
    shown = ImportShape
    serializer_class = ChoiceBody
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "rejected": ("since",),
        "list": ("app",),
        "create": ("app", "source", "name"),
    }

    def get_parsers(self) -> list[Any]:
        is_upload = "pk" not in self.kwargs
        streamed: list[Any] = [CsvParser(), LinesParser(), BytesParser()]
        return streamed if is_upload else [StrictJSONParser()]

    @extend_schema(
        request=BODY,
        responses={201: ImportShape},
        parameters=[
            APP,
            OpenApiParameter("source", OpenApiTypes.STR, required=True),
            OpenApiParameter("name", OpenApiTypes.STR, description="The file's name."),
        ],
    )
    def create(self, request: Request) -> Response:
        """The body is the file, streamed: nothing of it waits in memory."""
        if "Idempotency-Key" in request.headers:
            raise Invalid(_("A file takes no Idempotency-Key: importing it twice changes nothing."))
        app = self.find_app(request.query_params.get("app"))
        self.require(app)
        told = imports.Told(
            request.query_params.get("name", ""), request.query_params.get("source", "")
        )
        if not request.data:
            raise Invalid(_("The body is the file to import; it is empty."))
        blocks = read_blocks(request.data, request.headers.get("Content-Length", ""))
        one = imports.begin_import(app, blocks, told, **self.by)
        return Response(self.shown(one).data, status=201)

    @extend_schema(parameters=[ID], request=ChoiceBody, responses=ImportShape)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str = "") -> Response:
        """Begin a dry run; it changes nothing."""
        one = self.find_row_to_change()
        body = self.read_body()
        mapping = body.get("mapping")
        choice = Choice(
            mapping=imports.propose(one) if mapping is None else mapping,
            verb=body["verb"],
            platform=body["platform"],
            labels=self._find_labels(one, body["labels"]),
            moves_devices=body["moves_devices"],
        )
        imports.check_import(one, choice, principal=request.user, **self.by)
        return Response(self.shown(one).data)

    def _find_labels(self, one: Import, names: list[str]) -> tuple[int, ...]:
        known = dict(Label.objects.filter(app=one.app_id, name__in=names).values_list("name", "pk"))
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            sentence = _("There is no label named %(names)s.") % {"names": ascii(unknown)}
            raise Invalid(sentence, fields={"labels": sentence})
        return tuple(known[name] for name in names)

    @extend_schema(parameters=[ID], request=None, responses=ImportShape)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str = "") -> Response:
        """Do what the dry run showed."""
        one = imports.apply_import(self.find_row_to_change(), principal=request.user, **self.by)
        return Response(self.shown(one).data)

    @extend_schema(parameters=[ID], request=None, responses=ImportShape)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str = "") -> Response:
        """Stop what is running; what is written stays."""
        one = imports.cancel_import(self.find_row_to_change(), **self.by)
        return Response(self.shown(one).data)

    @extend_schema(parameters=[ID, SINCE], responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True)
    def rejected(self, request: Request, pk: str = "") -> Any:
        """The rows that the dry run leaves out, with the reasons, as CSV; where it leaves none out,
        or with `since`, those that something had changed for when they were written."""
        one = self.find_row_to_change()
        is_since = choose_flag(request, "since")
        jobs = [one.apply_job] if is_since else [one.check_job, one.apply_job]
        job = next(filter(count_left_out, jobs), None)
        if job is None:
            raise NotFound(_("No row was left out so far."))
        workspace = one.app.workspace
        record_audit(self.by["actor"], "download_rejected", one, workspace=workspace, now=self.now)
        return StreamingHttpResponse(read_file(job, REJECTED), content_type="text/csv")

    def find_scope(self) -> str:
        # What is left out holds personal data.
        return self.change_scope if self.action == "rejected" else super().find_scope()


class ExportBody(StrictSerializer):
    """`people` and `devices` are of an app; `people` without one, of the whole workspace."""

    what = serializers.ChoiceField([what.value for what in What])
    app = Text(required=False)
    segment = Whole(required=False)
    label = Whole(required=False)  # type: ignore[assignment]  # DRF's own name
    transfer = Whole(required=False)
    format = serializers.ChoiceField(FORMATS, default="csv")


@listed(JobShape, APP)
class ExportViews(ListedViewSet):
    """Exports are jobs: their files are at jobs/<id>/files/<format>/."""

    queryset = Job.objects.filter(kind=EXPORT.key).select_related("app", "workspace")
    shown = JobShape
    serializer_class = ExportBody

    @extend_schema(request=ExportBody, responses={201: JobShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        of = self._find_source(body)
        self.require(of.app if isinstance(of, Segment | Label | Transfer) else of)
        job = start_export(body["what"], of, form=body["format"], **self.by)
        return Response(self.shown(job).data, status=201)

    def _find_source(self, body: dict[str, Any]) -> Any:
        match body["what"]:
            case What.SEGMENT:
                return self._find(Segment, "segment", body)
            case What.LABEL:
                return self._find(Label, "label", body)
            case What.RECIPIENTS:
                return self._find(Transfer, "transfer", body)
            case What.PEOPLE if "app" not in body:
                return self._find_workspace()
        return self.find_app(body.get("app"))

    def _find(self, model: Any, name: str, body: dict[str, Any]) -> Any:
        rows = model.objects.for_user(self.request.user).select_related("app__workspace")
        row = rows.filter(pk=body.get(name, 0)).first()
        if row is None:
            sentence = _("There is no such thing, or it is not yours.")
            raise Invalid(sentence, fields={name: sentence})
        return row

    def _find_workspace(self) -> Workspace:
        principal = self.request.user
        if isinstance(principal, ApiKey) and not principal.is_wide():
            raise Forbidden(_("This key is for single apps: name one of them."))
        found: list[Workspace] = list(Workspace.objects.for_user(principal)[:2])
        if len(found) != 1:
            sentence = _("You belong to several workspaces: name an app.")
            raise Invalid(sentence, fields={"app": sentence})
        return found[0]
