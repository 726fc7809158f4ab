"""Exactly at a limit of a route is taken, one over it is refused in the vendor's shape."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from campaigns.compat import rations, views
from campaigns.models import KeyUse
from providers.commands import PushPart, SendPush
from providers.inbound import Quota, Reply
from providers.message import PushMessage
from providers.recipients import Targets
from tests.compat.conftest import OPEN
from tests.compat.test_door import assert_shape, fill

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def list_routes(name: str) -> list[pytest.param]:
    """One route for each value that a dialect's routes have of a limit."""
    found = {
        (dialect.key, getattr(route, name)): (dialect, route)
        for dialect in OPEN
        for route in dialect.routes
        if getattr(route, name) and not route.is_open and route.method == "POST"
    }
    return [pytest.param(*way, id=f"{key} {value}") for (key, value), way in found.items()]


@pytest.mark.parametrize(("dialect", "route"), list_routes("max_bytes"))
def test_a_body_of_exactly_its_cap_is_read_and_one_byte_more_is_not(speak, dialect, route):
    script = speak(dialect)
    path = fill(route.path)

    exact = script.call("POST", path, b"[]" + b" " * (route.max_bytes - 2))
    over = script.call("POST", path, b"[]" + b" " * (route.max_bytes - 1))

    words = str(route.max_bytes).encode()
    assert exact.status_code < 500
    assert words not in exact.content
    assert words in over.content
    assert_shape(dialect, over, "too_large", route)


@pytest.mark.parametrize(("dialect", "route"), list_routes("max_recipients"))
def test_exactly_as_many_recipients_as_it_may_have_are_taken(
    speak, app, dialect, route, monkeypatch
):
    taken = []
    counts = iter((route.max_recipients, route.max_recipients + 1))

    def read(call):
        names = tuple(map(str, range(next(counts))))
        return SendPush(parts=(PushPart(PushMessage(body="Hi"), (Targets("token", names),)),))

    small = replace(route, read=read, write=lambda answer, call: Reply(200, {}))
    spoken = replace(dialect, routes=(small,), name_door=None)
    monkeypatch.setattr(views, "find_dialect", lambda key: spoken)
    monkeypatch.setattr(
        rations.intake,
        "execute",
        lambda command, caller: taken.append(command) or Reply(200, {}),
    )
    script = speak(dialect)

    exact, over = (script.call("POST", fill(route.path), b"{}") for _call in range(2))

    assert exact.status_code == 200
    assert_shape(dialect, over, "invalid", route)
    assert [len(push.parts[0].targets[0].values) for push in taken] == [route.max_recipients]


def find_quota(param) -> Quota:
    dialect, route = param.values
    return dialect.quotas[route.quota]


QUOTAS = [
    pytest.param(dialect, route, id=f"{dialect.key} {name}")
    for dialect in OPEN
    for name, quota in dialect.quotas.items()
    if not quota.per_app
    for route in [next(route for route in dialect.routes if route.quota == name)]
]

BURSTS = [param for param in QUOTAS if find_quota(param).burst]
DAYS = [param for param in QUOTAS if find_quota(param).per_day]


@pytest.mark.database
@pytest.mark.parametrize(("dialect", "route"), BURSTS)
def test_the_last_call_of_each_quota_is_taken_and_the_next_is_not(
    speak, dialect, route, monkeypatch
):
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    script = speak(dialect)
    path = fill(route.path)

    first = script.call(route.method, path)
    left = KeyUse.objects.get().level
    KeyUse.objects.update(level=1.0)
    last, refused = (script.call(route.method, path) for _call in range(2))

    assert left == dialect.quotas[route.quota].burst - 1
    assert all("Retry-After" not in answer for answer in (first, last))
    assert_shape(dialect, refused, "throttled", route)
    assert int(refused["Retry-After"]) >= 1


@pytest.mark.parametrize(("dialect", "route"), DAYS)
def test_the_last_call_of_a_day_is_taken_and_the_next_is_not(speak, dialect, route, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    script = speak(dialect)
    path = fill(route.path)

    first = script.call(route.method, path)
    KeyUse.objects.update(day_used=dialect.quotas[route.quota].per_day - 1)
    last, refused = (script.call(route.method, path) for _call in range(2))

    assert all("Retry-After" not in answer for answer in (first, last))
    assert_shape(dialect, refused, "throttled", route)
    # Until midnight UTC.
    assert int(refused["Retry-After"]) == 12 * 3600
