"""Who may call: a key, a token that was fetched, a token that was built; and who may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import ApiKey
from campaigns.services import access
from providers.vendors.agora import wire_tokens
from tests import builders
from tests.compat.agora.conftest import NOW, Clock, Script, read_data, read_error
from tests.compat.conftest import make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
EXPIRED = "Unable to authenticate due to expired access token"
STRANGE = "Unable to authenticate"


def build(script: Script, **changes: Any) -> str:
    values = {
        "app_id": script.door.identifiers["app_id"],
        "certificate": script.secrets["app_certificate"],
        "now": NOW,
        "life": 3600,
        "salt": 1,
        **changes,
    }
    return wire_tokens.write_app_token(values.pop("app_id"), values.pop("certificate"), **values)


def fetch(script: Script, **changes: Any) -> Any:
    public_id, _dot, secret = script.text.partition(".")
    body = {
        "grant_type": "client_credentials",
        "client_id": public_id,
        "client_secret": secret,
        **changes,
    }
    return script.call("POST", "token", {k: v for k, v in body.items() if v is not None}, token="")


def test_a_token_is_given_for_a_clients_id_and_secret(script: Script) -> None:
    answer = fetch(script)

    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "expires_in", "application"}
    assert body["expires_in"] == 86_400
    assert body["application"] == script.door.identifiers["app_id"]
    assert read_data(script.call("GET", "push/label", token=body["access_token"])) == []


@pytest.mark.parametrize(("ttl", "seconds"), [(60, 60), (0, 0), (None, 86_400)])
def test_a_token_lives_as_long_as_it_was_asked_to(script: Script, ttl: Any, seconds: int) -> None:
    assert fetch(script, ttl=ttl).json()["expires_in"] == seconds


def test_a_token_that_has_expired_is_told_so(script: Script, clock: Clock) -> None:
    token = fetch(script, ttl=60).json()["access_token"]
    clock.move(61)

    refused = read_error(script.call("GET", "push/label", token=token))

    assert refused == (401, "unauthorized", EXPIRED)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"client_id": None}, (400, "illegal_argument", "client_id must be provided.")),
        ({"client_secret": None}, (400, "illegal_argument", "client_secret must be provided")),
        ({"client_id": "nobody"}, (400, "invalid_grant", "client_id does not match")),
        ({"client_secret": "wrong"}, (400, "invalid_grant", "client_secret does not match")),
    ],
)
def test_a_bad_client_gets_no_token(script: Script, changes: Any, refused: Any) -> None:
    assert read_error(fetch(script, **changes)) == refused


@pytest.mark.parametrize("body", [{"grant_type": "password"}, {"grant_type": None}])
def test_another_grant_is_refused(script: Script, body: Any) -> None:
    assert read_error(fetch(script, **body))[:2] == (400, "illegal_argument")


@pytest.mark.parametrize("ttl", [-1, "x", True, 1.5, [1]])
def test_a_life_that_is_none_is_refused(script: Script, ttl: Any) -> None:
    assert read_error(fetch(script, ttl=ttl))[:2] == (400, "illegal_argument")


def test_a_client_of_another_app_gets_no_token_for_this_one(script: Script) -> None:
    builders.make_app(script.app.workspace, "other")
    script.base = "acme/other"

    assert read_error(fetch(script))[:2] == (404, "organization_application_not_found")


def test_a_token_that_was_built_with_the_certificate_is_taken(script: Script) -> None:
    assert read_data(script.call("GET", "push/label", token=build(script))) == []


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"certificate": "0" * 32}, (401, "auth_bad_access_token", STRANGE)),
        ({"app_id": "0" * 32}, (401, "auth_bad_access_token", STRANGE)),
        ({"now": NOW - timedelta(hours=1)}, (401, "unauthorized", EXPIRED)),
        ({"now": NOW - timedelta(days=1), "life": 10**6}, (401, "unauthorized", EXPIRED)),
    ],
)
def test_a_token_that_was_built_badly_is_refused(
    script: Script, changes: Any, refused: Any
) -> None:
    assert read_error(script.call("GET", "push/label", token=build(script, **changes))) == refused


def test_a_built_token_is_for_its_own_app_alone(script: Script) -> None:
    other = builders.make_app(script.app.workspace, "other")
    make_key(other)
    script.base = "acme/other"

    refused = read_error(script.call("GET", "push/label", token=build(script)))

    assert refused[:2] == (404, "organization_application_not_found")


def test_a_built_token_ends_with_its_key(script: Script) -> None:
    token = build(script)
    access.revoke_key(script.key, actor="owner", now=NOW)

    assert read_error(script.call("GET", "push/label", token=token))[0] == 401


@pytest.mark.parametrize(
    ("token", "refused"),
    [
        ("", (401, "unauthorized", EXPIRED)),
        ("no.key", (401, "auth_bad_access_token", STRANGE)),
        (
            "007corrupt",
            (401, "auth_bad_access_token", "Unable to authenticate due to corrupt access token"),
        ),
        (
            "pt1.agora.x.0.forged",
            (401, "auth_bad_access_token", "Unable to authenticate due to corrupt access token"),
        ),
    ],
)
def test_who_shows_no_good_token_is_refused(script: Script, token: str, refused: Any) -> None:
    assert read_error(script.call("GET", "push/label", token=token)) == refused


def test_an_expired_key_is_refused(script: Script) -> None:
    ApiKey.objects.filter(pk=script.key.pk).update(expires_at=NOW - timedelta(seconds=1))

    assert read_error(script.call("GET", "push/label"))[0] == 401


def test_a_key_of_another_dialect_is_refused(script: Script) -> None:
    _key, text = make_key(script.app, "sandbox")

    assert read_error(script.call("GET", "push/label", token=text))[:2] == (403, "forbidden_op")


def test_a_key_without_the_right_is_refused(script: Script) -> None:
    _key, text = make_key(script.app, scopes=["read"])

    refused = read_error(script.call("POST", "push/label", {"name": "a"}, token=text))

    assert refused[:2] == (403, "forbidden_op")


def test_a_strangers_key_does_not_see_the_app(script: Script) -> None:
    stranger = builders.make_app(builders.make_workspace("others"), "shop")
    _key, text = make_key(stranger)

    refused = read_error(script.call("GET", "push/label", token=text))

    assert refused == (
        404, "organization_application_not_found", "Could not find application for acme#shop",
    )  # fmt: skip
