"""The device door: what an app's own installations call, under /device/v1/."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.bodies import StrictJSONParser
from campaigns.api.paging import check_parameters
from campaigns.api.strict import StrictSerializer, Text
from campaigns.api.web_pages import CrossOriginView
from campaigns.errors import Invalid
from campaigns.models import DeviceSession
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.services import device_door
from campaigns.services.device_door import Registration, Told
from campaigns.services.device_inbox import Waiting, pull_inbox
from campaigns.services.web_pages import find_public_key
from providers.message_json import write_message
from providers.receipts import ReceiptKind

MAX_EVENTS = 100


class DeviceFields(StrictSerializer):
    """What a device says of itself; `columns` are hot attributes such as `app_version`."""

    token = Text(required=False, max_length=4096)
    external_user_id = Text(required=False, max_length=255)
    user_proof = Text(required=False, max_length=64)
    columns = serializers.DictField(required=False)
    attributes = serializers.DictField(required=False)


class RegistrationFields(DeviceFields):
    app_key = Text(max_length=32)
    platform = serializers.ChoiceField(PLATFORM_KEYS)
    installation_id = Text(max_length=255)


class EventFields(StrictSerializer):
    reference = Text(max_length=64)
    event = serializers.ChoiceField(sorted(kind.value for kind in device_door.TELLABLE))


class EventsFields(StrictSerializer):
    events = serializers.ListField(child=EventFields(), allow_empty=False, max_length=MAX_EVENTS)


class SecretAuthentication(BaseAuthentication):
    """`Authorization: Bearer <the device's secret>`; `request.auth` is the session."""

    def authenticate(self, request: Request) -> tuple[Any, DeviceSession] | None:
        scheme, _blank, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        return None, device_door.find_session(text.strip() if scheme.lower() == "bearer" else "")

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


@extend_schema(exclude=True)
class DeviceDoorView(CrossOriginView):
    """Called by phones and pages: no key of ours, small bodies."""

    authentication_classes = [SecretAuthentication]
    permission_classes = [AllowAny]
    max_bytes = 65_536
    filters: tuple[str, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_parameters(request, self.filters)

    def find_session(self) -> DeviceSession:
        session = _read_session(self.request) or device_door.find_session("")
        self.own_app = session.device.app_id
        return session

    def read_body(self, fields: type[StrictSerializer]) -> dict[str, Any]:
        serializer = fields(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


def _read_session(request: Request) -> DeviceSession | None:
    shown: Any = request.auth
    return shown if isinstance(shown, DeviceSession) else None


class RegisterView(DeviceDoorView):
    """`POST register/`: a new installation gets a secret; a known one shows it."""

    def post(self, request: Request) -> Response:
        told = self.read_body(RegistrationFields)
        app_key = told.pop("app_key")
        done = device_door.register(
            app_key, Registration(**told), session=_read_session(request), now=timezone.now()
        )
        self.own_app = done.device.app_id
        body: dict[str, Any] = {"device": done.device.pk, "pull_every": device_door.PULL_SECONDS}
        if done.secret:
            body["secret"] = done.secret
        return Response(body, status=201 if done.secret else 200)


class BrowserKeyView(DeviceDoorView):
    """`GET browser-key/?app_key=`: what a page subscribes its visitor's browser with."""

    authentication_classes = []
    filters = ("app_key",)

    def get(self, request: Request) -> Response:
        app, key = find_public_key(request.query_params.get("app_key", ""))
        self.own_app = app.pk
        return Response({"key": key})


class DeviceView(DeviceDoorView):
    """`PATCH device/` changes it, `DELETE device/` signs it off."""

    def patch(self, request: Request) -> Response:
        session = self.find_session()
        told = Registration(**self.read_body(DeviceFields))
        device = device_door.change_device(session, told, timezone.now())
        return Response({"device": device.pk, "pull_every": device_door.PULL_SECONDS})

    def delete(self, request: Request) -> Response:
        device_door.forget_device(self.find_session(), timezone.now())
        return Response(status=204)


class EventsView(DeviceDoorView):
    """`POST events/`: what the device did with its messages."""

    def post(self, request: Request) -> Response:
        session = self.find_session()
        events = [
            Told(row["reference"], ReceiptKind(row["event"]))
            for row in self.read_body(EventsFields)["events"]
        ]
        return Response({"new": device_door.keep_events(session, events, timezone.now())})


class TextJSONParser(StrictJSONParser):
    """JSON as plain text: what a service worker may send to another origin without being asked."""

    media_type = "text/plain"


class ReceiptsView(DeviceDoorView):
    """`POST receipts/`: what became of one push. Its receipt token, which nobody can make up, says
    whose it is, so a service worker needs no secret; no cookie is looked at."""

    authentication_classes = []
    parser_classes = [StrictJSONParser, TextJSONParser]
    max_bytes = 1024

    def post(self, request: Request) -> Response:
        told = self.read_body(EventFields)
        event = Told(told["reference"], ReceiptKind(told["event"]))
        return Response({"new": device_door.keep_receipt(event, timezone.now())})


class InboxView(DeviceDoorView):
    """`GET inbox/?after=&topic=`: what waits for the device, oldest first."""

    filters = ("after", "topic")

    def get(self, request: Request) -> Response:
        session, now = self.find_session(), timezone.now()
        found = pull_inbox(
            session,
            after=_read_cursor(request.query_params.get("after", "")),
            topic=request.query_params.get("topic"),
            now=now,
        )
        newest = max((item.at for item in found), default=None)
        cursor = newest.astimezone(UTC).isoformat() if newest else request.query_params.get("after")
        return Response(
            {
                "messages": [_write_waiting(item) for item in found],
                "cursor": cursor or "",
                "pull_every": device_door.PULL_SECONDS,
            }
        )


def _read_cursor(text: str) -> datetime | None:
    try:
        return _read_moment(text) if text else None
    except (ValueError, OverflowError) as error:
        sentence = _("Send the cursor as it was given.")
        raise Invalid(sentence, fields={"after": sentence}) from error


def _read_moment(text: str) -> datetime:
    """In UTC: not every moment of a zone is in the years that there are."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment.astimezone(UTC)


def _write_waiting(item: Waiting) -> dict[str, Any]:
    return {
        "reference": item.reference,
        "kind": "mirror" if item.is_mirror else "own",
        "at": item.at.astimezone(UTC).isoformat(),
        "expires_at": item.expires_at.astimezone(UTC).isoformat(),
        "message": write_message(item.message),
    }
