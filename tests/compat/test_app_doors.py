"""How a call's words for an app are understood, and by whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from campaigns.errors import Invalid, NotFound
from campaigns.models import App, AuditEntry, Door, DoorName
from campaigns.services.access import make_guest
from campaigns.services.callers import Caller, find_app
from campaigns.services.doors import ensure_door, find_door, open_secrets
from providers import registry
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SMALL = make_dialect(door_secrets=("certificate",))


@pytest.fixture
def spoken(monkeypatch):
    """The small dialect, spoken at a door of its own."""
    monkeypatch.setitem(registry._load_dialects(), SMALL.key, SMALL)
    return SMALL


def call_as(key) -> Caller:
    return Caller(key, SMALL, NOW)


def test_a_door_is_made_once_and_kept_whatever_becomes_of_the_app(app):
    first = ensure_door(app, SMALL, NOW)
    App.objects.filter(pk=app.pk).update(slug="renamed")

    again = ensure_door(App.objects.get(), SMALL, NOW)

    assert again.identifiers == first.identifiers
    assert again.identifiers["name"] == "acme#shop"
    assert len(again.identifiers["number"]) == 32
    assert open_secrets(again) == open_secrets(first)
    assert AuditEntry.objects.get().verb == "create"


def test_secrets_are_encrypted_and_no_two_doors_have_the_same(app):
    other = builders.make_app(app.workspace, "other")

    doors = [ensure_door(found, SMALL, NOW) for found in (app, other)]

    secrets = [open_secrets(door)["certificate"] for door in doors]
    assert len(set(secrets)) == 2
    assert all(len(secret) == 32 and int(secret, 16) >= 0 for secret in secrets)
    assert all(secret not in door.secrets for secret, door in zip(secrets, doors, strict=True))


def test_what_a_newer_dialect_knows_is_added_and_nothing_is_changed(app):
    first = ensure_door(app, SMALL, NOW)
    newer = make_dialect(
        door_secrets=("certificate", "seal"),
        door_identifiers=lambda known: {"name": "another", "sender": known.code[:8]},
    )

    door = ensure_door(app, newer, NOW)

    assert door.identifiers == {**first.identifiers, "sender": first.identifiers["number"][:8]}
    assert open_secrets(door)["certificate"] == open_secrets(first)["certificate"]
    assert len(open_secrets(door)["seal"]) == 32
    assert DoorName.objects.filter(door=door).count() == 4


def test_an_app_that_takes_anothers_former_slug_gets_a_name_of_its_own(app):
    ensure_door(app, SMALL, NOW)
    App.objects.filter(pk=app.pk).update(slug="old")
    heir = builders.make_app(app.workspace, "shop")
    key, _text = make_key(app)
    key.apps.add(heir)

    door = ensure_door(heir, SMALL, NOW)

    assert door.identifiers["name"] == f"acme#shop-{heir.pk}"
    assert find_app("acme#shop", call_as(key)) == app


def test_an_app_is_found_by_any_identifier_and_by_our_id(app):
    key, _text = make_key(app)
    identifiers = ensure_door(app, SMALL, NOW).identifiers

    found = [find_app(str(text), call_as(key)) for text in (*identifiers.values(), app.pk)]

    assert found == [app] * 4


def test_an_app_without_a_door_gets_one_when_it_is_named(app):
    key, _text = make_key(app)

    found = find_app("acme#shop", call_as(key))

    assert found == app
    assert Door.objects.get().identifiers["org"] == "acme"


def test_a_name_of_several_apps_means_none_of_them(app):
    other = builders.make_app(app.workspace, "other")
    key, _text = make_key(app)
    key.apps.add(other)

    with pytest.raises(NotFound):
        find_app("acme", call_as(key))


def test_no_name_is_the_keys_only_app(app):
    key, _text = make_key(app)

    alone = find_app("", call_as(key))
    key.apps.add(builders.make_app(app.workspace, "other"))

    assert alone == app
    with pytest.raises(Invalid):
        find_app("", call_as(key))


def test_nobody_finds_anothers_door(app):
    theirs = builders.make_app(builders.make_workspace("other"), "shop")
    door = ensure_door(theirs, SMALL, NOW)
    key, _text = make_key(app)

    for text in (*door.identifiers.values(), theirs.pk, "", "\0", "x" * 300, "9" * 40):
        assert find_door(SMALL, str(text), key, now=NOW) is None
    another = make_dialect("else", door_identifiers=lambda known: {})
    assert find_door(another, "other#shop", make_key(theirs)[0], now=NOW) is None


def test_two_tenants_may_have_the_same_words(app):
    theirs = builders.make_app(builders.make_workspace("other"), "shop")
    for found in (app, theirs):
        door = ensure_door(found, SMALL, NOW)
        DoorName.objects.create(door=door, dialect=SMALL.key, value="same")

    found = [find_app("same", call_as(make_key(own)[0])) for own in (app, theirs)]

    assert found == [app, theirs]
    with pytest.raises(NotFound):
        find_app("same", call_as(make_guest()))


def test_a_guest_finds_an_app_by_its_identifiers_and_by_nothing_else(app):
    door = ensure_door(app, SMALL, NOW)

    found = find_app(door.identifiers["number"], call_as(make_guest()))

    assert found == app
    for text in ("", str(app.pk), door.identifiers["number"][:-1]):
        with pytest.raises(NotFound):
            find_app(text, call_as(make_guest()))


def test_a_guest_reaches_no_row_of_anybody(app):
    guest = make_guest()

    assert not App.objects.for_user(guest).exists()
    assert not Door.objects.for_user(guest).exists()
    assert not builders.Person.objects.for_user(guest).exists()
    assert not builders.Account.objects.for_user(guest).exists()


def test_an_open_route_asks_for_no_key_but_lets_a_guest_do_little(client, app, spoken):
    door = ensure_door(app, spoken, NOW)

    answer = client.get(f"/compat/small/open/{door.identifiers['number']}")

    assert answer.status_code == 403
    assert answer.json()["code"] == "missing_scope"


def test_an_endpoint_with_an_error_shape_of_its_own_has_it_for_every_refusal(
    client, app, spoken, monkeypatch, caplog
):
    _key, text = make_key(app)
    shown = {"Authorization": text}
    where = "/compat/small/family/1"

    answers = [
        client.post(where),
        client.post(where, b"{", headers=shown, content_type="text/plain"),
        client.post(where, b"x" * 11, headers=shown, content_type="text/plain"),
        client.get(where, headers=shown),
        client.post(where, headers={**shown, "Host": "evil.example"}),
        client.post("/compat/small/family/none", b"{}", headers=shown, content_type="text/plain"),
    ]

    families = [(answer.status_code, answer.json().get("family")) for answer in answers]
    assert families == [
        (401, "unauthenticated"), (400, "malformed"), (413, "too_large"), (405, "method"),
        (400, "invalid"), (404, "not_found"),
    ]  # fmt: skip
    assert answers[3]["Allow"] == "POST"
    monkeypatch.setattr("campaigns.services.intake.execute", lambda *given: 1 // 0)
    broken = client.post(where, b"{}", headers=shown, content_type="text/plain")
    assert (broken.status_code, broken.json()) == (500, {"family": "internal"})
    assert "a call of small failed" in caplog.text


def test_other_endpoints_keep_the_dialects_shape(client, spoken):
    missing = client.get("/compat/small/groups")
    head = client.head("/compat/small/groups")

    assert set(json.loads(missing.content)) == {"error", "code", "words"}
    assert head.status_code == 405
    assert head["Allow"] == "GET"


def test_a_key_is_shown_its_own_apps_and_no_others(client, app, spoken):
    other = builders.make_app(app.workspace, "other")
    builders.make_app(builders.make_workspace("stranger"), "theirs")
    _key, wide = make_key(app)
    _key, narrow = make_key(other)
    _key.apps.set([other])

    def ask(text: str, path: str = "apps"):
        answer = client.get(f"/compat/small/{path}", headers={"Authorization": text})
        return [row["name"] for row in answer.json().get("apps", [])] or answer.status_code

    assert ask(wide) == ["acme#shop"]
    assert ask(narrow) == ["acme#other"]
    assert ask(narrow, "apps/acme%23other") == ["acme#other"]
    assert ask(narrow, "apps/acme%23shop") == 404
    assert ask(narrow, "apps/stranger%23theirs") == 404
