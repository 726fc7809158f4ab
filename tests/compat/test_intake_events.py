"""What devices tell: that they are there, by day, and what became of a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.dispatch.engine import pump
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.errors import Invalid, NotFound
from campaigns.models import Delivery, Device, Part, ReceiptRow, SeenDay, Transfer
from campaigns.services import intake
from campaigns.services.callers import Caller
from campaigns.services.seen import mark_seen
from providers.audience_calls import DropDevice, FetchDeviceDays, ReportEvent
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.receipts import ReceiptKind
from providers.recipients import Audience
from tests import builders
from tests.compat.conftest import OPEN, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PLAIN = replace(
    OPEN[0], has_groups=False, label="Plain", find_faults=None, caps={}, door_options=(),
    running_limits={}, refuses_empty=False,
)  # fmt: skip
DAY = timedelta(days=1)


@pytest.fixture
def call(app, now):
    key, _text = make_key(app)

    def call(command, key=key, now=now):
        return intake.execute(command, Caller(key, PLAIN, now))

    return call


@pytest.fixture
def sent(app, call, now):
    """A message to one device; gives the device and the reference it got."""
    builders.make_route(app, "android")
    device = builders.make_device(app, "t1")
    part = PushPart(PushMessage(title="Hi", body="There"), audience=Audience())
    transfer = Transfer.objects.get(pk=call(SendPush(parts=(part,))).transfer)
    freeze_transfer(transfer, now=now)
    return device, write_receipt_token(Part.objects.get().pk, device.pk)


def test_an_event_is_kept_once_as_a_receipt_and_the_device_was_seen(call, sent, now):
    device, reference = sent

    for kind in (ReceiptKind.DELIVERED, ReceiptKind.OPENED, ReceiptKind.OPENED):
        call(ReportEvent("", reference, kind))

    device.refresh_from_db()
    kept = ReceiptRow.objects.filter(recipient=device.pk).values_list("kind", flat=True)
    assert sorted(kept) == ["delivered", "opened"]
    assert device.last_seen_at == now


def test_a_forged_reference_is_refused(call, sent, app):
    _device, reference = sent
    other = builders.make_app(builders.make_workspace("other"))
    key, _text = make_key(other)

    for forged in ("", "x", f"{reference}0", f"2{reference[1:]}", "1.1.1.000000000000", "\0", "é"):
        with pytest.raises(NotFound) as refused:
            call(ReportEvent("", forged, ReceiptKind.OPENED))
        assert refused.value.field == "reference"
    for asked in ("", str(app.pk)):
        with pytest.raises(NotFound):
            call(ReportEvent(asked, reference, ReceiptKind.OPENED), key=key)
    assert not ReceiptRow.objects.exists()


def test_a_device_that_is_forgotten_leaves_the_books_whole(call, sent, app):
    device, reference = sent

    call(ReportEvent("", reference, ReceiptKind.DELIVERED))
    call(DropDevice("", "device", str(device.pk)))
    call(ReportEvent("", reference, ReceiptKind.OPENED))
    pump("worker", clock=lambda: datetime.now(UTC))

    settled = Delivery.objects.values_list("recipient", "outcome", "reason")
    assert list(settled) == [(device.pk, "skipped", "gone")]
    assert ReceiptRow.objects.filter(recipient=device.pk).count() == 2
    assert check_books().faults == []


def test_devices_are_counted_by_the_days_of_the_app(call, app):
    app.timezone = "Asia/Tokyo"
    app.save()
    evening = datetime(2026, 11, 20, 16, tzinfo=UTC)  # the 21st in Tokyo
    devices = [builders.make_device(app, f"t{n}", platform="ios") for n in range(3)]
    Device.objects.update(created_at=evening)
    Device.objects.filter(pk=devices[0].pk).update(created_at=evening - DAY)

    for moment, number in [(0, 0), (1, 0), (2, 1), (23, 0), (24, 0), (47, 2), (2, 1)]:
        mark_seen(app, devices[number].pk, evening - timedelta(hours=1) + timedelta(hours=moment))
    days = call(FetchDeviceDays(app="", date_from=date(2026, 11, 20), date_to=date(2026, 11, 22)))

    rows = {(row.day.day, row.platform): (row.new, row.active) for row in days.rows}
    assert rows == {(20, "ios"): (1, 0), (21, "ios"): (2, 2), (22, "ios"): (0, 2)}


def test_whoever_is_seen_twice_at_a_day_is_counted_once(app, now):
    device = builders.make_device(app, "t1")

    for hour in (3, 0, 5):
        mark_seen(app, device.pk, now + timedelta(hours=hour))
    mark_seen(builders.make_app(app.workspace, "second"), device.pk, now + DAY)

    device.refresh_from_db()
    assert list(SeenDay.objects.values_list("platform", "count")) == [("android", 1)]
    assert device.last_seen_at == now + timedelta(hours=5)


def test_days_that_nobody_can_count_are_refused(call):
    today = date(2026, 11, 20)

    for first, last in [
        (today, today - DAY), (today, today + 366 * DAY), (date.min, date.min),
        (date.max, date.max),
    ]:  # fmt: skip
        with pytest.raises(Invalid):
            call(FetchDeviceDays(app="", date_from=first, date_to=last))
    assert call(FetchDeviceDays(app="", date_from=today, date_to=today)).rows == ()
