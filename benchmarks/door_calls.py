"""An app that scripts of every dialect can send to, and sends as our own clients write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import engine
from door_server import Post

KEYS = 60  # a dialect's own limits count per key; so many scripts stay below them
RECIPIENTS = 10


class Bench:
    """An app with phones that every dialect can name, served by the sandbox; keys for each door."""

    def __init__(self, url: str, size: int) -> None:
        from campaigns.models import Device
        from providers import registry

        self.app = engine.make_app("doors", size)
        sandbox = next(dialect for dialect in registry.all_dialects() if dialect.is_sandbox)
        engine.route_through(self.app, sandbox, url)
        devices = Device.objects.filter(app=self.app).order_by("pk")
        self.tokens: list[str] = list(devices.values_list("token", flat=True))
        self.dialects = [dialect for dialect in registry.all_dialects() if dialect.has_door]
        self._name_devices(devices[:RECIPIENTS])
        engine.analyze()
        self.keys = [self._issue_key(number) for number in range(KEYS)]
        self.used = 0

    def _name_devices(self, devices: Any) -> None:
        """Each is somebody's, and known to every vendor by an id that is its token's text too."""
        from campaigns.models import DeviceIdentifier, Person
        from campaigns.models.audience import hash64

        kinds = {kind for dialect in self.dialects for kind in dialect.identifier_kinds}
        names = {kind.name for kind in kinds if not kind.is_token}
        for device in devices:
            device.person = Person.objects.create(
                workspace=self.app.workspace, external_user_id=device.token
            )
            device.save()
            DeviceIdentifier.objects.bulk_create(
                DeviceIdentifier(
                    app=self.app, device=device, kind=name, value=device.token,
                    value_hash=hash64(device.token),
                )
                for name in names
            )  # fmt: skip

    def _issue_key(self, number: int) -> str:
        from campaigns.services.access import issue_key

        workspace, now = self.app.workspace, datetime.now(UTC)
        _key, text = issue_key(workspace, name=f"{number}", apps=[self.app], actor="b", now=now)
        return text

    def write(self, dialect: Any, count: int = RECIPIENTS, wait: float = 0.0) -> Post:
        """A send as our own client would make it, with an id and a key that come next."""
        self.used += 1
        request = self.connect(dialect).write(self.make_push(dialect, count, wait))
        text = self.keys[self.used % KEYS]
        headers = {**request.headers, "Authorization": dialect.write_authorization(text)}
        url = urlsplit(request.url)
        return Post(f"{url.path}?{url.query}".rstrip("?"), headers, request.body)

    def connect(self, dialect: Any) -> Any:
        from campaigns.services.doors import ensure_door
        from providers.outbound import AccountConfig

        door = ensure_door(self.app, dialect, datetime.now(UTC))
        urls = {spec.name: f"http://127.0.0.1/compat/{dialect.key}" for spec in dialect.base_urls}
        credentials = {spec.name: "good" for spec in dialect.credentials}
        return dialect.connect(
            AccountConfig(
                public_id="b", credentials=credentials, base_urls=urls, options=door.identifiers
            )
        )

    def make_push(self, dialect: Any, count: int, wait: float) -> Any:
        from providers.commands import PushPart, SendPush
        from providers.message import PushMessage
        from providers.message_fields import Platform
        from providers.recipients import Audience, Targets

        message = PushMessage(title="Sale", body="Ends tonight").resolve(Platform.ANDROID)
        kind = find_kind(dialect)
        targets = (Targets(kind, tuple(self.tokens[:count])),) if kind else ()
        part = PushPart(message, targets, None if kind else Audience())
        group = str(self.app.groups.get(name="General").pk) if dialect.has_groups else ""
        return SendPush(
            parts=(part,), group=group, tag="sale", client_key=f"{self.used}", wait=wait
        )


def find_kind(dialect: Any) -> str:
    """How the dialect names an Android phone or who has it; "" where it names nobody."""
    from providers.contract import Addressing
    from providers.message_fields import Platform
    from providers.recipients import PersonKind

    kinds = [
        kind.name for kind in dialect.identifier_kinds if kind.platform in (None, Platform.ANDROID)
    ]
    if Addressing.USERNAME in dialect.limits.addressing:
        return str(PersonKind.EXTERNAL_USER_ID)
    if dialect.limits.addressing & {Addressing.TOKEN, Addressing.VENDOR_ID}:
        return kinds[0] if kinds else "token"
    return ""
