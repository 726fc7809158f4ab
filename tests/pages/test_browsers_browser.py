"""Subscribe this browser, in a real Chromium: the page, the service worker, what it tells."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import OperationalError

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Delivery, Device, ReceiptRow
from providers import registry
from providers.simulator import Simulator
from tests.chromium import find_whole_chromium
from tests.gateways import serving_gateways
from tests.installation import wait_for
from tests.looking import find_barriers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# No push service gives Chromium a subscription here: its keys are the test's, and its endpoint is
# the simulated service's.
REFUSE_ONCE = """() => {
  const subscribe = PushManager.prototype.subscribe;
  PushManager.prototype.subscribe = async () => {
    PushManager.prototype.subscribe = subscribe;
    throw new Error("Registration failed - permission denied");
  };
}"""
SUBSCRIBE = """
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async (options) => {
  if (options.applicationServerKey.length !== 65) throw new Error("no key");
  return {toJSON: () => (%s)};
};
"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map((one) => ({title: one.title, body: one.body, tag: one.tag, url: one.data.url}))"""
# What a browser does when somebody clicks: no machine can click outside the page.
ANSWER = """async (kind) => {
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent(kind, {notification}));
}"""


def find_registration(page, session) -> str:
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(row["registrationId"] for row in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    while not found:  # the event comes when the page turns; its test has a time limit
        page.wait_for_timeout(50)
    return found[0]


def deliver(session, url, registration, body) -> None:
    told = {"origin": url, "registrationId": registration, "data": json.dumps(body)}
    session.send("ServiceWorker.deliverPushMessage", told)


def list_kinds(page) -> list[str]:
    page.wait_for_timeout(100)
    try:
        return sorted(ReceiptRow.objects.values_list("kind", flat=True))
    except OperationalError:  # the server's thread writes there, in the same memory
        return []


@pytest.fixture(scope="module")
def browser(launch_browser):
    """One that shows pushes, which a lighter one does not."""
    with launch_browser(executable_path=find_whole_chromium()) as browser:
        yield browser


@pytest.fixture
def seen() -> list[bytes]:
    """What the push service was given, sealed."""
    return []


@pytest.fixture
def service(tmp_path, settings, seen):
    """The simulated push service."""
    simulator = Simulator(registry.all_dialects(), tmp_path / "journal.jsonl")
    [(key, gateway)] = [
        (one.key, one.gateway) for one in registry.all_dialects() if one.find_browser_key
    ]

    def read(call):
        seen.append(call.body)
        return gateway.read(call)

    simulator.gateways = {key: replace(gateway, read=read)}
    with serving_gateways(simulator, tmp_path, settings) as server:
        yield f"{server.url}/{key}"
    simulator.close()


def test_a_browser_is_subscribed_shows_a_push_and_its_clicks_are_in_the_books(
    staff, live_server, app, service, seen
):
    browser = ec.generate_private_key(ec.SECP256R1())
    secret = os.urandom(16)
    staff.context.grant_permissions(["notifications"], origin=live_server.url)
    staff.add_init_script(SUBSCRIBE % write_subscription(f"{service}/b/1", browser, secret))
    staff.goto(f"{live_server.url}/browsers/")
    staff.evaluate(REFUSE_ONCE)
    staff.get_by_role("button", name="Subscribe this browser").click()
    staff.get_by_role("alert").filter(has_text="Private windows give none").wait_for()
    assert not Account.objects.exists()
    staff.get_by_role("button", name="Subscribe this browser").click()
    staff.get_by_text("A push is on its way").wait_for()
    assert find_barriers(staff) == []
    drain()
    [sealed] = seen
    push = json.loads(http_ece.decrypt(sealed, private_key=browser, auth_secret=secret))
    session = staff.context.new_cdp_session(staff)
    registration = find_registration(staff, session)

    for _twice in range(2):
        deliver(session, live_server.url, registration, {**push, "url": "javascript:alert(1)"})
    wait_for("its receipt", lambda: list_kinds(staff) == ["shown"])
    shown = staff.evaluate(SHOWN)
    [worker] = staff.context.service_workers
    # One after the other: in a database in memory the second writer is refused, not kept waiting.
    for number, answer in enumerate(("notificationclose", "notificationclick"), start=2):
        worker.evaluate(ANSWER, answer)
        staff.wait_for_timeout(500)
        wait_for(answer, lambda number=number: len(list_kinds(staff)) == number)

    device, delivery = Device.objects.get(), Delivery.objects.get()
    assert (delivery.recipient, delivery.outcome) == (device.pk, "sent")
    assert list_kinds(staff) == ["clicked", "dismissed", "shown"]
    assert [(one["title"], one["tag"]) for one in shown] == [("It works", push["receipt"])]
    assert staff.evaluate(SHOWN) == []  # a click takes it off the screen
    assert len(staff.context.pages) == 1  # and goes nowhere but to a web address
    assert set(ReceiptRow.objects.values_list("recipient", flat=True)) == {device.pk}
    assert check_books().faults == []
    staff.goto("about:blank")


def write_subscription(endpoint: str, browser: ec.EllipticCurvePrivateKey, secret: bytes) -> str:
    point = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": write_text(point), "auth": write_text(secret)}
    return json.dumps({"endpoint": endpoint, "keys": keys})


def write_text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
