"""Subscribe this browser: an account from one click, and what a service worker tells."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Account, Campaign, Device, Membership, ReceiptRow, Route
from campaigns.pages.browsers import WORKER
from campaigns.services.accounts import check_account, find_credentials
from campaigns.services.browsers import find_key, open_browser_account
from providers import registry
from tests import builders
from tests.pages.test_people import make_part

SUBSCRIPTION = {
    "endpoint": "https://push.example/abc",
    "expirationTime": None,
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkN"
        "toIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
Role = Membership.Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, app):
    user = builders.make_member("ada", app.workspace, role=Role.ADMIN)
    client.force_login(user)
    return client


def post(client, name, app, **told):
    body = json.dumps({"app": app.pk, **told})
    return client.post(reverse(name), body, content_type="application/json")


def test_one_click_makes_the_account_the_route_and_the_key(admin, app, now):
    first = post(admin, "open_browser_account", app).json()["key"]
    kept = post(admin, "keep_browser", app, subscription=SUBSCRIPTION)
    again = post(admin, "open_browser_account", app).json()["key"]

    account = Account.objects.get()
    assert first == again == find_key(account)
    assert kept.status_code == 200
    assert len(first) == 87
    assert [(route.platform, route.account) for route in Route.objects.filter(app=app)] == [
        ("web", account)
    ]
    assert find_credentials(account)["private_key"] not in account.credentials
    Device.objects.all().delete()  # else its push service would be asked
    assert check_account(account, actor="ada", now=now).is_good


@pytest.mark.parametrize("subscription", [None, {**SUBSCRIPTION, "endpoint": "http://x"}])
def test_a_browser_that_gets_no_subscription_leaves_nothing_behind(admin, app, subscription):
    first = post(admin, "open_browser_account", app).json()["key"]
    post(admin, "keep_browser", app, subscription=subscription)
    again = post(admin, "open_browser_account", app).json()["key"]

    assert first == again
    assert not Account.objects.exists()
    assert not Route.objects.exists()


def test_what_was_not_offered_makes_no_account(admin, app):
    answer = post(admin, "keep_browser", app, subscription=SUBSCRIPTION)

    assert (answer.status_code, Account.objects.exists(), Device.objects.exists()) == (
        409, False, False,
    )  # fmt: skip
    assert "Reload the page" in answer.json()["message"]


def test_who_subscribed_with_a_key_that_another_was_made_of_tries_again(admin, app, owner, now):
    offered = post(admin, "open_browser_account", app).json()["key"]
    made = open_browser_account(app, owner, actor="olga", now=now)

    refused = post(admin, "keep_browser", app, subscription=SUBSCRIPTION)
    key = post(admin, "open_browser_account", app).json()["key"]
    kept = post(admin, "keep_browser", app, subscription=SUBSCRIPTION)

    assert (refused.status_code, kept.status_code) == (409, 200)
    assert offered != key == find_key(made)
    assert Account.objects.get() == made


def test_the_apps_of_a_workspace_share_one_account(admin, app):
    other = builders.make_app(app.workspace, "depot")
    for one in (app, other):
        post(admin, "open_browser_account", one)
        post(admin, "keep_browser", one, subscription=SUBSCRIPTION)

    assert Account.objects.count() == 1
    assert set(Route.objects.values_list("app", flat=True)) == {app.pk, other.pk}


def test_a_subscription_becomes_a_test_device_and_gets_a_push(admin, app):
    post(admin, "open_browser_account", app)

    answers = [post(admin, "keep_browser", app, subscription=SUBSCRIPTION) for _ in range(2)]

    device = Device.objects.get()
    page = admin.get(reverse("browsers")).content.decode()
    tests = Campaign.objects.filter(is_test=True)
    assert [answer.json()["address"] for answer in answers] == ["/browsers/"] * 2
    assert (device.platform, json.loads(device.token)["keys"]) == ("web", SUBSCRIPTION["keys"])
    assert [one.group.name for one in device.testers.all()] == ["Browsers"]
    assert tests.count() == 2
    assert Campaign.objects.filter(is_test=False, name="First push").count() == 1
    assert f"#{device.pk}" in page


@pytest.mark.parametrize(
    "subscription",
    [
        None,
        "x",
        {"endpoint": "http://push.example/a", "keys": SUBSCRIPTION["keys"]},
        {"endpoint": "https://push.example/a"},
        {"endpoint": "https://push.example/a", "keys": {"p256dh": 1, "auth": None}},
        {**SUBSCRIPTION, "endpoint": "https://push.example/" + "a" * 5000},
        {**SUBSCRIPTION, "endpoint": "https://push.example/wp/../b"},
    ],
)
def test_what_is_no_subscription_is_refused_in_words(admin, app, subscription):
    answer = post(admin, "keep_browser", app, subscription=subscription)

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert not Device.objects.exists()


def test_who_may_not_add_accounts_cannot_make_one_and_who_may_not_write_cannot_subscribe(
    client, app
):
    composer = builders.make_member("cleo", app.workspace, role=Role.COMPOSER)
    viewer = builders.make_member("vic", app.workspace, role=Role.VIEWER)

    client.force_login(composer)
    unmade = post(client, "open_browser_account", app)
    client.force_login(viewer)
    unseen = post(client, "keep_browser", app, subscription=SUBSCRIPTION)

    assert (unmade.status_code, unseen.status_code) == (403, 404)
    assert not Account.objects.exists()
    assert not Device.objects.exists()


def test_another_account_for_browsers_is_left_in_its_place(admin, app):
    builders.make_route(app, "web")

    answer = post(admin, "open_browser_account", app)

    assert answer.status_code == 409
    assert "through another account" in answer.json()["message"]


def test_a_browser_of_another_workspace_is_nobodys(admin, other_app, app):
    device = builders.make_device(other_app, json.dumps(SUBSCRIPTION), platform="web")

    assert admin.post(reverse("push_browser", args=[device.pk])).status_code == 404


def test_the_worker_has_a_scope_and_a_policy_of_its_own(client):
    answer = client.get(reverse("browser_worker"))

    assert answer["Service-Worker-Allowed"] == "/browsers/"
    assert answer["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in answer.content
    assert WORKER.endswith("push_worker.js")


def test_only_dialects_that_browsers_subscribe_with_say_so():
    spoken = [one for one in registry.all_dialects() if one.find_browser_key]

    assert len(spoken) == 1
    assert spoken[0].make_credentials


def tell(client, **body):
    text = json.dumps(body)
    return client.post("/device/v1/receipts/", text, content_type="text/plain;charset=UTF-8")


def test_a_receipt_needs_no_login_and_counts_once(client, app, sent_part):
    part, device = sent_part
    reference = write_receipt_token(part, device)

    told = [tell(client, reference=reference, event="clicked").json() for _ in range(2)]

    assert told == [{"new": 1}, {"new": 0}]
    assert [(row.recipient, row.kind) for row in ReceiptRow.objects.all()] == [(device, "clicked")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reference": "1.1.1.000000000000"}, 404),
        ({"reference": ""}, 400),
        ({"event": "unregistered"}, 400),
        ({"more": 1}, 400),
    ],
)
def test_a_forged_receipt_is_refused(client, sent_part, change, status):
    body = {"reference": write_receipt_token(*sent_part), "event": "clicked", **change}

    assert tell(client, **body).status_code == status
    assert not ReceiptRow.objects.exists()


@pytest.fixture
def sent_part(app, now):
    """A part and a recipient of it."""
    device = builders.make_device(app, json.dumps(SUBSCRIPTION), platform="web")
    return make_part(app, now).pk, device.pk


@pytest.fixture
def other_app():
    return builders.make_app(builders.make_workspace("globex"), slug="elsewhere")


def test_a_stranger_sees_no_browser_and_a_slip_is_told(client, app, admin):
    strange = [post(admin, "open_browser_account", type("App", (), {"pk": pk})) for pk in (0, "x")]

    assert [answer.status_code for answer in strange] == [404, 400]
    assert client.get(reverse("open_browser_account")).status_code == 405
