"""Subscribe this browser, in a real Chromium: the page, the service worker, what it tells."""

from __future__ import annotations

import json

import pytest

from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Account, Device, ReceiptRow
from tests.installation import wait_for
from tests.pages.test_people import make_part

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# A push service is what no test has: the subscription is made up, with keys of the browser's own.
SUBSCRIBE = """
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async function (options) {
  const key = btoa(String.fromCharCode(...options.applicationServerKey));
  const pair = await crypto.subtle.generateKey({name: "ECDH", namedCurve: "P-256"}, true, []).catch(
    () => crypto.subtle.generateKey({name: "ECDH", namedCurve: "P-256"}, true, ["deriveBits"]));
  const point = await crypto.subtle.exportKey("raw", pair.publicKey);
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const keys = {p256dh: text(point), auth: text(crypto.getRandomValues(new Uint8Array(16)))};
  return {toJSON: () => ({endpoint: "https://push.example/" + key.length, keys})};
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
    return sorted(ReceiptRow.objects.values_list("kind", flat=True))


def test_a_browser_is_subscribed_shows_a_push_and_its_clicks_are_in_the_books(
    staff, live_server, app, now
):
    staff.context.grant_permissions(["notifications"], origin=live_server.url)
    staff.add_init_script(SUBSCRIBE)
    staff.goto(f"{live_server.url}/browsers/")
    staff.get_by_role("button", name="Subscribe this browser").click()
    staff.get_by_text("A push is on its way").wait_for()
    device, account = Device.objects.get(), Account.objects.get()
    part = make_part(app, now)
    reference = write_receipt_token(part.pk, device.pk)
    session = staff.context.new_cdp_session(staff)
    registration = find_registration(staff, session)

    push = {"title": "Hi", "body": "There", "url": "javascript:alert(1)", "receipt": reference}
    deliver(session, live_server.url, registration, push)
    deliver(session, live_server.url, registration, push)
    wait_for("the notification", lambda: staff.evaluate(SHOWN))
    wait_for("its receipt", lambda: list_kinds(staff) == ["shown"])
    shown = staff.evaluate(SHOWN)
    [worker] = staff.context.service_workers
    worker.evaluate(ANSWER, "notificationclose")
    worker.evaluate(ANSWER, "notificationclick")

    wait_for("both answers", lambda: len(list_kinds(staff)) == 3)
    assert list_kinds(staff) == ["clicked", "dismissed", "shown"]
    assert shown == [
        {"title": "Hi", "body": "There", "tag": reference, "url": "javascript:alert(1)"}
    ]
    assert staff.evaluate(SHOWN) == []  # a click takes it off the screen
    assert len(staff.context.pages) == 1  # and goes nowhere but to a web address
    assert account.health == Account.Health.UNKNOWN
    assert set(ReceiptRow.objects.values_list("recipient", flat=True)) == {device.pk}
    staff.goto("about:blank")
