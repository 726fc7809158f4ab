"""A vendor that asks to be left alone is, by that app and account; retries never march in step.

A real server answers on a loopback port; the engine's clock is the test's.
"""

from __future__ import annotations

import json
import random
import socket
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from campaigns.dispatch.answers import MAX_RETRIES
from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, Attempt, Batch, Campaign, Counter, Throttle, Transfer
from providers import vault
from providers.outcomes import Reason
from providers.pacing import FIRST_WAIT, MAX_BACKOFF, find_retry_wait
from tests import builders
from tests.campaigns.dispatch.conftest import CONTENT
from tests.providers.conftest import open_vendor, write_answer

__all__ = ["open_vendor"]
ACCEPTED = write_answer(200, json.dumps({"transfer": "1"}).encode())


@dataclass
class BusyVendor:
    """Turns down calls whose tag is `busy` with these answers, then takes everything."""

    answers: list[bytes] = field(default_factory=list)
    calls: Tally[str] = field(default_factory=Tally)

    def talk(self, link: socket.socket, request: bytes) -> None:
        tag = json.loads(request.partition(b"\r\n\r\n")[2] or b"{}").get("tag", "")
        self.calls[tag] += 1
        link.sendall(self.answers.pop(0) if tag == "busy" and self.answers else ACCEPTED)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def vendor(open_vendor, routed) -> BusyVendor:
    vendor = BusyVendor()
    url = open_vendor(vendor.talk).url
    credentials = vault.encrypt({"api_key": "good"})
    Account.objects.update(credentials=credentials, base_urls={"api": url}, poll_at=None)
    # Receipts are asked for on their own, and this is not about them.
    Account.objects.update(poll_at=datetime(2100, 1, 1, tzinfo=UTC))
    return vendor


@pytest.fixture
def other(routed):
    other = builders.make_app(routed.workspace, "other")
    builders.make_route(other, "android")
    builders.make_device(other, "token of the other")
    return other


@pytest.fixture
def launch(routed, make_campaign, now) -> Callable[..., Transfer]:
    """Start a campaign of an app under a tag."""

    def launch(app, tag, **fields) -> Transfer:
        campaign = make_campaign(CONTENT, tag=tag, **fields)
        Campaign.objects.filter(pk=campaign.pk).update(app=app)
        start_campaign(Campaign.objects.get(pk=campaign.pk), actor="owner", now=now)
        return Transfer.objects.get(campaign=campaign)

    return launch


def work(now: datetime, seconds: float) -> None:
    drain(clock=lambda: now + timedelta(seconds=seconds))


def turn_down(status: int, text: str | None) -> bytes:
    text = in_half_a_minute() if text == "a date" else text
    headers = {} if text is None else {"Retry_After": text}
    return write_answer(status, b'{"error": {"code": "busy", "message": "busy"}}', **headers)


def in_half_a_minute() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "asked",
    [
        (429, "1", 1),
        (503, "30", 30),
        (429, "3600", 3600),
        (503, "999999999", 3600),
        (429, "inf", 3600),
        (429, "a date", 20),
        (503, "a date", 20),
    ],
)
def test_nothing_is_asked_of_the_pair_before_the_vendor_allows_it(
    vendor, routed, other, launch, now, asked
):
    status, text, seconds = asked
    vendor.answers = [turn_down(status, text)]
    builders.make_device(routed, "token")
    launch(routed, "busy")
    launch(other, "calm")
    work(now, 0)
    calls_of_others = vendor.calls["calm"]
    launch(routed, "busy")  # another transfer of the same pair waits as well
    launch(other, "calm")
    work(now, seconds * 0.5)
    work(now, seconds * 0.98)
    calls_inside = vendor.calls["busy"]

    work(now, seconds + 120)

    assert calls_inside == 1
    assert calls_of_others == 1
    assert vendor.calls == {"busy": 3, "calm": 2}
    assert Transfer.objects.filter(status=Transfer.Status.SENT).count() == 4
    assert check_books().faults == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", [None, "0", "-5", "nan", "soon", "Fri, 99 Nov 2026 12:00:00 GMT"])
def test_what_asks_for_no_time_is_tried_again_within_a_minute(vendor, routed, launch, now, text):
    vendor.answers = [turn_down(429, text)]
    builders.make_device(routed, "token")
    transfer = launch(routed, "busy")
    work(now, 0)

    work(now, 62)

    transfer.refresh_from_db()
    assert transfer.status == Transfer.Status.SENT
    assert vendor.calls["busy"] == 2


@pytest.mark.django_db(transaction=True)
def test_a_transfer_that_expires_early_shortens_no_pause(vendor, routed, launch, now):
    vendor.answers = [turn_down(429, "600")]
    builders.make_device(routed, "token")
    launch(routed, "busy", expires_in=5)

    work(now, 0)

    assert Throttle.objects.get(app_id=routed.pk).blocked_until >= now + timedelta(seconds=600)
    work(now, 6)
    assert Counter.objects.get().outcome == "expired"


@pytest.mark.django_db(transaction=True)
def test_a_vendor_that_stays_busy_is_tried_so_often_and_no_more(vendor, routed, launch, now):
    vendor.answers = [turn_down(503, None)] * 50
    builders.make_device(routed, "token")
    transfer = launch(routed, "busy")

    for hour in range(MAX_RETRIES + 3):
        work(now, hour * MAX_BACKOFF)

    transfer.refresh_from_db()
    assert vendor.calls["busy"] == MAX_RETRIES + 1
    assert transfer.status == Transfer.Status.FAILED
    assert list(Counter.objects.values_list("outcome", "reason", "count")) == [
        ("failed", "vendor", 1)
    ]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_tried_again_after_its_time(vendor, routed, launch, now):
    vendor.answers = [turn_down(503, None)] * 50
    builders.make_device(routed, "token")
    launch(routed, "busy", expires_in=7)
    work(now, 0)

    due = Batch.objects.get().due_at
    work(now, 7)

    assert due <= now + timedelta(seconds=7)
    assert Counter.objects.get().outcome == "expired"
    assert not Attempt.objects.filter(started_at__gte=now + timedelta(seconds=7)).exists()


def test_a_thousand_retries_of_a_hundred_workers_never_march_in_step(capsys):
    draw = random.Random(20).random
    moments, waits = [], []

    for _worker in range(100):
        at = 0.0
        for tries in range(10):
            wait = find_retry_wait(Reason.VENDOR, tries, draw())
            at += wait
            moments.append(at)
            waits.append((tries, wait))

    busiest = max(sum(start <= at < start + 1 for at in moments) for start in moments)
    with capsys.disabled():
        print(f"\nR10: 1,000 retries, at most {busiest / 10:.1f} % of them in any second")
    assert busiest <= 50
    assert all(wait <= min(MAX_BACKOFF, FIRST_WAIT[Reason.VENDOR] * 2**n) for n, wait in waits)
    # Full jitter: the waits of one try fill the whole span and not its end.
    first = sorted(wait for tries, wait in waits if tries == 0)
    assert first[10] < 3
    assert first[90] > 7
