"""Installations whose routes lead in a circle: a push ends, and the books say why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Attempt, Route, Transfer
from campaigns.services.doors import ensure_door
from providers import vault
from providers.contract import Addressing
from providers.message import PushMessage
from providers.message_fields import Platform
from tests.compat.conftest import make_key
from tests.exchange.conftest import Scene, write
from tests.exchange.test_pairs import VENDORS
from tests.vendor_cases.accounts import make_account

HOP = "X-Pushadmin-Hop"
DIALECT = next(
    one for one in VENDORS if Addressing.VENDOR_ID in one.limits.addressing and not one.has_groups
)


@pytest.fixture
def neighbour(live_server) -> Iterator[str]:
    """Another installation: it sends on to us what it gets, one hop later, under its own id."""

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _sender, _comma, count = self.headers[HOP].partition(",")
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
            headers = {**kept, HOP: f"neighbour,{int(count) + 1}"}
            answer = requests.post(live_server.url + self.path, body, headers=headers, timeout=10)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *words: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def lead_back(scene: Scene, url: str) -> None:
    """Let the app's pushes leave for its own door, at this address."""
    scene.send_through(DIALECT)
    config = make_account(DIALECT, f"{url}/compat")
    _key, text = make_key(scene.app)
    public_id, _dot, secret = text.partition(".")
    shown = DIALECT.describe_key({"key": public_id, "secret": secret})
    credentials = {**dict.fromkeys(config.credentials, text), **shown}
    Account.objects.update(credentials=vault.encrypt(credentials), base_urls=config.base_urls)
    door = ensure_door(scene.app, DIALECT, datetime.now(UTC))
    Route.objects.update(options={**config.options, **door.identifiers})


def send_one(scene: Scene) -> None:
    client = scene.connect(DIALECT)
    message = PushMessage(title="Sale", body="Today").resolve(Platform.ANDROID)
    client.send(write(client, DIALECT, message, "17", scene.name(DIALECT, Platform.ANDROID)))
    scene.work()


def test_a_door_that_leads_to_itself_refuses_the_first_round(scene: Scene):
    lead_back(scene, scene.url)

    send_one(scene)

    assert [transfer.hops for transfer in Transfer.objects.order_by("pk")] == [0]
    [attempt] = Attempt.objects.all()
    assert "circle" in attempt.words
    assert check_books().faults == []


def test_two_installations_in_a_circle_refuse_the_third_round(scene: Scene, neighbour, settings):
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, neighbour]
    lead_back(scene, neighbour)

    send_one(scene)

    assert [transfer.hops for transfer in Transfer.objects.order_by("pk")] == [0, 2]
    told = [attempt.words for attempt in Attempt.objects.order_by("pk")]
    assert "circle" in told[-1]
    assert check_books().faults == []
