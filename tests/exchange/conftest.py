"""Our door on one side, every vendor simulated on the other, and real sockets between."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.models import Account, App, Device, DeviceIdentifier
from campaigns.models.audience import hash64
from campaigns.services.doors import ensure_door
from providers import http, registry, vault
from providers.commands import CreateGroup, PushPart, SendPush
from providers.contract import Dialect
from providers.inbound import Reply
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig, Request
from providers.recipients import Audience, Targets
from providers.simulator import Simulator, open_server
from tests import builders
from tests.compat.conftest import make_key
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.reading import read_pushes
from tests.vendor_cases.strategies import list_kinds

PLATFORMS = (Platform.ANDROID, Platform.IOS)
PEOPLE = 3  # on each platform, with one device each
LATER = timedelta(minutes=3)  # some dialects send that late


class Watched(Simulator):
    """A simulator that remembers the pushes of each call that it was asked to take."""

    pushes: list[SendPush]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        reply = super().answer(method, target, headers, body)
        dialect = self.dialects.get(target.split("/")[1])
        if dialect is not None and reply.status < 300:
            self.pushes += read_pushes(dialect, method, target, body, headers)
        return reply


@pytest.fixture
def simulator(tmp_path: Any) -> Iterator[Watched]:
    simulator = Watched(registry.all_dialects(), tmp_path / "journal.jsonl")
    simulator.pushes = []
    server = open_server(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    simulator.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield simulator
    http.get_session().close()
    server.shutdown()
    thread.join()
    server.server_close()
    simulator.close()


@dataclass
class Scene:
    """An app with people on two platforms; `url` is where scripts find us."""

    app: App
    url: str
    simulator: Watched
    names: dict[Platform, list[str]] = field(default_factory=dict)

    def add_people(self) -> None:
        for platform in PLATFORMS:
            self.names[platform] = [f"{platform.value}-{number}" for number in range(PEOPLE)]
            for name in self.names[platform]:
                person = builders.make_person(self.app.workspace, name)
                device = builders.make_device(self.app, name, platform.value, person=person)
                self.add_ids(device, platform, name)

    def add_ids(self, device: Device, platform: Platform, name: str) -> None:
        """Every vendor knows the device by this name."""
        kinds = {kind for dialect in registry.all_dialects() for kind in dialect.identifier_kinds}
        DeviceIdentifier.objects.bulk_create(
            DeviceIdentifier(
                app=self.app, device=device, kind=kind.name, value=name, value_hash=hash64(name)
            )
            for kind in sorted(kinds, key=lambda kind: kind.name)
            if kind.platform in (None, platform) and not kind.is_token
        )  # fmt: skip

    def send_through(self, vendor: Dialect) -> None:
        """Let this simulated vendor serve the app."""
        config = make_account(vendor, self.simulator.url)
        for platform in PLATFORMS:
            builders.make_route(self.app, platform.value, vendor.key, options=config.options)
        Account.objects.update(
            credentials=vault.encrypt(config.credentials), base_urls=config.base_urls
        )

    def connect(self, dialect: Dialect) -> Any:
        """Our own client of a dialect, led to our own door with what `issue_key` would tell."""
        config = make_account(dialect, f"{self.url}/compat")
        _key, text = make_key(self.app)
        public_id, _dot, secret = text.partition(".")
        shown = dialect.describe_key({"key": public_id, "secret": secret})
        credentials = {**dict.fromkeys(config.credentials, text), **shown}
        door = ensure_door(self.app, dialect, datetime.now(UTC))
        return dialect.connect(
            AccountConfig(
                public_id="acc-1",
                credentials=credentials,
                base_urls=config.base_urls,
                options={**config.options, **door.identifiers},
            )
        )

    def name(self, dialect: Dialect, platform: Platform) -> tuple[Targets, ...]:
        """The people of a platform, as the dialect names them."""
        kind = list_kinds(dialect, platform)[0]
        names = tuple(self.names[platform])
        references = tuple(f"1.2.{name}.abc" for name in names)
        return (Targets(kind, names, references if dialect.wants_references else ()),)

    def find_taken(self, platform: Platform) -> PushMessage:
        """The message that the vendor took for a platform."""
        name = platform.value
        [taken] = [
            part.message
            for push in self.simulator.pushes
            for part in push.parts
            if name in part.message.resolve(platform).body
            and (not part.targets or self._means(part.targets, platform))
        ]
        return taken

    def _means(self, targets: tuple[Targets, ...], platform: Platform) -> bool:
        named = {value for item in targets for value in item.values}
        return bool(named & set(self.names[platform]))

    def count_taken(self, vendor: Dialect) -> int:
        """How many recipients the vendor's calls named that it has accepted."""
        summary = self.simulator.vendor.summarize(vendor.key)
        return int(summary["accepted_recipients"])

    def work(self) -> None:
        """All that there is to do, a while later."""
        drain(clock=lambda: datetime.now(UTC) + LATER)


def write(
    client: Any, dialect: Dialect, message: PushMessage, key: str, targets: tuple[Targets, ...] = ()
) -> Request:
    """A call by our client, as the engine would make it; without targets to everyone."""
    app = str(client.account.options.get("app_id", ""))
    group = client.ensure_group(CreateGroup(app, "News")) if dialect.has_groups else ""
    audience = None if targets else Audience()
    push = SendPush(
        parts=(PushPart(message, targets, audience),), group=group, tag="news", client_key=key
    )
    request: Request = client.write(push)
    return request


@pytest.fixture
def scene(transactional_db: None, app: App, live_server: Any, simulator: Watched, settings: Any):
    settings.OUTBOUND_ALLOW = [simulator.url, live_server.url]
    settings.SANDBOX_URL = simulator.url
    scene = Scene(app, live_server.url, simulator)
    scene.add_people()
    return scene
