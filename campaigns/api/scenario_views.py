"""Failover scenarios of a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.base import ListedViewSet
from campaigns.api.listing import ID, listed
from campaigns.api.strict import Flag, StrictSerializer, Text
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, Membership, Scenario, Workspace
from campaigns.services.access import find_workspaces, require_role
from campaigns.services.scenarios import (
    ScenarioValues,
    archive_scenario,
    create_scenario,
    delete_scenario,
    lock_scenario,
    restore_scenario,
    update_scenario,
)

Role = Membership.Role


class ScenarioShape(serializers.ModelSerializer[Scenario]):
    steps = serializers.JSONField(read_only=True)
    is_archived = serializers.SerializerMethodField()

    class Meta:
        model = Scenario
        fields = ["id", "key", "name", "steps", "run_by", "is_default", "is_archived"]

    def get_is_archived(self, scenario: Scenario) -> bool:
        return scenario.archived_at is not None


class ScenarioBody(StrictSerializer):
    """`steps` are checked by the service, which names every wrong path."""

    workspace = Text(required=False)
    name = Text(max_length=120)
    steps = serializers.JSONField()
    run_by = Text(required=False)
    is_default = Flag(required=False)


class ScenarioChange(StrictSerializer):
    name = Text(required=False, max_length=120)
    steps = serializers.JSONField(required=False)
    run_by = Text(required=False)
    is_default = Flag(required=False)


@listed(ScenarioShape)
class ScenarioViews(ListedViewSet):
    """Read by every member; a person changes them as an admin, a key with the scope compose
    that is for all apps."""

    queryset = Scenario.objects.select_related("workspace")
    shown = ScenarioShape
    change_scope = ApiKey.Scope.COMPOSE
    filters: ClassVar[Mapping[str, Sequence[str]]] = {}

    def get_serializer_class(self) -> Any:
        return ScenarioChange if self.action == "partial_update" else ScenarioBody

    def list(self, request: Request) -> Response:
        return self.answer_page(self.get_queryset(), self.shown)

    @extend_schema(request=ScenarioBody, responses={201: ScenarioShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        workspace = self._find_workspace(body.pop("workspace", None))
        self.require(workspace)
        scenario = create_scenario(workspace, ScenarioValues(**body), **self.by)
        return Response(self.shown(scenario).data, status=201)

    @extend_schema(parameters=[ID], request=ScenarioChange, responses=ScenarioShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        names = ("name", "steps", "run_by", "is_default")
        body = self.read_body()
        with transaction.atomic():
            scenario = lock_scenario(self.find_row_to_change())
            kept = {name: getattr(scenario, name) for name in names}
            changed = update_scenario(scenario, ScenarioValues(**(kept | body)), **self.by)
        return Response(self.shown(changed).data)

    @extend_schema(parameters=[ID], request=None, responses=ScenarioShape)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(archive_scenario(self.find_row_to_change(), **self.by)).data)

    @extend_schema(parameters=[ID], request=None, responses=ScenarioShape)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(restore_scenario(self.find_row_to_change(), **self.by)).data)

    @extend_schema(parameters=[ID], responses={204: None})
    def destroy(self, request: Request, pk: str = "") -> Response:
        delete_scenario(self.find_row_to_change(), **self.by)
        return Response(status=204)

    def find_row_to_change(self) -> Scenario:
        scenario: Scenario = self.find_row()
        self.require(scenario.workspace)
        return scenario

    def require(self, place: Any) -> None:
        """Campaigns of any app may go by it."""
        user: Any = self.request.user
        if not isinstance(user, ApiKey):
            require_role(user, place, Role.ADMIN)
        elif not user.is_wide():
            raise Forbidden(
                _("This key is for single apps: scenarios are changed by a key for all apps.")
            )

    def _find_workspace(self, slug: str | None) -> Workspace:
        """The key's own, or the one that a person names or administers."""
        user: Any = self.request.user
        rows: QuerySet[Any]
        if isinstance(user, ApiKey):
            rows = Workspace.objects.filter(pk=user.workspace_id)
        else:
            rows = find_workspaces(user, Role.ADMIN)
        named: list[Workspace] = list((rows.filter(slug=slug) if slug else rows)[:2])
        if len(named) == 1:
            return named[0]
        sentence = _("Name a workspace of yours by its slug.")
        raise Invalid(sentence, fields={"workspace": sentence})
