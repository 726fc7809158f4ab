"""Enabling tokens again over the native API, many at once."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.base import NativeViewSet
from campaigns.api.job_views import JobShape
from campaigns.api.strict import StrictSerializer, Text
from campaigns.errors import Invalid
from campaigns.models import Account, ApiKey, Job, Transfer
from campaigns.services.token_jobs import Doubted, start_enabling


class EnableBody(StrictSerializer):
    """Our numbers of an account or a transfer: one of the two."""

    app = Text(required=False)
    since = serializers.DateTimeField()
    account = serializers.IntegerField(required=False, min_value=1, max_value=2**53)
    transfer = serializers.IntegerField(required=False, min_value=1, max_value=2**53)


class EnablingViews(NativeViewSet):
    """Nothing is shown here: it is a job."""

    queryset = Job.objects.none()
    serializer_class = EnableBody
    change_scope = ApiKey.Scope.SEND

    @extend_schema(
        operation_id="devices_enable_many", request=EnableBody, responses={202: JobShape}
    )
    def create(self, request: Request) -> Response:
        body = self.read_body()
        app = self.find_app(body.get("app"))
        self.require(app)
        account = self._find(Account, "account", pk=body.get("account"))
        transfer = self._find(Transfer, "transfer", pk=body.get("transfer"))
        doubted = Doubted(since=body["since"], account=account, transfer=transfer)
        return Response(JobShape(start_enabling(app, doubted, **self.by)).data, status=202)

    def _find(self, model: Any, name: str, **wanted: Any) -> Any:
        if None in wanted.values():
            return None
        row = model.objects.for_user(self.request.user).filter(**wanted).first()
        if row is None:
            sentence = _("There is no such thing, or it is not yours.")
            raise Invalid(sentence, fields={name: sentence})
        return row
