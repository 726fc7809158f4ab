"""What holds at the door of every dialect, derived from its routes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from campaigns.models import ApiKey, KeyUse
from campaigns.models.access import find_installation
from campaigns.services import access
from tests.compat.conftest import OPEN, make_key
from tests.compat.test_fuzz import IS_FULL

pytestmark = [pytest.mark.django_db, pytest.mark.database]
for_each = pytest.mark.parametrize("dialect", OPEN, ids=lambda dialect: dialect.key)
ROUTES = [(dialect, route) for dialect in OPEN for route in dialect.routes]
for_each_route = pytest.mark.parametrize(
    ("dialect", "route"),
    ROUTES,
    ids=[f"{item.key} {way.method} {way.path}" for item, way in ROUTES],
)
EXAMPLES = 500 if IS_FULL else 6


def fill(path: str, text: str = "1") -> str:
    return "/".join(text if piece.startswith("{") else piece for piece in path.split("/"))


def assert_shape(dialect, answer, kind, route=None):
    """The answer is what its route, else its dialect, writes for such a refusal."""
    from providers.outcomes import Refusal

    write = (route and route.write_refusal) or dialect.write_refusal
    expected = write(Refusal(kind, "words"))
    assert answer.status_code == expected.status
    assert answer["Content-Type"] == "application/json"
    assert set(expected.body) <= set(json.loads(answer.content))


@pytest.mark.long
@pytest.mark.parametrize(
    ("dialect", "route"),
    [(dialect, route) for dialect, route in ROUTES if not route.is_open],
    ids=[f"{item.key} {way.method} {way.path}" for item, way in ROUTES if not way.is_open],
)
def test_a_call_without_a_key_is_refused_in_the_dialects_shape(client, dialect, route):
    answer = client.generic(route.method, f"/compat/{dialect.key}/{fill(route.path)}")

    kind = "malformed" if route.is_open else "unauthenticated"
    assert_shape(dialect, answer, kind, route)


@pytest.mark.long
@for_each_route
def test_a_body_that_is_no_json_is_refused_in_the_dialects_shape(speak, dialect, route):
    answer = speak(dialect).call(route.method, fill(route.path, "0"), b"{")

    # Nobody looks at the body of a GET.
    assert answer.status_code in ((200, 400, 404) if route.method == "GET" else (400, 404))
    assert answer["Content-Type"] == "application/json"


@for_each
def test_an_expired_a_revoked_and_a_strange_key_are_refused_alike(speak, app, dialect):
    path = fill(dialect.routes[0].path)
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired, expired_text = make_key(app)
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=past)
    revoked, revoked_text = make_key(app)
    access.revoke_key(revoked, actor="owner", now=past)

    for text in (expired_text, revoked_text, "no.key", "", "\u00e9"):
        answer = speak(dialect, text or "x").call(dialect.routes[0].method, path)
        assert_shape(dialect, answer, "unauthenticated")


@for_each
def test_a_key_of_another_dialect_is_refused(speak, app, dialect):
    _key, text = make_key(app, "sandbox")

    answer = speak(dialect, text).call(dialect.routes[0].method, fill(dialect.routes[0].path))

    assert_shape(dialect, answer, "forbidden")


@for_each
def test_unknown_addresses_and_methods_are_refused_in_the_dialects_shape(speak, dialect):
    script = speak(dialect)
    answers = [script.call("GET", path) for path in ("", "nowhere", "a\n/b", "%00", "../x")]

    for answer in answers:
        assert_shape(dialect, answer, "not_found")
    known = fill(dialect.routes[0].path)
    answer = script.call("PATCH", known)
    assert_shape(dialect, answer, "method")
    assert dialect.routes[0].method in answer["Allow"].split(", ")


@for_each
def test_a_second_slash_before_the_path_or_one_behind_it_does_no_harm(speak, dialect):
    route = dialect.routes[0]
    path = fill(route.path)

    answers = [
        speak(dialect).call(route.method, one, b"{") for one in (f"/{path}", f"{path}/", path)
    ]

    assert 404 not in [answer.status_code for answer in answers]
    assert len({answer.status_code for answer in answers}) == 1


@for_each
def test_a_wrong_host_is_refused_in_the_dialects_shape(speak, dialect):
    route = dialect.routes[0]

    answer = speak(dialect).call(route.method, fill(route.path), Host="evil.example")

    assert_shape(dialect, answer, "invalid")


def test_a_wrong_host_is_refused_in_the_shape_of_the_door(client):
    answers = [
        client.get(path, headers={"Host": "evil.example"})
        for path in ("/api/v1/apps/", "/compat/nobody/x", "/compat", "/")
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert all(
        set(answer.json()) == {"code", "message", "fields", "request_id"} for answer in answers[:3]
    )
    assert answers[3]["Content-Type"].startswith("text/html")


def test_an_unknown_dialect_is_answered_in_json(client):
    answer = client.get("/compat/nobody/v1/push")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")


@for_each
def test_a_call_that_went_round_in_a_circle_is_refused(speak, dialect):
    route, own = dialect.routes[0], find_installation().installation_id
    script = speak(dialect)

    for hop in (f"{own},1", "another,4"):
        headers = {"X-Pushadmin-Hop": hop}
        assert_shape(dialect, script.call(route.method, fill(route.path), **headers), "forbidden")
    malformed = script.call(route.method, fill(route.path), **{"X-Pushadmin-Hop": "another"})
    assert malformed.status_code == 400


@for_each
def test_our_own_failure_has_the_dialects_shape(speak, dialect, monkeypatch, caplog):
    def fail(*args, **options):
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr(access, "find_key", fail)

    answer = speak_first(speak, dialect)

    assert_shape(dialect, answer, "internal")
    assert b"secret words" not in answer.content
    assert answer["X-Request-Id"] in answer.content.decode()
    assert "a call of" in caplog.text


def speak_first(speak, dialect):
    route = dialect.routes[0]
    return speak(dialect).call(route.method, fill(route.path))


@pytest.fixture
def script(speak, dialect):
    """One script, with one key, for all examples of a test."""
    return speak(dialect)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.some(48)
@pytest.mark.values(12)
@for_each_route
@examples(max_examples=EXAMPLES)
@given(
    body=json_values | st.binary(max_size=40),
    piece=st.text(max_size=12),
    query=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)
def test_no_body_and_no_path_makes_us_fail(script, dialect, route, *, body, piece, query):
    from urllib.parse import quote, urlencode

    KeyUse.objects.all().delete()
    content = body if isinstance(body, bytes) else json.dumps(body)
    path = f"{fill(route.path, quote(piece, safe='') or '1')}?{urlencode(query)}"

    answer = script.call(route.method, path, content)

    assert answer.status_code < 500
    assert answer["Content-Type"].startswith(("application/json", "text/csv"))
