"""Batches to gateways that take one device per call: what goes out, and how each answer settles."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.models import (
    Account,
    App,
    Attempt,
    Batch,
    Device,
    Exchange,
    Policy,
    Throttle,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.selectors import routes
from providers import registry
from providers.failures import explain_inner_address, explain_unwritable
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import TOKEN_KIND, Targets
from tests.campaigns.dispatch.gateways import (
    SILENCE,
    STREAMS,
    UNREACHED,
    Calls,
    Gateway,
    make_clock,
    make_dialect,
    say,
)
from tests.campaigns.dispatch.phones import (
    CHUNK,
    PHONES,
    Start,
    count_outcomes,
    count_resent,
    name_phone,
    now,
    send,
)

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def test_everybody_is_called_once_by_no_more_calls_than_there_are_streams(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    outcomes = send(transfer, now)

    assert outcomes == {"sent": PHONES}
    assert sorted(gateway.calls) == [name_phone(n) for n in range(PHONES)]
    assert gateway.most == 2
    assert transfer.finished_at is not None
    (attempt,) = Attempt.objects.all()
    assert (attempt.outcome, attempt.was_sent, attempt.reason) == ("accepted", True, "")


def test_no_call_leaves_before_the_place_of_its_recipient_is_committed(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()
    order = {name_phone(n): n for n in range(PHONES)}
    late: list[str] = []
    reached: list[int] = []

    def look(token: str) -> None:
        last = Attempt.objects.get().last
        reached.append(last)
        late.extend([token] if order[token] > last else [])

    gateway.on_call = look
    send(transfer, now)

    assert late == []
    # It moves: whoever dies at the beginning leaves nobody behind in doubt at the end.
    assert reached[0] == CHUNK - 1
    assert sorted(set(reached))[-1] == PHONES - 1
    assert len(set(reached)) >= PHONES // CHUNK


def test_a_bad_recipient_and_a_bad_moment_hold_up_nobody_else(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.wishes = {
        name_phone(3): [say(reason=Reason.TOKEN, message="NotRegistered")],
        name_phone(5): [say(reason=Reason.VENDOR, message="Internal error")],
        name_phone(7): [say(Outcome.EXPIRED)],
    }
    transfer = begin()

    first = send(transfer, now)
    second = send(transfer, now, hours=1)

    assert first == {"sent": PHONES - 3, "failed token": 1, "expired too_late": 1}
    assert second == {"sent": PHONES - 2, "failed token": 1, "expired too_late": 1}
    assert Tally(gateway.calls)[name_phone(5)] == 2
    assert count_resent(transfer) == 0
    assert transfer.finished_at is not None


def test_a_dead_token_is_switched_off_with_the_words_unless_it_was_shown_since(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    hour = timedelta(hours=1)
    dead = {"reason": Reason.TOKEN, "message": "Unregistered: it is gone"}
    gateway.wishes = {
        name_phone(1): [say(**dead)],
        name_phone(2): [say(**dead, dead_since=(now + hour).isoformat())],
        name_phone(3): [say(**dead, dead_since=(now - hour).isoformat())],
    }
    transfer = begin()
    Device.objects.filter(token=name_phone(3)).update(token_shown_at=now)

    send(transfer, now)

    off = Device.objects.filter(token_state=Device.TokenState.DISABLED)
    assert sorted(off.values_list("token", "token_evidence")) == [
        (name_phone(1), "Unregistered: it is gone"),
        (name_phone(2), "Unregistered: it is gone"),
    ]
    assert count_outcomes(transfer)["failed token"] == 3


def test_nothing_is_called_for_what_is_no_token(
    gateway: Gateway, routed: App, begin: Start, now: datetime
) -> None:
    Device.objects.create(
        app=routed, platform="android", token="broken", token_hash=hash64("broken")
    )
    transfer = begin()

    outcomes = send(transfer, now)

    assert outcomes == {"sent": PHONES, "failed token": 1}
    assert Device.objects.get(token="broken").token_evidence == "It is no token."


@pytest.mark.parametrize("retry_after", [30.0, None])
def test_throttling_stops_the_calls_and_blocks_the_pair(
    gateway: Gateway, begin: Start, now: datetime, retry_after: float | None
) -> None:
    gateway.wishes = {
        name_phone(10): [say(reason=Reason.THROTTLED, retry_after=retry_after, message="Slow down")]
    }
    transfer = begin()

    send(transfer, now)
    called = len(gateway.calls)
    blocked = Throttle.objects.exclude(app_id=0).get().blocked_until
    outcomes = send(transfer, now, hours=2)

    assert 10 < called <= 2 * CHUNK
    assert blocked is not None
    assert blocked >= now + timedelta(seconds=retry_after or 0)
    assert outcomes == {"sent": PHONES}
    assert Tally(gateway.calls).most_common(2)[1][1] == 1


def test_nothing_more_is_written_once_the_vendor_has_asked_to_wait(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    asked = {"retry_after": 30.0, "blocks_account": True, "message": "Come back later"}
    gateway.wishes = {name_phone(10): [say(reason=Reason.VENDOR, **asked)]}
    transfer = begin()

    send(transfer, now)
    called = len(gateway.calls)
    outcomes = send(transfer, now, hours=2)

    assert called <= 11 + STREAMS
    assert outcomes == {"sent": PHONES}


def test_an_address_that_has_asked_to_wait_since_is_not_called(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tired = frozenset(name_phone(n) for n in range(40, 60))
    transfer = begin()

    def tire(token: str) -> None:
        if token == name_phone(30):  # all are encoded by then
            monkeypatch.setattr(Calls, "resting", tired)

    gateway.on_call = tire
    first = send(transfer, now)
    called = set(gateway.calls)
    gateway.on_call = None
    monkeypatch.setattr(Calls, "resting", frozenset())
    second = send(transfer, now, hours=1)

    assert first == {"sent": PHONES - len(tired)}
    assert not called & tired
    assert second == {"sent": PHONES}
    assert (len(gateway.calls), count_resent(transfer)) == (PHONES, 0)


def test_a_recipient_that_has_to_wait_waits_alone(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    late = say(reason=Reason.VENDOR, retry_after=900.0, message="Too often to this device")
    gateway.wishes = {name_phone(10): [late]}
    transfer = begin()

    first = send(transfer, now)
    blocked = Throttle.objects.filter(blocked_until__isnull=False).exists()
    second = send(transfer, now, hours=2)

    assert (first, blocked) == ({"sent": PHONES - 1}, False)
    assert Batch.objects.get(transfer=transfer).retries == 1
    assert second == {"sent": PHONES}


@pytest.mark.parametrize(("deaths", "most"), [(0, 8), (1, 2), (2, 1), (4, 1)])
def test_a_batch_that_workers_have_died_with_is_called_for_more_warily(
    gateway: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch, deaths, most
) -> None:
    wide = make_dialect(registry.get("sandbox"), streams=8)
    monkeypatch.setattr(routes, "find_dialect", lambda key: wide)
    transfer = begin()
    Batch.objects.filter(transfer=transfer).update(attempts=deaths)

    outcomes = send(transfer, now)

    assert gateway.most == most
    assert outcomes == {"sent": PHONES}


def test_a_refused_account_stops_what_is_not_written_and_pauses_the_campaign(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.usual = say(reason=Reason.CREDENTIAL, message="Bad key")
    transfer = begin()

    outcomes = send(transfer, now)

    assert len(gateway.calls) <= CHUNK
    assert outcomes == {}
    assert transfer.status == Transfer.Status.PAUSED
    account = Account.objects.get()
    assert (account.health, account.health_words) == (Account.Health.BAD, "Bad key")


@pytest.mark.parametrize("explain", [explain_inner_address, explain_unwritable])
def test_an_address_that_a_device_names_stops_nobody_elses_push(
    gateway: Gateway, begin: Start, now: datetime, routed: App, explain: Callable[[], Failure]
) -> None:
    name = "browser-of-a-stranger"
    Device.objects.create(app=routed, platform="android", token=name, token_hash=hash64(name))
    gateway.wishes = {name: [lambda place: explain()]}

    outcomes = send(begin(), now)

    assert outcomes == {"sent": PHONES, "failed not_addressable": 1}
    assert Account.objects.get().health != Account.Health.BAD


def test_silent_addresses_that_strangers_name_hold_up_nobody_else(
    gateway: Gateway, begin: Start, now: datetime, routed: App
) -> None:
    names = [f"browser-of-stranger-{number:03d}" for number in range(2 * CHUNK)]
    Device.objects.all().delete()
    Device.objects.bulk_create(
        Device(app=routed, platform="android", token=name, token_hash=hash64(name))
        for name in (*names, name_phone(0))
    )
    gateway.wishes = {name: [lambda place: SILENCE] for name in names}

    outcomes = send(begin(), now)

    assert outcomes == {"sent": 1}
    assert gateway.calls == [*names, name_phone(0)]


@pytest.mark.parametrize(
    ("name", "health"),
    [
        ("browser-of-a-stranger", "bad"),
        ("browser-of-a-named-service", "good"),
        (name_phone(0), "good"),
    ],
)
def test_an_address_that_a_stranger_names_does_not_speak_for_the_account(
    gateway: Gateway, begin: Start, now: datetime, routed: App, name: str, health: str
) -> None:
    Device.objects.all().delete()
    Device.objects.create(app=routed, platform="android", token=name, token_hash=hash64(name))
    Account.objects.update(health=Account.Health.BAD, health_words="Bad key")

    outcomes = send(begin(), now)

    assert outcomes == {"sent": 1}
    assert Account.objects.get().health == health


def test_what_a_gateway_repeats_of_a_call_is_not_kept(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    echo = f"Bearer secret-of-ours does not reach {name_phone(3)}"
    gateway.wishes = {name_phone(3): [say(reason=Reason.TOKEN, message=echo)]}

    send(begin(), now)

    device = Device.objects.get(token=name_phone(3))
    kept = f"{list(Attempt.objects.values())} {list(Exchange.objects.values())}"
    assert device.token_evidence == "[hidden] does not reach [hidden]"
    assert "secret-of-ours" not in kept
    assert name_phone(3) not in kept


def test_what_a_script_sent_ends_failed_when_the_account_is_refused(
    gateway: Gateway, submit: Start, now: datetime
) -> None:
    gateway.usual = say(reason=Reason.CREDENTIAL, message="Bad key")
    transfer = submit(Targets(TOKEN_KIND, tuple(name_phone(n) for n in range(40))))
    freeze_transfer(transfer, now=now)

    outcomes = send(transfer, now)

    assert outcomes == {"failed credential": 40}
    assert transfer.status == Transfer.Status.FAILED
    assert len(gateway.calls) <= CHUNK


def test_a_message_that_nobody_takes_pauses_after_one_flush_and_disables_nobody(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.usual = say(reason=Reason.PAYLOAD, message="Too big")
    transfer = begin()

    outcomes = send(transfer, now)

    assert transfer.status == Transfer.Status.PAUSED
    assert len(gateway.calls) <= CHUNK + 2
    assert outcomes == {"failed payload": len(gateway.calls)}
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()


def test_who_is_in_doubt_is_called_again_and_counted(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    silent = {name_phone(n): [lambda place: SILENCE] for n in (4, 40, 80)}
    gateway.wishes = silent
    transfer = begin()

    first = send(transfer, now)
    counted = count_resent(transfer)
    second = send(transfer, now, hours=1)

    assert (first, counted) == ({"sent": PHONES - 3}, 0)
    assert second == {"sent": PHONES}
    assert count_resent(transfer) == 3
    assert Attempt.objects.filter(answered_at__isnull=True).count() == 0


def test_at_most_once_nobody_is_called_again(gateway: Gateway, begin: Start, now: datetime) -> None:
    gateway.wishes = {name_phone(n): [lambda place: SILENCE] for n in (4, 40)}
    transfer = begin(policy=Policy.AT_MOST_ONCE)

    outcomes = send(transfer, now, hours=1)

    assert outcomes == {"sent": PHONES - 2, "unknown no_answer": 2}
    assert len(gateway.calls) == PHONES


def test_what_never_left_is_called_again_and_nobody_counts_it(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.wishes = {name_phone(n): [lambda place: UNREACHED] for n in (4, 40)}
    transfer = begin(policy=Policy.AT_MOST_ONCE)

    send(transfer, now)
    outcomes = send(transfer, now, hours=1)

    assert outcomes == {"sent": PHONES}
    assert count_resent(transfer) == 0


@pytest.mark.parametrize("answer", [lambda place: UNREACHED, lambda place: SILENCE])
def test_a_gateway_that_is_down_is_not_called_for_everybody(
    gateway: Gateway, begin: Start, now: datetime, answer: Any
) -> None:
    gateway.usual = answer
    transfer = begin()

    send(transfer, now)

    assert len(gateway.calls) <= CHUNK + 2
    assert Batch.objects.get(transfer=transfer).due_at > now


def test_who_is_tried_too_often_has_failed(gateway: Gateway, begin: Start, now: datetime) -> None:
    gateway.wishes = {name_phone(4): [say(reason=Reason.VENDOR)] * 20}
    transfer = begin()

    for hours in range(12):
        outcomes = send(transfer, now, hours=hours)

    assert outcomes == {"sent": PHONES - 1, "failed vendor": 1}
    assert Tally(gateway.calls)[name_phone(4)] == 11


@pytest.mark.parametrize(
    ("later", "end"),
    [
        (say(reason=Reason.VENDOR), "unknown no_answer"),
        (lambda place: UNREACHED, "unknown no_answer"),
        (say(reason=Reason.TOKEN), "failed token"),
        (say(reason=Reason.PAYLOAD), "failed payload"),
    ],
)
def test_what_fails_a_repeat_says_nothing_of_a_first_call_without_an_answer(
    gateway: Gateway, begin: Start, now: datetime, later: Any, end: str
) -> None:
    gateway.wishes = {name_phone(4): [lambda place: SILENCE, *[later] * 20]}
    transfer = begin()

    for hours in range(12):
        outcomes = send(transfer, now, hours=hours)

    assert outcomes == {"sent": PHONES - 1, end: 1}
    assert transfer.finished_at is not None
    assert Attempt.objects.filter(answered_at__isnull=True).count() == 0


def test_each_reads_the_text_that_was_rendered_for_him(
    gateway: Gateway, routed: App, begin: Start, now: datetime
) -> None:
    for number in range(6):
        attributes = {"plan": ["gold", "free"][number % 2]}
        Device.objects.filter(token=name_phone(number)).update(attributes=attributes)
    audience = {"expression": {"field": "device.custom.plan", "op": "exists", "value": True}}
    content = {"title": "{{ device.custom.plan }}", "body": "There", "template": "liquid"}
    gateway.wishes = {name_phone(2): [say(reason=Reason.VENDOR, message="later")]}
    transfer = begin(content, audience=audience)

    send(transfer, now)
    outcomes = send(transfer, now, hours=1)

    assert outcomes == {"sent": 6}
    assert sorted(gateway.calls) == [name_phone(n) for n in (0, 1, 2, 2, 3, 4, 5)]
    assert set(Exchange.objects.values_list("request", flat=True)) == {
        "(texts of single recipients; not kept)"
    }


def test_one_success_and_each_first_failure_are_kept_without_secrets(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    gateway.wishes = {
        name_phone(n): [say(reason=Reason.TOKEN, message="gone")] for n in range(2, 50)
    }
    gateway.wishes[name_phone(1)] = [lambda place: SILENCE]
    transfer = begin()

    send(transfer, now)

    kept = Exchange.objects.filter(transfer_id=transfer.pk)
    assert Tally(kept.values_list("reason", flat=True)) == {"": 1, "token": 20, "no_answer": 1}
    words = " ".join(" ".join(row) for row in kept.values_list("url", "request", "response"))
    assert "phone-" not in words
    assert "secret-of-ours" not in words
    assert "gone" in words


def test_somebody_who_takes_the_batch_over_stops_the_slow_holder(
    gateway: Gateway, begin: Start, now: datetime
) -> None:
    transfer = begin()

    def take_over(token: str) -> None:
        if len(gateway.calls) == 30:
            Batch.objects.filter(transfer=transfer).update(fence=7)

    gateway.on_call = take_over
    pump("worker", clock=make_clock(now))

    assert len(gateway.calls) <= 30 + CHUNK
    assert count_outcomes(transfer)["sent"] < 30
    later = send(transfer, now, hours=1)
    assert later == {"sent": PHONES}
    assert len(gateway.calls) - PHONES <= count_resent(transfer) <= 2 * CHUNK
