"""Tokens, the credentials of app groups, and proofs: whom they let in, and what ends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from campaigns.errors import Refused
from campaigns.models import ApiKey, App, AppGroup
from campaigns.services import access
from campaigns.services.credentials import find_principal
from campaigns.services.doors import bind_door, ensure_door, open_secrets
from campaigns.services.tokens import read_token, write_token
from providers import registry
from providers.inbound import ApiCredentials, Call
from providers.outcomes import RefusalCode, RefusalKind
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.small import authenticate, make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SMALL = make_dialect(door_secrets=("certificate",))
OTHER = make_dialect("else")


@pytest.fixture(autouse=True)
def _spoken(monkeypatch):
    monkeypatch.setitem(registry._load_dialects(), SMALL.key, SMALL)


def find_token(text: str, now: datetime = NOW, dialect=SMALL) -> ApiKey:
    return find_principal(ApiCredentials(text, is_token=True), dialect, now=now)


def refuse_token(text: str, now: datetime = NOW, dialect=SMALL) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        find_token(text, now, dialect)
    return caught.value.kind, caught.value.code


def post(client, path: str, body: dict):
    return client.post(f"/compat/small/{path}", json.dumps(body), content_type="text/plain")


def test_a_token_lets_its_key_in_until_it_ends(app):
    key, _text = make_key(app)
    token, seconds = write_token(key, SMALL, 60, now=NOW)

    found = find_token(token)

    assert (found, seconds) == (key, 60)
    assert found.last_used_at == NOW
    late = NOW + timedelta(seconds=60)
    assert refuse_token(token, late) == (RefusalKind.UNAUTHENTICATED, RefusalCode.EXPIRED)


def test_a_token_of_no_end_ends_with_its_key(app):
    key, _text = make_key(app)
    token, seconds = write_token(key, SMALL, 0, now=NOW)
    later = NOW + timedelta(days=9999)

    found = find_token(token, later)
    access.revoke_key(key, actor="owner", now=later)

    assert (found, seconds) == (key, 0)
    assert refuse_token(token, later) == (RefusalKind.UNAUTHENTICATED, RefusalCode.EXPIRED)


@pytest.mark.parametrize("ttl", [0, None, 10**30, 3601])
def test_no_token_outlives_its_key(app, ttl):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    key, _text = make_key(app, expires_at=end)
    begin = end - timedelta(hours=1)

    token, seconds = write_token(key, SMALL, ttl, now=begin)

    assert seconds == 3600
    assert refuse_token(token, end)[1] == RefusalCode.EXPIRED


def test_a_token_of_one_dialect_opens_no_other_door(app):
    key, _text = make_key(app)
    token, _seconds = write_token(key, SMALL, 60, now=NOW)

    refused = refuse_token(token, dialect=OTHER)

    assert refused == (RefusalKind.FORBIDDEN, RefusalCode.OTHER_DIALECT)


def test_a_token_of_a_key_that_is_gone_is_refused(app):
    key, _text = make_key(app)
    token, _seconds = write_token(key, SMALL, 0, now=NOW)
    key.delete()

    assert refuse_token(token)[1] == RefusalCode.EXPIRED


def test_a_token_that_was_cut_or_changed_anywhere_is_corrupt(app):
    key, _text = make_key(app)
    token, _seconds = write_token(key, SMALL, 60, now=NOW)

    changed = [token[:place] for place in range(4, len(token))]
    changed += [f"{token[:place]}é{token[place + 1 :]}" for place in range(4, len(token))]

    assert {refuse_token(text)[1] for text in changed} == {RefusalCode.CORRUPT}


@examples(max_examples=200)
@given(tail=st.text(max_size=90))
def test_no_forged_token_is_taken_and_none_makes_us_fail(tail):
    with pytest.raises(Refused) as caught:
        read_token(f"pt1.{tail}", now=NOW)

    assert caught.value.code == RefusalCode.CORRUPT


def test_a_token_of_another_installation_is_corrupt(app, settings):
    key, _text = make_key(app)
    token, _seconds = write_token(key, SMALL, 60, now=NOW)
    settings.SECRET_KEY = "another" * 8

    assert refuse_token(token)[1] == RefusalCode.CORRUPT


def test_a_script_exchanges_its_id_and_secret_for_a_token(client, app):
    _key, text = make_key(app)
    client_id, _dot, secret = text.partition(".")
    body = {"client_id": client_id, "client_secret": secret, "ttl": 90}

    told = post(client, "token/acme%23shop", body).json()

    assert (told["seconds"], told["name"]) == (90, "acme#shop")
    answer = client.get("/compat/small/groups", headers={"Authorization": told["token"]})
    assert answer.status_code == 200


def test_every_way_to_ask_wrongly_for_a_token_is_told_apart(client, app):
    key, text = make_key(app)
    revoked, revoked_text = make_key(app)
    access.revoke_key(revoked, actor="owner", now=NOW)
    foreign, foreign_text = make_key(app, "sandbox")
    theirs = builders.make_app(builders.make_workspace("other"), "shop")
    ensure_door(theirs, SMALL, NOW)
    right = text.partition(".")[2]

    def ask(client_id: str, secret: str, app: str = "acme%23shop", **more):
        answer = post(
            client, f"token/{app}", {"client_id": client_id, "client_secret": secret, **more}
        )
        return answer.status_code, answer.json()["code"]

    assert ask("nobody", right) == (401, "unknown_client")
    assert ask("a\0b", right) == (401, "unknown_client")
    assert ask(key.public_id, right[:-1]) == (401, "wrong_secret")
    assert ask(revoked.public_id, revoked_text.partition(".")[2]) == (401, "unknown_client")
    assert ask(foreign.public_id, foreign_text.partition(".")[2]) == (403, "other_dialect")
    assert ask(key.public_id, right, app="other%23shop") == (404, "no_app")
    assert ask(key.public_id, right, ttl=-1) == (400, "invalid")


@pytest.fixture
def both(app) -> tuple[AppGroup, App, str]:
    """A group of two of three apps, and its secret."""
    other = builders.make_app(app.workspace, "other")
    builders.make_app(app.workspace, "third")
    group = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key=access.make_group_key()
    )
    group.apps.set([app, other])
    secret = access.regenerate_group_secret(group, actor="owner", now=NOW)
    return group, other, secret


def find_group(key: str, secret: str) -> ApiKey:
    return find_principal(ApiCredentials(key, secret, is_group=True), SMALL, now=NOW)


def test_a_groups_key_and_secret_reach_its_member_apps_and_no_others(app, both):
    group, other, secret = both

    key = find_group(group.group_key, secret)

    assert {*App.objects.for_user(key)} == {app, other}
    assert access.has_role(key, app, "sender")
    assert not access.has_role(key, app, "composer")
    assert not access.has_role(key, App.objects.get(slug="third"), "sender")
    assert not key.is_wide()
    assert access.name_actor(key) == f"key {key.public_id}"
    assert find_group(group.group_key, secret) == key


def test_who_leaves_the_group_is_no_longer_reached(app, both):
    group, other, secret = both
    group.apps.remove(other)

    alone = {*App.objects.for_user(find_group(group.group_key, secret))}
    group.apps.clear()

    assert alone == {app}
    assert not App.objects.for_user(find_group(group.group_key, secret)).exists()


def test_a_new_secret_ends_the_old_one_and_a_revoked_key_needs_one(both):
    group, _other, first = both
    key = find_group(group.group_key, first)

    second = access.regenerate_group_secret(group, actor="owner", now=NOW)

    assert find_group(group.group_key, second) == key
    access.revoke_key(key, actor="owner", now=NOW)
    for secret in (first, second):
        with pytest.raises(Refused):
            find_group(group.group_key, secret)
    third = access.regenerate_group_secret(group, actor="owner", now=NOW)
    assert find_group(group.group_key, third) == key


def test_a_groups_credentials_are_no_ordinary_keys(client, app, both):
    group, _other, secret = both
    principal = find_group(group.group_key, secret)
    silent = AppGroup.objects.create(
        workspace=app.workspace, name="New", slug="new", group_key=access.make_group_key()
    )
    key, text = make_key(app)

    for shown in (
        (group.group_key, secret),
        (principal.public_id, secret),
        (principal.public_id, ""),
    ):
        with pytest.raises(Refused):
            access.find_key(shown, now=NOW)
    for shown in (
        (silent.group_key, ""), (group.group_key, ""), ("a\0", ""),
        (key.public_id, text.partition(".")[2]),
    ):  # fmt: skip
        with pytest.raises(Refused):
            find_group(*shown)


def test_a_proof_counts_for_as_much_as_the_key_behind_it(client, app):
    key, _text = make_key(app, "small", scopes=["read"])
    door = bind_door(ensure_door(app, SMALL, NOW), SMALL, key, actor="owner", now=NOW)
    half = open_secrets(door)["certificate"][:16]
    number = door.identifiers["number"]

    def call(shown: str):
        answer = client.get("/compat/small/groups", headers={"Authorization": f"proof {shown}"})
        return answer.status_code, answer.json().get("code")

    assert call(f"{number}:{half}") == (200, None)
    assert call(f"{number}:{half[:-1]}") == (401, "wrong_secret")
    assert call(f"{number}:?") == (401, "corrupt")
    assert call(f"nobody:{half}") == (401, "unknown_client")
    assert call(f"{app.pk}:{half}") == (401, "unknown_client")
    access.revoke_key(key, actor="owner", now=NOW)
    assert call(f"{number}:{half}") == (401, "expired")


def test_a_door_that_is_bound_anew_after_a_revocation_has_other_secrets(app):
    first, _text = make_key(app, "small")
    second, _text = make_key(app, "small")
    third, _text = make_key(app, "small")
    door = ensure_door(app, SMALL, NOW)

    bound = open_secrets(bind_door(door, SMALL, first, actor="owner", now=NOW))
    kept = open_secrets(bind_door(door, SMALL, second, actor="owner", now=NOW))
    access.revoke_key(first, actor="owner", now=NOW)
    fresh = open_secrets(bind_door(door, SMALL, third, actor="owner", now=NOW))

    assert bound == kept
    assert not set(bound.values()) & set(fresh.values())
    door.refresh_from_db()
    assert door.api_key == third


def test_a_door_that_nobody_was_given_is_proven_by_nobody(app):
    door = ensure_door(app, SMALL, NOW)
    call = f"proof {door.identifiers['number']}:{open_secrets(door)['certificate'][:16]}"
    shown = authenticate(Call(headers={"authorization": call}))

    with pytest.raises(Refused) as caught:
        find_principal(shown, SMALL, now=NOW)

    assert caught.value.code == RefusalCode.UNKNOWN_CLIENT
