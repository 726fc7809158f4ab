"""A message that a gateway begins to refuse when most were sent to pauses its campaign soon."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from campaigns.dispatch import harvest
from campaigns.dispatch.books import Verdict
from campaigns.dispatch.harvest import SENT, Harvest, Recent
from campaigns.models import App, Device, Transfer
from campaigns.models.audience import hash64
from providers.outcomes import Reason
from tests.campaigns.dispatch.gateways import Gateway, say
from tests.campaigns.dispatch.phones import CHUNK, PHONES, Start, name_phone, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
REFUSED = Verdict("failed", Reason.PAYLOAD.value)
DEAD = Verdict("failed", Reason.TOKEN.value)
MORE = 130
GOOD = 200  # of all these, and then nobody


@pytest.fixture
def refusing(gateway: Gateway, routed: App) -> Gateway:
    names = [name_phone(number) for number in range(PHONES, PHONES + MORE)]
    Device.objects.bulk_create(
        Device(app=routed, platform="android", token=name, token_hash=hash64(name))
        for name in names
    )
    refusal = say(reason=Reason.PAYLOAD, message="Too big")
    gateway.wishes = {name_phone(n): [refusal] for n in range(GOOD, PHONES + MORE)}
    return gateway


def test_a_fault_that_begins_late_pauses_after_as_many_answers_as_are_looked_at(
    refusing: Gateway, begin: Start, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harvest, "RECENT", CHUNK)
    transfer = begin()

    outcomes = send(transfer, now)

    failed = outcomes["failed payload"]
    note = transfer.events.get(new="paused").note
    assert transfer.status == Transfer.Status.PAUSED
    assert CHUNK <= failed <= 2 * CHUNK
    assert failed < (GOOD + failed) * 0.2  # of all answers too few
    assert "begun to refuse the message (100 % of its last answers for Android)" in note


def test_a_setting_that_never_pauses_holds_for_the_last_answers_too(
    refusing: Gateway,
    begin: Start,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    monkeypatch.setattr(harvest, "RECENT", CHUNK)
    settings.PAUSE_PERCENT = 100

    outcomes = send(begin(), now)

    assert outcomes == {"sent": GOOD, "failed payload": PHONES + MORE - GOOD}


def settle(recent: Recent, **counts: int) -> int:
    verdicts = {"sent": SENT, "refused": REFUSED, "dead": DEAD}
    members = {verdicts[name]: [(0, 0)] * count for name, count in counts.items()}
    recent.note(Harvest(verdicts=members))
    return recent.percent


def test_fewer_answers_than_are_looked_at_say_nothing() -> None:
    recent = Recent()

    assert settle(recent, refused=499) == 0
    assert settle(recent, refused=1) == 100


def test_what_was_sent_before_is_forgotten() -> None:
    recent = Recent()
    settle(recent, sent=10_000)

    shares = [settle(recent, refused=100) for _flush in range(6)]

    assert shares == [0, 0, 0, 0, 100, 100]


def test_one_in_ten_who_is_still_sent_to_is_enough_to_go_on() -> None:
    recent = Recent()

    assert {settle(recent, refused=90, sent=10) for _flush in range(50)} == {0}


def test_dead_tokens_are_no_faults_of_the_message() -> None:
    recent = Recent()

    assert {settle(recent, dead=100) for _flush in range(50)} == {0}
