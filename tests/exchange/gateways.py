"""An app whose people gateways reach, over HTTP/2: who was called, and what each was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from importlib import import_module
from itertools import zip_longest
from typing import Any

import pytest

from campaigns.models import Account, App, Transfer
from providers import http, registry, vault
from providers.contract import Dialect
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.recipients import Targets
from providers.simulator import Simulator
from providers.simulator.gateways import GatewayServer
from tests import builders
from tests.exchange.conftest import PEOPLE, Scene
from tests.exchange.messages import find_fates
from tests.exchange.test_pairs import find_undeclared
from tests.gateways import serving_gateways
from tests.vendor_cases.accounts import make_account
from tests.vendor_cases.strategies import list_kinds

Out = Mapping[Platform, Dialect]
GATEWAYS = [dialect for dialect in registry.all_dialects() if dialect.connect and dialect.fans_out]


def share_out() -> list[Out]:
    """Which gateway serves each platform, in as many rounds as every pair of the two needs.

    In the first, those that reach the fewest platforms have theirs.
    """
    ranked = sorted(GATEWAYS, key=lambda gateway: len(gateway.platforms))
    known = [platform for platform in Platform if any(platform in one.platforms for one in ranked)]
    columns = [[one for one in ranked if platform in one.platforms] for platform in known]
    return [
        {
            platform: one or column[-1]
            for platform, column, one in zip(known, columns, row, strict=True)
        }
        for row in zip_longest(*columns)
    ]


ROUNDS = share_out()


def list_fresh(out: Out) -> set[Platform]:
    """The platforms that an earlier round has not tried with these gateways."""
    first = ROUNDS[0]
    return {platform for platform in out if out is first or out[platform] is not first[platform]}


def name_round(out: Out) -> str:
    return "-".join(gateway.key for gateway in out.values())


def get_reading(gateway: Dialect) -> Any:
    """How the tests of a gateway make a token of a name, and read its calls."""
    return import_module(f"tests.providers.{gateway.key}.reading")


@dataclass
class GatewayScene(Scene):
    """People on the platforms that gateways reach; `calls` are those that were taken."""

    server: GatewayServer = field(kw_only=True)
    out: Out = field(default_factory=dict)
    tokens: dict[Platform, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, GatewaySend, GatewayCall]] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = self.simulator.gateways
        for key, gateway in list(known.items()):
            known[key] = replace(gateway, read=partial(self._note, key, gateway.read))

    def _note(
        self, key: str, read: Callable[[GatewayCall], GatewaySend | GatewayReply], call: GatewayCall
    ) -> GatewaySend | GatewayReply:
        send = read(call)
        if isinstance(send, GatewaySend):
            self.calls.append((key, send, call))
        return send

    def serve(self, out: Out) -> None:
        """Let these gateways serve the app, and people on their platforms have their tokens."""
        self.out = out
        for gateway in {gateway.key: gateway for gateway in out.values()}.values():
            config = make_account(gateway, self.server.url)
            for platform in [one for one in out if out[one] is gateway]:
                builders.make_route(self.app, platform.value, gateway.key, options=config.options)
                self._add_people(platform, gateway)
            Account.objects.filter(dialect=gateway.key).update(
                credentials=vault.encrypt(config.credentials), base_urls=config.base_urls
            )

    def _add_people(self, platform: Platform, gateway: Dialect) -> None:
        make_token = get_reading(gateway).make_token
        self.names[platform] = [f"{platform.value}-{number}" for number in range(PEOPLE)]
        self.tokens[platform] = [
            make_token(f"{self.server.url}/{gateway.key}", name) for name in self.names[platform]
        ]
        for name, token in zip(self.names[platform], self.tokens[platform], strict=True):
            person = builders.make_person(self.app.workspace, name)
            device = builders.make_device(self.app, token, platform.value, person=person)
            self.add_ids(device, platform, name)

    def name(self, dialect: Dialect, platform: Platform) -> tuple[Targets, ...]:
        kind = list_kinds(dialect, platform)[0]
        tokens = {one.name for one in dialect.identifier_kinds if one.is_token}
        values = self.tokens[platform] if kind in tokens else self.names[platform]
        references = tuple(f"1.2.{name}.abc" for name in self.names[platform])
        return (Targets(kind, tuple(values), references if dialect.wants_references else ()),)

    def find_calls(self, platform: Platform) -> dict[str, list[GatewayCall]]:
        """The calls to devices of a platform, by their names."""
        gateway = self.out[platform]
        found: dict[str, list[GatewayCall]] = {}
        for key, send, call in self.calls:
            name = get_reading(gateway).find_name(send.recipient) if key == gateway.key else ""
            if name in self.names[platform]:
                found.setdefault(name, []).append(call)
        return found

    def find_taken(self, platform: Platform) -> PushMessage:
        """What all devices of a platform were told: what one alone was is no word of the message's
        (by such names a repeat replaces the first)."""
        read = get_reading(self.out[platform]).read_message
        calls = [call for calls in self.find_calls(platform).values() for call in calls]
        first, *others = [read(call).resolve(platform) for call in calls]
        blocks = [getattr(other, platform.value) for other in others]
        block = getattr(first, platform.value)
        own = {
            item.name: None
            for item in fields(block)
            if any(getattr(other, item.name) != getattr(block, item.name) for other in blocks)
        }
        return replace(first, **{platform.value: replace(block, **own)})


def find_wrong(scene: GatewayScene, transfer: Transfer, platform: Platform) -> dict[str, Any]:
    """As `find_undeclared`, without what a gateway has to be told because of another field."""
    implied = getattr(get_reading(scene.out[platform]), "IMPLIED", {})
    sent = transfer.parts.get().message.read()
    told = find_fates(sent, sent, platform)
    return {
        field: fate
        for field, fate in find_undeclared(scene, transfer, [platform]).items()
        if fate != "invented" or implied.get(field) not in told
    }


@pytest.fixture
def gateways(
    transactional_db: None, app: App, live_server: Any, tmp_path: Any, settings: Any
) -> Iterator[GatewayScene]:
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    settings.OUTBOUND_ALLOW = [live_server.url]
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield GatewayScene(app, live_server.url, simulator, server=server)
    http.get_session().close()  # its connections to our door, whose threads end then
    simulator.close()
