"""Apps, groups, persons and devices over the native API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
)
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import shapes
from campaigns.api.asked import choose
from campaigns.api.base import ListedViewSet
from campaigns.api.bodies import TypedParser
from campaigns.api.errors import TooLarge
from campaigns.api.listing import APP, ID, listed
from campaigns.api.persons import MergingViews
from campaigns.errors import Forbidden, Invalid
from campaigns.models import ApiKey, App, Device, Group, Person
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.selectors.access_request import collect_held
from campaigns.selectors.aliases import find_named, select_former
from campaigns.selectors.contacts import LENGTHS, match_contacts
from campaigns.selectors.lookup import MOST, find_reach
from campaigns.selectors.variables import suggest_variables
from campaigns.services import audience
from campaigns.services.access import record_audit
from campaigns.services.device_rows import (
    COLUMNS,
    DeviceRow,
    are_attributes_good,
    find_column_fault,
)
from campaigns.services.devices import register_devices
from campaigns.services.erase import may_erase
from campaigns.services.persons import enable_token, may_change_person

MAX_DEVICES = 10_000
MAX_BULK_BYTES = 25_000_000
SEARCH = OpenApiParameter("search", OpenApiTypes.STR, description="A part of the name.")


@listed(shapes.AppShape)
class AppViews(ListedViewSet):
    queryset = App.objects.all()
    shown = shapes.AppShape
    serializer_class = shapes.AppShape
    filters: ClassVar[Mapping[str, Sequence[str]]] = {"variables": ("search",)}

    def list(self, request: Request) -> Response:
        return self.answer_page(self.get_queryset(), self.shown)

    @extend_schema(parameters=[ID, SEARCH], responses=shapes.VariableShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def variables(self, request: Request, pk: str = "") -> Response:
        found = suggest_variables(self.find_row(), request.query_params.get("search", ""))
        return Response(shapes.VariableShape(found, many=True).data)


@listed(shapes.GroupShape, APP)
class GroupViews(ListedViewSet):
    queryset = Group.objects.select_related("app__workspace")
    shown = shapes.GroupShape

    def get_serializer_class(self) -> Any:
        return shapes.GroupChange if self.action == "partial_update" else shapes.GroupBody

    @extend_schema(request=shapes.GroupBody, responses={201: shapes.GroupShape})
    def create(self, request: Request) -> Response:
        body = self.read_body()
        app = self.find_app(body.pop("app", None))
        self.require(app)
        return Response(self.shown(audience.create_group(app, **body, **self.by)).data, status=201)

    @extend_schema(parameters=[ID], request=shapes.GroupChange, responses=shapes.GroupShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        group = audience.update_group(self.find_row_to_change(), **self.read_body(), **self.by)
        return Response(self.shown(group).data)

    @extend_schema(parameters=[ID], request=None, responses=shapes.GroupShape)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str = "") -> Response:
        group = audience.archive_group(self.find_row_to_change(), **self.by)
        return Response(self.shown(group).data)

    @extend_schema(parameters=[ID], request=None, responses=shapes.GroupShape)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str = "") -> Response:
        group = audience.restore_group(self.find_row_to_change(), **self.by)
        return Response(self.shown(group).data)


@listed(
    shapes.PersonShape,
    OpenApiParameter("external_user_id", OpenApiTypes.STR),
    OpenApiParameter("email", OpenApiTypes.STR),
    OpenApiParameter("phone", OpenApiTypes.STR),
)
class PersonViews(MergingViews):
    queryset = Person.objects.select_related("workspace")
    shown = shapes.PersonShape
    serializer_class = shapes.PersonChange
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": ("external_user_id", "email", "phone")
    }

    def list(self, request: Request) -> Response:
        chosen = {
            name: request.query_params[name]
            for name in self.filters["list"]
            if name in request.query_params
        }
        rows = self.get_queryset()
        if chosen.get("external_user_id"):
            rows = rows.filter(pk__in=self._find_named(chosen.pop("external_user_id")))
        for kind in LENGTHS.keys() & chosen.keys():
            rows = self._filter_contact(rows, kind, chosen.pop(kind))
        return self.answer_page(rows.filter(**chosen), self.shown)

    def _find_named(self, name: str) -> set[int]:
        return find_named(find_reach(self.request.user).workspaces, name)

    def _filter_contact(self, rows: QuerySet[Any], kind: str, text: str) -> QuerySet[Any]:
        fits = match_contacts(kind, [text])
        merges = select_former(find_reach(self.request.user).workspaces).filter(fits)
        former = list(merges.values_list("person_id", flat=True)[:MOST])
        return rows.filter(fits | Q(pk__in=former)) if former else rows.filter(fits)

    @extend_schema(parameters=[ID], request=shapes.PersonChange, responses=shapes.PersonShape)
    def partial_update(self, request: Request, pk: str = "") -> Response:
        person = self.find_row()
        if not may_change_person(request.user, person):
            raise Forbidden(
                _(
                    "A person of several apps is changed by an admin for all apps, or by a key that"
                    " reaches each app in which the person has a device or a label."
                )
            )
        values = self.read_body()
        _check_person(values)
        return Response(self.shown(audience.update_person(person, values, **self.by)).data)

    @extend_schema(parameters=[ID], responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="data")
    def held_data(self, request: Request, pk: str = "") -> Response:
        """All that is held about the person. Whoever may erase them may ask for it."""
        person = self.find_row()
        if not may_erase(request.user, person.workspace, [person.pk]):
            raise Forbidden(_("Only who may erase this person is given all of it."))
        record_audit(
            self.by["actor"], "export_data", person, workspace=person.workspace, now=self.now
        )
        return Response(collect_held(person))


def _check_person(values: dict[str, Any]) -> None:
    places: dict[str, Any] = {
        name: values[name] for name in ("language", "country", "timezone") if name in values
    }
    fault = find_column_fault(places)
    if not fault and not are_attributes_good(values.get("attributes", {})):
        fault = "invalid_attributes"
    if fault:
        name = fault.removeprefix("invalid_")
        sentence = _("This is no %(name)s that can be stored.") % {"name": name}
        raise Invalid(sentence, fields={name: sentence})


class BulkDevice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One row of a bulk body; `columns` of a DeviceRow are named one by one."""

    platform: str
    token: str | None = None
    external_user_id: str | None = None
    ids: dict[str, str] | None = None
    attributes: dict[str, Any] | None = None
    language: str | None = None
    country: str | None = None
    timezone: str | None = None
    app_version: str | None = None
    sdk_version: str | None = None
    os_version: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    is_secure: bool | None = None
    notifications_enabled: bool | None = None
    is_primary: bool | None = None
    tags: list[str] | None = None
    alias: str | None = None


