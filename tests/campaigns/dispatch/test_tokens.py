"""Which tokens are switched off: those that were called dead and that their devices still have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns.dispatch import tokens
from campaigns.dispatch.tokens import DeadToken, disable_tokens
from campaigns.models import App, Device
from campaigns.models.audience import hash64
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DIED = NOW - timedelta(hours=1, microseconds=250)
LONG_AGO = NOW - timedelta(days=1)


@pytest.fixture
def phones(app: App) -> list[Device]:
    """Three of them, whose tokens nobody has shown since long ago."""
    made = [builders.make_device(app, f"token-{number}") for number in range(3)]
    Device.objects.update(token_shown_at=LONG_AGO)
    return made


def disable(
    phones: list[Device], since: datetime | None, change: Callable[[], Any] | None = None
) -> set[str]:
    """Tokens that are off once all were called dead; `change` happens right before that is written
    down."""
    changes = [change] if change else []

    def write(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if changes and sql.startswith('UPDATE "campaigns_device"'):
            changes.pop()()
        return execute(sql, params, many, context)

    dead = [DeadToken(phone.pk, phone.token, "It is gone.", since) for phone in phones]
    with transaction.atomic(), connection.execute_wrapper(write):
        disable_tokens(dead, NOW)
    assert not changes
    off = Device.objects.filter(token_state="disabled", token_evidence="It is gone.")
    return set(off.filter(token_state_at=NOW).values_list("token", flat=True))


@pytest.mark.parametrize("since", [None, DIED])
def test_a_token_that_is_registered_meanwhile_stays(phones, since):
    own = Device.objects.filter(pk=phones[1].pk)

    off = disable(phones, since, lambda: own.update(token="new", token_hash=hash64("new")))

    assert off == {"token-0", "token-2"}
    assert own.get().token_state == Device.TokenState.ACTIVE


@pytest.mark.parametrize(("after", "stays"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True),
                                              (timedelta(microseconds=1), True)])  # fmt: skip
def test_a_device_that_shows_its_token_meanwhile_keeps_it(phones, after, stays):
    own = Device.objects.filter(pk=phones[1].pk)

    off = disable(phones, DIED, lambda: own.update(token_shown_at=DIED + after))

    assert ("token-1" not in off) is stays
    assert off >= {"token-0", "token-2"}


@pytest.mark.parametrize("shown_at", [None, LONG_AGO])
def test_nothing_but_the_token_says_that_a_device_has_it_still(phones, shown_at):
    newer = dict.fromkeys(("created_at", "updated_at", "last_seen_at", "token_state_at"), NOW)
    Device.objects.update(**newer, token_shown_at=shown_at)

    assert disable(phones, DIED) == {"token-0", "token-1", "token-2"}


@pytest.mark.parametrize("name", ["token_state_at", "last_seen_at"])
@pytest.mark.parametrize(("after", "stays"), [(0 * SECOND, False), (SECOND, True)])
def test_what_was_registered_before_that_was_kept_counts_from_then(phones, name, after, stays):
    known = {"token_state_at": LONG_AGO, "last_seen_at": None} | {name: DIED + after}
    Device.objects.filter(pk=phones[1].pk).update(
        token_shown_at=None, token_evidence=Device.REGISTERED, **known
    )

    off = disable(phones, DIED)

    assert ("token-1" not in off) is stays
    assert off >= {"token-0", "token-2"}


def test_whoever_is_called_dead_without_a_moment_is_switched_off_though_it_was_shown(phones):
    Device.objects.update(token_shown_at=NOW)

    assert disable(phones, None) == {"token-0", "token-1", "token-2"}


def test_each_device_is_judged_by_what_was_said_of_it(phones, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_AT_ONCE", 2)
    Device.objects.update(token_shown_at=DIED)
    dead = [
        DeadToken(phones[0].pk, "token-0", "first", DIED),
        DeadToken(phones[1].pk, "token-1", "second", DIED - SECOND),
        DeadToken(phones[2].pk, "token-0", "third"),
        *(DeadToken(10**6 + number, "token-1", "first", DIED) for number in range(4)),
    ]

    disable_tokens(dead, NOW)

    off = Device.objects.filter(token_state="disabled").values_list("token", "token_evidence")
    assert list(off) == [("token-0", "first")]


def test_who_was_switched_off_before_keeps_the_words_of_then(phones):
    Device.objects.update(token_state="disabled", token_evidence="Before")

    assert disable(phones, None) == set()
