"""Every number of a report leads to as many people, or says in words why nobody can be listed."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch import books
from campaigns.dispatch.books import Page, Verdict
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.models import (
    App,
    Cohort,
    Counter,
    Delivery,
    Group,
    Message,
    Part,
    Person,
    ReceiptRow,
    Transfer,
    VendorCount,
)
from campaigns.pages.background import COUNTED_WORDS
from campaigns.pages.report_question import DIMENSIONS
from campaigns.pages.reports import NOBODY_WORDS, SHARE_WORDS, VENDOR_WORDS
from providers.receipts import ReceiptEvent, ReceiptKind
from tests import builders
from tests.pages.read_numbers import read_numbers
from tests.pages.test_drill import list_people

pytestmark = pytest.mark.database
DECLARED = {str(words) for words in (NOBODY_WORDS, SHARE_WORDS, VENDOR_WORDS, COUNTED_WORDS)}
# In Kolkata, half an hour off, the first is 23:30 of the 19th and the second 0:30 of the 20th.
EVENING = datetime(2026, 11, 19, 18, 5, tzinfo=UTC)
NIGHT = EVENING + timedelta(hours=1)
NOON = datetime(2026, 11, 20, 7, 10, tzinfo=UTC)
DAYS = {"date_from": "2026-11-19", "date_to": "2026-11-21"}
DAY = {"date_from": "2026-11-20", "date_to": "2026-11-20"}


def make_transfer(app, *, group="General", **fields):
    group, _is_new = Group.objects.get_or_create(app=app, name=group)
    return Transfer.objects.create(
        app=app, group=group, status="sent", status_since=EVENING, due_at=EVENING,
        created_at=EVENING, finished_at=NOON, **fields,
    )  # fmt: skip


def make_part(transfer, number=0, **fields):
    message = Message.objects.create(app=transfer.app, content={"body": "Hi"})
    return Part.objects.create(transfer=transfer, message=message, number=number, step=number,
                               **fields)  # fmt: skip


def settle(part, recipients, outcome, at, *, account=0, reason="", platform="android", **cohort):
    """Recipients of one kind, with their counters and folded, as a worker settles them."""
    app = part.transfer.app
    named = {"language": "", "country": "", "app_major": 0, **cohort}
    kind, _is_new = Cohort.objects.get_or_create(app=app, platform=platform, **named)
    page = Page(part_id=part.pk, platform=platform, at=at, account_id=account, attempt_id=0)
    books.append_deliveries(page, Verdict(outcome, reason), [(pk, kind.pk) for pk in recipients])
    books.fold_deliveries(part.pk, recipients)


def receive(part, recipients, kind, at, account=0):
    events = [ReceiptEvent(write_receipt_token(part.pk, pk), kind, at) for pk in recipients]
    keep_receipts(events, account, at)


def make_devices(app, count, platform="android"):
    known = app.devices.count()
    return [
        builders.make_device(app, f"{app.slug}-{known + number}", platform).pk
        for number in range(count)
    ]


@pytest.fixture
def campaigns(app, workspace):
    """Of several days, apps, groups and channels; one has an id that nobody knows, of one a
    vendor counts itself, and of one the app, no account, tells who opened it."""
    App.objects.filter(pk=app.pk).update(timezone="Asia/Kolkata")
    app.refresh_from_db()
    account = builders.make_route(app, "android").account
    fill_long(app, account.pk)
    fill_strange(app, account)
    fill_steps(app, workspace, account.pk)
    other = builders.make_app(workspace, "other")
    part = make_part(make_transfer(other, name="Elsewhere"))
    settle(part, make_devices(other, 3), "sent", EVENING, account=account.pk)
    settle(part, make_devices(other, 2), "sent", NIGHT, account=account.pk)
    return app


def fill_long(app, account):
    """Over two days, and what came back over three."""
    part = make_part(make_transfer(app, tag="spring", name="Long"))
    german = {"language": "de", "country": "DE", "app_major": 2}
    android, more, apple = make_devices(app, 9), make_devices(app, 4), make_devices(app, 5, "ios")
    settle(part, android[:6], "sent", EVENING, account=account, **german)
    settle(part, android[6:], "failed", EVENING, account=account, reason="token", **german)
    settle(part, more, "sent", NIGHT, account=account, language="fr")
    settle(part, apple[:3], "sent", NIGHT, account=account, platform="ios")
    settle(part, apple[3:4], "failed", NIGHT, account=account, platform="ios")
    settle(part, apple[4:], "skipped", EVENING, reason="no_token", platform="ios")
    receive(part, android[:5], ReceiptKind.DELIVERED, EVENING, account)
    receive(part, more, ReceiptKind.DELIVERED, NIGHT, account)
    receive(part, android[:2] + more[:1], ReceiptKind.OPENED, NOON + timedelta(days=1))


def fill_strange(app, account):
    part = make_part(make_transfer(app, group="News", name="Strange"))
    devices = make_devices(app, 4)
    settle(part, devices[:3], "sent", NOON, account=account.pk, language="de")
    settle(part, devices[3:], "unknown", NOON, account=account.pk, reason="no_answer")
    page = Page(part_id=part.pk, platform="", at=EVENING, account_id=0, attempt_id=0)
    books.fold_skipped(page, "unknown_id", Tally({0: 2}))
    Counter.objects.create(part=part, outcome="skipped", reason="unknown_id", count=2)
    VendorCount.objects.create(part=part, account=account, metric="opened", value=9, as_of=NOON)


def fill_steps(app, workspace, account):
    transfer = make_transfer(app, group="News", tag="steps", name="Steps", has_steps=True)
    push, sms = make_part(transfer), make_part(transfer, 1, channel="sms", kind="person")
    people = [Person.objects.create(workspace=workspace).pk for _number in range(3)]
    settle(push, make_devices(app, 4), "sent", EVENING, account=account)
    settle(sms, people, "sent", NOON, account=account, platform="sms", language="de")
    receive(sms, people[:2], ReceiptKind.DELIVERED, NOON, account)


@pytest.fixture
def viewer(client, workspace):
    client.force_login(builders.make_member("viewer", workspace, role="viewer"))
    return client


class Follower:
    """Follows numbers to their people, through the reports that stand between."""

    def __init__(self, client):
        self.client = client
        self.seen = {}
        self.numbers = {}
        self.untold = []  # lists of which the page does not say how long they are

    def check(self, numbers):
        for number in numbers:
            if number.link:
                assert self.count(number.link, number.head) == number.value, number
            else:
                assert number.why in DECLARED, number

    def count(self, link, head):
        """How many people stand behind a link, ids that nobody knows included as the page says."""
        is_report = link.startswith(reverse("reports"))
        known = (link, head) if is_report else link  # a list is the same from whatever column
        if known not in self.seen:
            self.seen[known] = self._sum(link, head) if is_report else self._list(link)
        return self.seen[known]

    def _sum(self, link, head):
        if link not in self.numbers:
            self.numbers[link] = read_numbers(self.client.get(link).content.decode())
        numbers = self.numbers[link]
        of_rows = [number for number in numbers if number.row and number.head == head]
        self.check(of_rows)
        return sum(number.value for number in of_rows)

    def count_pages(self, link):
        """The same of a transfer that runs, whose books are not all closed: over its pages."""
        return len(list_people(self.client, link)) + self.client.get(link).context["strangers"]

    def _list(self, link):
        page = self.client.get(link)
        listed = [row["recipient"] for row in page.context["rows"]]
        file = self.client.get(link.replace("/recipients/", "/recipients.csv"))
        lines = b"".join(file.streaming_content).decode().splitlines()[1:]
        assert listed == [int(line.split(",")[0]) for line in lines]
        assert page.context["total"] in (None, len(listed))
        self.untold += [link] if page.context["total"] is None else []
        if page.context["strangers"]:
            assert "that nobody knows here" in page.content.decode()
        return len(listed) + page.context["strangers"]


def mark(turn, by):
    """On PostgreSQL every second one, and all in the long form: they ask as another does."""
    return pytest.param(by, marks=pytest.mark.long) if turn % 2 else by


DAILY = [mark(turn, name.value) for turn, (name, _label) in enumerate(DIMENSIONS)]
OVER_DAYS = [mark(turn, by) for turn, by in enumerate(["account", "group", "hour", "transfer"])]


@pytest.mark.some(4)
@pytest.mark.parametrize("by", DAILY)
def test_every_number_of_a_day_leads_to_as_many_people(viewer, campaigns, by):
    follower = Follower(viewer)
    page = viewer.get(reverse("reports"), {"by": by, **DAY}).content.decode()

    follower.check(read_numbers(page))

    assert len(follower.seen) > 5
    assert follower.untold == []


@pytest.mark.some(2)
@pytest.mark.parametrize("by", OVER_DAYS)
def test_every_number_of_several_days_of_an_app_leads_to_as_many_people(viewer, campaigns, by):
    follower = Follower(viewer)
    asked = {"by": by, **DAYS, "app": campaigns.pk}
    page = viewer.get(reverse("reports"), asked).content.decode()

    follower.check(read_numbers(page))

    assert len(follower.seen) > 5
    assert follower.untold == []


@pytest.mark.some(2)
@pytest.mark.parametrize("by", ["platform", "transfer", "account", "hour", "language"])
def test_what_came_back_of_the_sends_leads_to_as_many_people(viewer, campaigns, by):
    part = Part.objects.get(transfer__name="Strange")
    gone = part.transfer.app.devices.get(pk=list_sent(part)[0])
    gone.delete()
    receive(part, list_sent(part), ReceiptKind.OPENED, NOON)
    follower = Follower(viewer)
    page = viewer.get(reverse("reports"), {"by": by, "of_sends": "1", **DAYS}).content.decode()

    numbers = read_numbers(page)
    follower.check(numbers)

    assert sum(number.value for number in numbers if number.row and number.head == "Opened") == 6
    assert follower.untold == []


def list_sent(part):
    rows = Delivery.objects.filter(part_id=part.pk, outcome="sent").order_by("recipient")
    return list(rows.values_list("recipient", flat=True))


def test_what_leads_to_nobody_says_why(viewer, campaigns):
    by_account = viewer.get(reverse("reports"), {"by": "account", **DAYS}).content.decode()
    strange = viewer.get(reverse("reports"), {"by": "transfer", "platform": "", **DAYS})

    assert {number.why for number in read_numbers(by_account) if not number.link} == {
        SHARE_WORDS, VENDOR_WORDS,
    }  # fmt: skip
    assert [(number.value, number.why) for number in read_numbers(strange.content.decode())
            if number.row] == [(2, NOBODY_WORDS)]  # fmt: skip


def test_what_each_channel_sent_leads_to_them(viewer, campaigns):
    rows = viewer.get(reverse("reports"), {"by": "transfer", **DAY}).context["rows"]
    sent = {
        channel: (number.value, Follower(viewer).count(number.link, ""))
        for row in rows
        for channel, number in row.channels
    }

    assert sent == {"sms": (3, 3)}


def test_the_rows_below_a_group_lead_to_as_many_people(viewer, campaigns):
    [news] = campaigns.groups.filter(name="News")
    follower = Follower(viewer)
    for asked in ({"by": "tag"}, {"by": "transfer", "tag": "steps"}):
        below = viewer.get(reverse("report_rows"), {"group": news.pk, **asked, **DAYS})
        follower.check(read_numbers(below.content.decode()))

    assert follower.seen


def test_the_table_of_days_leads_to_as_many_people(viewer, campaigns):
    follower = Follower(viewer)
    for only in ({}, {"platform": "ios"}, {"transfer": Transfer.objects.get(name="Long").pk}):
        days = viewer.get(reverse("report_days"), {"by": "tag", **only, **DAYS})
        numbers = read_numbers(days.content.decode())
        follower.check(numbers)
        assert numbers


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1999-12-31", "3000-01-01", "x"])
@pytest.mark.parametrize("name", ["reports", "report_rows", "report_days", "report_csv"])
def test_a_day_that_no_zone_has_is_that_of_no_report(viewer, campaigns, name, day):
    answer = viewer.get(reverse(name), {"by": "group", "date_from": day, "date_to": day})

    assert answer.status_code == (422 if name == "report_csv" else 200)


def test_what_came_back_before_the_transfer_by_a_slow_clock_is_listed_too(viewer, campaigns):
    transfer = make_transfer(campaigns, name="Slow")
    part, devices = make_part(transfer), make_devices(campaigns, 2)
    settle(part, devices, "sent", NOON)
    receive(part, devices, ReceiptKind.DELIVERED, transfer.created_at - timedelta(minutes=70))

    asked = {"transfer": transfer.pk, "by": "hour", **DAYS}
    numbers = read_numbers(viewer.get(reverse("reports"), asked).content.decode())
    Follower(viewer).check(numbers)

    assert [n.value for n in numbers if n.head == "Delivered" and n.row and n.link] == [2]


def test_while_something_waits_to_be_counted_a_list_does_not_say_how_long_it_is(viewer, campaigns):
    transfer = Transfer.objects.get(name="Long")
    address = reverse("recipients", args=[transfer.pk])
    asked = {"receipt": "delivered", "language": "de"}
    known = viewer.get(address, asked).context

    ReceiptRow.objects.filter(kind="opened").update(cohort_id=None)
    unknown = viewer.get(address, asked).context

    assert (known["total"], unknown["total"]) == (5, None)
    assert len(known["rows"]) == len(unknown["rows"]) == 5


def test_who_is_forgotten_is_said(viewer, campaigns, settings):
    settings.KEEP_RECEIPTS_DAYS = 7
    long, pages = Transfer.objects.filter(name="Long"), []
    for days in (6, 8):
        long.update(created_at=datetime.now(UTC) - timedelta(days=days))
        address = reverse("recipients", args=[long.get().pk])
        pages.append(viewer.get(address, {"receipt": "delivered"}).content.decode())

    assert ["is forgotten after 7 days" in page for page in pages] == [False, True]


@pytest.mark.parametrize("hour", ["24:00", "9", "x", "09:30"])
def test_an_hour_that_is_none_narrows_nothing(viewer, campaigns, hour):
    answer = viewer.get(reverse("reports"), {"by": "transfer", "hour": hour, **DAYS})

    assert answer.context["narrowed"] == []