class BulkDevices(msgspec.Struct, forbid_unknown_fields=True):
    devices: list[BulkDevice]
    app: str | None = None


def read_row(item: BulkDevice) -> DeviceRow:
    """The row as the service takes it; what is null is not set."""
    columns = {name: getattr(item, name) for name in COLUMNS}
    return DeviceRow(
        platform=item.platform,
        token=item.token or "",
        external_user_id=item.external_user_id or "",
        ids=item.ids or {},
        attributes=item.attributes or {},
        columns={name: value for name, value in columns.items() if value is not None},
        tags=item.tags,
        alias=item.alias,
    )


@listed(
    shapes.DeviceShape,
    APP,
    OpenApiParameter("platform", OpenApiTypes.STR, enum=PLATFORM_KEYS),
    OpenApiParameter("external_user_id", OpenApiTypes.STR),
)
class DeviceViews(ListedViewSet):
    queryset = Device.objects.select_related("app", "person").prefetch_related(
        "identifiers", "marks"
    )
    shown = shapes.DeviceShape
    filters: ClassVar[Mapping[str, Sequence[str]]] = {
        "list": ("app", "platform", "external_user_id")
    }
    scopes: ClassVar[Mapping[str, str]] = {"enable": ApiKey.Scope.SEND}
    body_decoder = msgspec.json.Decoder(BulkDevices)

    @property
    def max_bytes(self) -> int:
        return MAX_BULK_BYTES

    def list(self, request: Request) -> Response:
        return self.answer_page(self._filter(self.filter_app(self.get_queryset())), self.shown)

    def _filter(self, devices: QuerySet[Any]) -> QuerySet[Any]:
        platform = choose(self.request, "platform", PLATFORM_KEYS)
        if platform is not None:
            devices = devices.filter(platform=platform)
        name = self.request.query_params.get("external_user_id")
        if not name:
            return devices if name is None else devices.filter(person__external_user_id=name)
        named = find_named(find_reach(self.request.user).workspaces, name)
        return devices.filter(person__in=named)

    @extend_schema(parameters=[ID], request=None, responses=shapes.DeviceShape)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str = "") -> Response:
        device = self.find_row_to_change()
        enable_token(device, **self.by)
        return Response(self.shown(self.find_row()).data)

    @extend_schema(request=shapes.BulkBody, responses=shapes.RegisteredShape)
    @action(detail=False, methods=["post"], parser_classes=[TypedParser])
    def bulk(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, BulkDevices):
            sentence = _("Send an object with devices, a list.")
            raise Invalid(sentence, fields={"devices": sentence})
        if len(body.devices) > MAX_DEVICES:
            raise TooLarge(_("At most %(maximum)s devices at a time.") % {"maximum": MAX_DEVICES})
        app = self.find_app(body.app)
        self.require(app)
        result = register_devices(app, [read_row(item) for item in body.devices], **self.by)
        return Response(shapes.RegisteredShape(result).data)
