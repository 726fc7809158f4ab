"""The suppression list over the native API: shown, added to and removed from in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.base import ListedViewSet
from campaigns.api.listing import APP, listed
from campaigns.api.shapes import RejectedShape
from campaigns.api.strict import StrictSerializer, Text
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, Suppression, Workspace
from campaigns.services.suppressions import (
    Changed,
    Entry,
    Place,
    Terms,
    add_suppressions,
    find_entries,
    remove_suppressions,
)


class SuppressionShape(serializers.ModelSerializer[Suppression]):
    """`app` null: every app of the workspace; `until` null: for ever."""

    app = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = Suppression
        fields = [
            "id", "app", "channel", "kind", "masked", "reason", "source", "until",
            "created_at", "created_by",
        ]  # fmt: skip


class EntryFields(StrictSerializer):
    kind = Text(max_length=40)
    value = Text(max_length=4096, allow_blank=True)


class PlaceFields(StrictSerializer):
    app = Text(required=False)
    channel = Text(required=False, allow_blank=True, max_length=8)
    reason = Text(max_length=20)
    entries = serializers.ListField(child=EntryFields(), min_length=1, max_length=10_000)


class SuppressBody(PlaceFields):
    """At most 10,000 entries."""

    source = Text(required=False, allow_blank=True, max_length=80)  # type: ignore[assignment]  # DRF's own name
    until = serializers.DateTimeField(required=False, allow_null=True)


class UnsuppressBody(PlaceFields):
    """At most 10,000 entries."""


class ChangedShape(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    same = serializers.IntegerField()
    rejected = RejectedShape(many=True)


@listed(SuppressionShape, APP, OpenApiParameter("value", OpenApiTypes.STR))
class SuppressionViews(ListedViewSet):
    queryset = Suppression.objects.select_related("app")
    shown = SuppressionShape
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": ("app", "value")}

    def get_serializer_class(self) -> Any:
        return UnsuppressBody if self.action == "remove" else SuppressBody

    def list(self, request: Request) -> Response:
        rows = self.filter_app(self.get_queryset())
        value = request.query_params.get("value")
        rows = rows if value is None else find_entries(rows, value)
        return self.answer_page(rows, self.shown)

    @extend_schema(request=SuppressBody, responses=ChangedShape)
    def create(self, request: Request) -> Response:
        body = self.read_body()
        place, entries = self._read_place(body), _read_entries(body)
        return _answer(add_suppressions(place, entries, Terms(**body), **self.by))

    @extend_schema(request=UnsuppressBody, responses=ChangedShape)
    @action(detail=False, methods=["post"])
    def remove(self, request: Request) -> Response:
        body = self.read_body()
        place, entries = self._read_place(body), _read_entries(body)
        channel, reason = body.pop("channel", ""), body.pop("reason")
        return _answer(
            remove_suppressions(place, entries, channel=channel, reason=reason, **self.by)
        )

    def _read_place(self, body: dict[str, Any]) -> Place:
        """The app that is named, else the whole workspace: then a key has to reach all of it."""
        slug = body.pop("app", None)
        if slug:
            app = self.find_app(slug)
            self.require(app)
            return Place(app.workspace, app)
        workspace = self._find_workspace()
        if isinstance(self.request.user, ApiKey) and not self.request.user.is_wide():
            raise Forbidden(_("This key is for single apps: name one of them."))
        self.require(workspace)
        return Place(workspace)

    def _find_workspace(self) -> Workspace:
        found = list(Workspace.objects.for_user(self.request.user)[:2])
        if len(found) != 1:
            sentence = _("You belong to several workspaces: name an app.")
            raise Invalid(sentence, fields={"app": sentence})
        workspace: Workspace = found[0]
        return workspace


def _read_entries(body: dict[str, Any]) -> list[Entry]:
    return [Entry(**row) for row in body.pop("entries")]


def _answer(changed: Changed) -> Response:
    return Response(ChangedShape(changed).data)
