"""Message templates and test groups over the native API."""

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
from campaigns.api.listing import APP, ID, listed
from campaigns.api.strict import StrictSerializer, Text
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, App, Membership, MessageTemplate, TestGroup, Workspace
from campaigns.services.access import find_workspaces
from campaigns.services.templates import (
    TemplateValues,
    archive_template,
    create_template,
    restore_template,
    search_templates,
    update_template,
)
from campaigns.services.testers import (
    delete_test_group,
    find_keyed,
    list_found,
    save_test_group,
)

MAX_TEXT = 1000  # the services say what is too long


class TemplateShape(serializers.ModelSerializer[MessageTemplate]):
    """`app` null: every app of the workspace."""

    app = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    message = serializers.JSONField(source="content")

    class Meta:
        model = MessageTemplate
        fields = [
            "id", "app", "name", "description", "message", "archived_at",
            "created_at", "updated_at", "created_by",
        ]  # fmt: skip


class TemplateChange(StrictSerializer):
    """What is left out stays."""

    name = Text(required=False, allow_blank=True, max_length=MAX_TEXT)
    description = Text(required=False, allow_blank=True, max_length=MAX_TEXT)
    message = serializers.DictField(required=False)


class TemplateBody(TemplateChange):
    """`app` null: for every app of the workspace; left out: for the only app there is."""

    app = Text(required=False, allow_null=True)


@listed(TemplateShape, APP, OpenApiParameter("search", OpenApiTypes.STR))
class TemplateViews(ListedViewSet):
    queryset = MessageTemplate.objects.select_related("app__workspace", "workspace")
    shown = TemplateShape
    change_scope = ApiKey.Scope.COMPOSE
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": ("app", "search")}

    def get_serializer_class(self) -> Any:
        return TemplateChange if self.action == "partial_update" else TemplateBody

    def list(self, request: Request) -> Response:
        rows = self.filter_app(self.get_queryset())
        rows = search_templates(rows, request.query_params.get("search", ""))
        return self.answer_page(rows, self.shown)

    @extend_schema(request=TemplateBody, responses={201: TemplateShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        if "app" in body and body["app"] is None:
            workspace, app = self._find_workspace(), None
            self.require(workspace)
        else:
            app = self.find_app(body.get("app"))
            workspace = app.workspace
            self.require(app)
        made = create_template(workspace, app, _read_values(body), **self.by)
        return Response(self.shown(made).data, status=201)

    @extend_schema(parameters=[ID], request=TemplateChange, responses=TemplateShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        template = self.find_row_to_change()
        values = _read_values(self.read_body())
        return Response(self.shown(update_template(template, values, **self.by)).data)

    @extend_schema(parameters=[ID], request=None, responses=TemplateShape)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(archive_template(self.find_row_to_change(), **self.by)).data)

    @extend_schema(parameters=[ID], request=None, responses=TemplateShape)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(restore_template(self.find_row_to_change(), **self.by)).data)

    def find_row_to_change(self) -> MessageTemplate:
        row: MessageTemplate = self.find_row()
        self.require(row.place)
        if row.app is None:
            self._require_wide()
        return row

    def _require_wide(self) -> None:
        if isinstance(self.request.user, ApiKey) and not self.request.user.is_wide():
            raise Forbidden(_("This key is for single apps: name one of them."))

    def _find_workspace(self) -> Workspace:
        self._require_wide()
        user = self.request.user
        if isinstance(user, ApiKey):
            return user.workspace
        found = list(find_workspaces(user, Membership.Role.COMPOSER)[:2])
        if len(found) != 1:
            sentence = _("There is not one workspace of yours that this can mean: name an app.")
            raise Invalid(sentence, fields={"app": sentence})
        return found[0]


def _read_values(body: Mapping[str, Any]) -> TemplateValues:
    return TemplateValues(body.get("name"), body.get("description"), body.get("message"))


class TestGroupShape(serializers.ModelSerializer[TestGroup]):
    """`testers` are `device:<id>` and `person:<id>`, by our own ids."""

    __test__ = False  # test runners collect classes with this prefix

    app = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    testers = serializers.SerializerMethodField()

    class Meta:
        model = TestGroup
        fields = ["id", "app", "name", "testers", "created_at", "created_by"]

    def get_testers(self, group: TestGroup) -> list[str]:
        """In the order in which they were named."""
        return [found.key for found in list_found(group)]


class TestGroupChange(StrictSerializer):
    """What is left out stays."""

    __test__ = False

    name = Text(required=False, allow_blank=True, max_length=MAX_TEXT)
    testers = serializers.ListField(child=Text(max_length=40), required=False, max_length=100)


class TestGroupBody(TestGroupChange):
    """At most ten testers: `device:<id>` or `person:<id>`."""

    app = Text(required=False)


@listed(TestGroupShape, APP)
class TestGroupViews(ListedViewSet):
    __test__ = False

    queryset = TestGroup.objects.select_related("app__workspace")
    shown = TestGroupShape
    change_scope = ApiKey.Scope.COMPOSE

    def get_serializer_class(self) -> Any:
        return TestGroupChange if self.action == "partial_update" else TestGroupBody

    @extend_schema(request=TestGroupBody, responses={201: TestGroupShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        app: App = self.find_app(body.pop("app", None))
        self.require(app)
        return self._save(TestGroup(app=app), {"name": "", "testers": [], **body}, 201)

    @extend_schema(parameters=[ID], request=TestGroupChange, responses=TestGroupShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        return self._save(self.find_row_to_change(), self.read_body(), 200)

    @extend_schema(parameters=[ID], responses={204: None})
    def destroy(self, request: Request, pk: str = "") -> Response:
        delete_test_group(self.find_row_to_change(), **self.by)
        return Response(status=204)

    def _save(self, group: TestGroup, body: dict[str, Any], status: int) -> Response:
        if "testers" in body:
            found = find_keyed(group.app, body["testers"], self.request.user)
        else:
            found = list_found(group)
        save_test_group(group, body.get("name", group.name), found, **self.by)
        return Response(self.shown(group).data, status=status)
