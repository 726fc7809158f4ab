"""Messages that go our own way, alone or before or after a vendor: five ways, one set of books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from campaigns.dispatch import engine, own_channel
from campaigns.dispatch.engine import Clock, drain
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    App,
    Delivery,
    Device,
    DeviceSession,
    InboxItem,
    Route,
    Transfer,
)
from campaigns.services.device_inbox import pull_inbox
from providers import vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(routed: App, simulator: Simulator) -> Account:
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.save()
    return account


@pytest.fixture
def clock(now: datetime) -> Clock:
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


@pytest.fixture
def people(routed: App, now: datetime) -> dict[str, Device]:
    """One who is online, one who is offline, one who has never spoken to us."""
    devices = {name: builders.make_device(routed, name) for name in ("online", "offline", "mute")}
    for name, pulled_at in (("online", now), ("offline", now - DAY)):
        DeviceSession.objects.create(
            device=devices[name], secret_hash="x", created_at=now - DAY, pulled_at=pulled_at
        )
    return devices


def say(channel: str) -> dict[str, str]:
    return {"title": "Hi", "body": "There", "channel": channel}


def list_fates(people: dict[str, Device]) -> dict[str, tuple[str, str, str]]:
    """By name: outcome, reason, and by whom it was sent."""
    found = {}
    for row in Delivery.objects.all():
        name = next(name for name, device in people.items() if device.pk == row.recipient)
        found[name] = (row.outcome, row.reason, "vendor" if row.account_id else "own")
    return found


VENDOR = ("sent", "", "vendor")
UNREACHED = ("skipped", "not_addressable", "own")
FATES = {
    "": {"online": VENDOR, "offline": VENDOR, "mute": VENDOR},
    "vendor": {"online": VENDOR, "offline": VENDOR, "mute": VENDOR},
    "vendor_first": {"online": VENDOR, "offline": VENDOR, "mute": VENDOR},
    "own": {
        "online": ("sent", "", "own"), "offline": ("sent", "retained", "own"), "mute": UNREACHED,
    },
    "own_first": {"online": ("sent", "", "own"), "offline": VENDOR, "mute": VENDOR},
    "own_online": {
        "online": ("sent", "", "own"), "offline": ("failed", "offline", "own"), "mute": UNREACHED,
    },
}  # fmt: skip


@pytest.mark.parametrize("channel", FATES)
def test_each_channel_has_its_way(account, people, start, clock, channel):
    transfer = start(say(channel))

    drain(clock=clock)

    transfer.refresh_from_db()
    assert list_fates(people) == FATES[channel]
    assert transfer.status == Transfer.Status.SENT
    assert check_books().faults == []


@pytest.mark.parametrize("channel", ["vendor_first", "own_first"])
def test_whom_a_vendor_fails_our_own_channel_keeps(account, people, start, clock, channel):
    account.options = {"decay_percent": 100}
    account.save()
    start(say(channel))

    drain(clock=clock)

    fates = list_fates(people)
    assert fates["offline"] == ("sent", "retained", "own")
    assert fates["mute"] == ("failed", "token", "vendor")
    kept = set(InboxItem.objects.values_list("device", flat=True))
    assert kept == {people["online"].pk, people["offline"].pk}
    assert check_books().faults == []


def test_without_any_route_our_own_channel_still_goes(account, people, start, clock):
    Route.objects.all().delete()
    start(say("vendor_first"))

    drain(clock=clock)

    assert list_fates(people) == {
        "online": ("sent", "retained", "own"),
        "offline": ("sent", "retained", "own"),
        "mute": ("skipped", "no_route", "own"),
    }
    assert check_books().faults == []


def test_who_has_opted_out_gets_nothing_on_any_way(account, people, start, clock, now):
    person = builders.make_person(account.workspace, opted_out_at=now)
    Device.objects.update(person=person)
    start(say("vendor_first"))

    drain(clock=clock)

    assert {fate[:2] for fate in list_fates(people).values()} == {("skipped", "opted_out")}
    assert not InboxItem.objects.exists()


def test_what_is_never_pulled_expires_with_its_evidence(account, people, start, clock, now):
    start(say("own"))
    drain(clock=clock)
    session = DeviceSession.objects.select_related("device__app", "device__person").get(
        pk=people["online"].pk
    )
    pull_inbox(session, after=None, topic=None, now=now + timedelta(seconds=30))

    drain(clock=lambda: now + own_channel.RETENTION_DAYS * DAY + timedelta(minutes=1))

    fates = list_fates(people)
    assert fates["online"][:2] == ("sent", "")
    assert fates["offline"][:2] == ("expired", "too_late")
    assert check_books().faults == []


def test_a_message_that_expires_is_kept_no_longer(account, people, start, clock, now):
    transfer = start(say("own"))
    Transfer.objects.filter(pk=transfer.pk).update(expires_at=now + timedelta(hours=1))

    drain(clock=clock)

    ends = set(InboxItem.objects.values_list("expires_at", flat=True))
    assert ends == {now + timedelta(hours=1)}


def test_expiring_twice_changes_nothing(account, people, start, clock, now):
    start(say("own"))
    drain(clock=clock)
    later = now + 8 * DAY

    first, second = own_channel.expire_unseen(later), engine.expire_inboxes(lambda: later)

    assert (first, second) == (True, False)
    assert Delivery.objects.filter(outcome="expired").count() == 2
    assert check_books().faults == []
