"""Pages of customers' websites at the device door: who may read its answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.test import APIClient

from campaigns.models import Account, App, Route
from campaigns.models.web_origins import MOST
from campaigns.services import device_door
from providers import registry, vault
from tests import builders

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"
NEWS = "https://news.example:8443"
ALLOWED = "Access-Control-Allow-Origin"


def open_app(app, *origins):
    device_door.open_door(app, actor="owner", now=datetime.now(UTC))
    App.objects.filter(pk=app.pk).update(web_origins=list(origins))
    return app


@pytest.fixture
def shop(app):
    return open_app(app, SHOP)


@pytest.fixture
def news(app):
    return open_app(builders.make_app(app.workspace, slug="news"), NEWS)


def register(app, origin):
    body = {"app_key": app.device_key, "platform": "web", "installation_id": f"at {origin}"}
    return APIClient().post("/device/v1/register/", body, format="json", headers={"Origin": origin})


def ask_before(path, origin):
    """What a browser asks before a page's call."""
    return APIClient().options(
        f"/device/v1/{path}/",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("register", "POST"),
        ("device", "PATCH"),
        ("device", "DELETE"),
        ("events", "POST"),
        ("inbox", "GET"),
        ("browser-key", "GET"),
    ],
)
def test_a_browser_that_asks_before_a_listed_page_calls_is_told_yes(shop, path, method):
    answer = ask_before(path, SHOP)

    assert (answer.status_code, answer[ALLOWED], answer["Vary"]) == (204, SHOP, "Origin")
    assert method in answer["Access-Control-Allow-Methods"].split(", ")
    assert answer["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null",
     "https://shop.example:8443", "https://SHOP.example", "*", ""],
)  # fmt: skip
def test_no_other_page_is_told_anything(shop, origin):
    answers = [ask_before("register", origin), register(shop, origin)]

    assert [answer.has_header(ALLOWED) for answer in answers] == [False, False]
    assert [answer["Vary"] for answer in answers] == ["Origin"] * 2


def test_a_page_reads_answers_about_its_own_app_alone(shop, news):
    own, strange = register(shop, SHOP), register(news, SHOP)
    secret = {"Authorization": f"Bearer {strange.json()['secret']}", "Origin": SHOP}
    inbox = APIClient().get("/device/v1/inbox/", headers=secret)

    assert (own.status_code, own[ALLOWED]) == (201, SHOP)
    assert (strange.status_code, strange.has_header(ALLOWED)) == (201, False)
    assert (inbox.status_code, inbox.has_header(ALLOWED)) == (200, False)


def test_a_page_reads_why_it_was_refused(shop):
    register(shop, SHOP)

    again, unsigned = (
        register(shop, SHOP),
        APIClient().get("/device/v1/inbox/", headers={"Origin": SHOP}),
    )

    assert (again.status_code, again[ALLOWED]) == (409, SHOP)
    assert (unsigned.status_code, unsigned[ALLOWED]) == (401, SHOP)


def test_no_other_part_of_the_installation_answers_pages_of_others(shop, client):
    paths = ["/api/v1/campaigns/", "/healthz", "/browsers/worker.js", "/admin/login/"]

    answers = [client.get(path, headers={"Origin": SHOP}) for path in paths]

    assert [answer.has_header(ALLOWED) for answer in answers] == [False] * len(paths)


def test_a_page_is_told_what_to_subscribe_with(shop):
    [dialect] = [one for one in registry.all_dialects() if one.find_browser_key]
    before = ask_key(shop.device_key)
    builders.make_route(shop, "web", dialect.key)
    Account.objects.update(credentials=vault.encrypt(dict(dialect.make_credentials())))

    answer = ask_key(shop.device_key)

    assert Route.objects.get().account.dialect == dialect.key
    assert (before.status_code, before.json()["code"]) == (409, "not_ready")
    assert (answer.status_code, len(answer.json()["key"]), answer[ALLOWED]) == (200, 87, SHOP)
    assert [ask_key(key).status_code for key in ("none", "", "\0")] == [404, 404, 400]


def ask_key(key):
    return APIClient().get("/device/v1/browser-key/", {"app_key": key}, headers={"Origin": SHOP})


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "https://shop.example:8443", "http://localhost:3000",
     "http://127.0.0.1", "https://xn--bcher-kva.example"],
)  # fmt: skip
def test_an_origin_is_kept_as_browsers_send_it(app, origin):
    app.web_origins = [origin]

    app.full_clean()
    app.save()
    device_door.open_door(app, actor="owner", now=datetime.now(UTC))

    assert App.objects.get(pk=app.pk).web_origins == [origin]
    assert ask_before("register", origin)[ALLOWED] == origin


@pytest.mark.parametrize(
    "origins",
    [["http://shop.example"], ["https://shop.example/"], ["https://shop.example:443"], ["*"],
     ["https://*.shop.example"], ["shop.example"], ["https://u@shop.example"], ["null"], [1], "x",
     ["https://shop.example\n"], ["https://a.example"] * (MOST + 1)],
)  # fmt: skip
def test_what_no_browser_would_send_is_refused_with_what_to_write(app, origins):
    app.web_origins = origins

    with pytest.raises(ValidationError) as refusal:
        app.full_clean()

    assert list(refusal.value.message_dict) == ["web_origins"]


def test_staff_write_websites_a_line_each(app, owner):
    client = Client()
    client.force_login(owner)
    address = f"/admin/campaigns/app/{app.pk}/change/"
    form = {
        "name": app.name, "slug": app.slug, "platforms": app.platforms, "timezone": app.timezone,
        "default_language": app.default_language, "cooling_seconds": app.cooling_seconds,
        "routes-TOTAL_FORMS": 0, "routes-INITIAL_FORMS": 0,
    }  # fmt: skip
    lines = f"{SHOP}/\nHTTPS://news.example:8443\n{SHOP}"

    wrong = client.post(address, {**form, "web_origins": "http://shop.example"})
    answer = client.post(address, {**form, "web_origins": lines})
    shown = client.get(address).content.decode()

    app.refresh_from_db()
    assert (wrong.status_code, answer.status_code) == (200, 302)
    assert "is no origin" in wrong.content.decode()
    assert app.web_origins == [SHOP, NEWS]
    assert f"{SHOP}\n{NEWS}</textarea>" in shown
