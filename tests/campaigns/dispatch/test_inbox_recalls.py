"""What waits in inboxes of something cancelled is taken out of them: exactly what nobody pulled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from campaigns.dispatch import engine, own_channel
from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.errors import IllegalMove
from campaigns.models import (
    Correction,
    Delivery,
    Device,
    DeviceSession,
    InboxItem,
    ReceiptRow,
    Transfer,
)
from campaigns.pages.recall_words import describe_recalls, is_asking
from campaigns.selectors.recalls import can_be_recalled, list_recalls
from campaigns.services.device_inbox import pull_inbox
from campaigns.services.transfers import cancel_transfer
from tests import builders
from tests.campaigns.dispatch.boundaries import Boundaries, Interruptions, crossing, passes
from tests.campaigns.dispatch.test_own_channel import (
    account,
    clock,
    list_fates,
    now,
    people,
    say,
)

__all__ = ["account", "clock", "now", "people"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SENT, KEPT = ("sent", "", "own"), ("sent", "retained", "own")
TAKEN = ("cancelled", "recalled", "own")


@pytest.fixture
def kept(account, people, start, clock) -> Transfer:
    """Sent to two inboxes; nobody has pulled yet."""
    return fill(start, clock)


def fill(start, clock) -> Transfer:
    transfer = start(say("own"))
    drain(clock=clock)
    transfer.refresh_from_db()
    return transfer


def pull(device: Device, now: datetime) -> list[str]:
    """References of what the device is given."""
    session = DeviceSession.objects.select_related("device__app", "device__person").get(
        pk=device.pk
    )
    found = pull_inbox(session, after=None, topic=None, now=now)
    return [message.reference for message in found]


def cancel(transfer: Transfer, now: datetime) -> None:
    cancel_transfer(Transfer.objects.get(pk=transfer.pk), actor="owner", now=now)


def describe(transfer: Transfer) -> tuple[str, bool]:
    transfer.refresh_from_db()
    recalls = list_recalls(transfer)
    words = [sentence for note in describe_recalls(recalls) for sentence in note.sentences]
    return " ".join(words), is_asking(recalls)


def test_what_nobody_has_pulled_is_taken_out_and_the_books_say_so(kept, people, clock):
    before = can_be_recalled(kept, clock())
    pulled = pull(people["online"], clock())

    cancel(kept, clock())
    asked = describe(kept)
    hidden = pull(people["offline"], clock())
    drain(clock=clock)

    assert (before, can_be_recalled(kept, clock())) == (True, False)
    assert (len(pulled), hidden) == (1, [])
    assert asked == ("1 message is being taken out.", True)
    assert list_fates(people)["online"] == SENT
    assert list_fates(people)["offline"] == TAKEN
    assert InboxItem.objects.get().device_id == people["online"].pk
    correction = Correction.objects.get()
    assert (correction.old, correction.new, correction.count) == ("sent", "cancelled", 1)
    assert correction.evidence == own_channel.TAKEN_BACK.evidence
    assert describe(kept) == (
        "Taken out before the app of 1 recipient had pulled it. "
        "1 recipient stays as it is counted.",
        False,
    )
    assert check_books().faults == []


def test_what_is_sent_is_taken_back_once_and_what_was_pulled_can_be_read_on(kept, people, clock):
    cancel(kept, clock())
    with pytest.raises(IllegalMove):
        cancel(kept, clock())
    drain(clock=clock)
    with pytest.raises(IllegalMove):
        cancel(kept, clock())

    kept.refresh_from_db()
    assert (kept.status, kept.inbox_recall_at) == ("sent", None)
    assert kept.events.latest("pk").note == "It is taken out of the inboxes in which it waits."
    assert {fate for fate in list_fates(people).values() if fate[2] == "own"} == {
        TAKEN, ("skipped", "not_addressable", "own"),
    }  # fmt: skip
    assert engine.empty_inboxes(clock) is False


def test_what_was_kept_while_it_was_cancelled_is_taken_out_at_its_end(
    account, people, start, clock, monkeypatch
):
    transfer = start(say("own"))
    keep = own_channel.keep

    def keep_late(*args: object) -> None:
        cancel(transfer, clock())
        monkeypatch.setattr(own_channel, "keep", keep)
        keep(*args)

    monkeypatch.setattr(own_channel, "keep", keep_late)
    drain(clock=clock)

    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.CANCELLED
    assert not InboxItem.objects.exists()
    assert {fate[0] for fate in list_fates(people).values()} == {"cancelled", "skipped"}
    assert check_books().faults == []


def test_of_a_pull_and_a_taking_back_at_one_instant_one_wins(account, people, start, clock):
    """In every gap of either the other one does all it does."""
    device, ends = people["online"], set()

    def take_back(transfer: Transfer) -> None:
        cancel(transfer, clock())
        own_channel.take_back(clock())

    def judge(transfer: Transfer, given: list[str], gap: tuple[str, int]) -> None:
        part = transfer.parts.get()
        fate = Delivery.objects.get(part_id=part.pk, recipient=device.pk).outcome
        came = ReceiptRow.objects.filter(part_id=part.pk, recipient=device.pk).count()
        waits = InboxItem.objects.filter(part=part, device=device).exists()
        end = (len(given), fate, came, waits)
        ends.add((gap[0], end))
        assert end in {(1, "sent", 1, True), (0, "cancelled", 0, False)}, gap

    for gap in range(1, 9):
        transfer = fill(start, clock)
        InboxItem.objects.exclude(part__transfer=transfer).delete()
        with crossing(Interruptions(gap, end=partial(take_back, transfer))):
            given = pull(device, clock())
        judge(transfer, given, ("pull", gap))
    for gap in range(1, 6):
        transfer, found = fill(start, clock), list[str]()
        InboxItem.objects.exclude(part__transfer=transfer).delete()
        with crossing(Interruptions(gap, end=lambda: found.extend(pull(device, clock())))):  # noqa: B023
            take_back(transfer)
        judge(transfer, found, ("taking back", gap))

    assert len(ends) == 4, ends
    assert check_books().faults == []


def test_whoever_dies_while_taking_back_leaves_it_to_the_next(
    routed, account, people, start, clock, monkeypatch
):
    monkeypatch.setattr(own_channel, "REMOVED_ONCE", 2)
    more = [builders.make_device(routed, f"more {number}") for number in range(3)]
    DeviceSession.objects.bulk_create(
        DeviceSession(device=device, secret_hash="x", created_at=clock()) for device in more
    )

    def begin() -> Transfer:
        transfer = fill(start, clock)
        cancel(transfer, clock())
        return transfer

    def step() -> None:
        while own_channel.take_back(clock()):
            pass

    begin()
    rehearsed = Boundaries()
    with crossing(rehearsed):
        step()
    places = rehearsed.list_places(every=False)
    for place in places:
        transfer = begin()
        has_lived = passes(Boundaries(place), step)
        step()
        rows = Delivery.objects.filter(part__transfer=transfer, outcome="cancelled")
        assert (has_lived, rows.count()) == (False, 5), place

    assert len(places) > 3
    assert not InboxItem.objects.exists()
    assert check_books().faults == []


def test_what_had_expired_is_not_called_taken_back(kept, people, now):
    later: Callable[[], datetime] = lambda: now + timedelta(days=8)  # noqa: E731

    assert not can_be_recalled(kept, later())
    with pytest.raises(IllegalMove):
        cancel(kept, later())
    drain(clock=later)

    assert list_fates(people)["offline"] == ("expired", "too_late", "own")
