"""Home: what waits for whom, how accounts do, the first steps, the last month, its cost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import (
    Account,
    ApiKey,
    App,
    Attempt,
    Batch,
    Campaign,
    Counter,
    Exchange,
    Message,
    Part,
    ReceiptCount,
    Rollup,
    Route,
    Throttle,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.pages.home import list_running
from campaigns.pages.start import list_steps
from campaigns.selectors.account_health import list_health
from campaigns.selectors.month import read_month
from campaigns.selectors.status import measure_rates
from campaigns.services.access import issue_key
from tests import builders
from tests.pages.test_pages import make_campaign

pytestmark = pytest.mark.database


def make_transfer(app, at, **fields):
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status_since=at, due_at=at, created_at=at, frozen_at=at,
        **{"status": "sent", "finished_at": at, **fields},
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "There"})
    Part.objects.create(transfer=transfer, message=message, audience=10)
    return transfer


def read_home(client, user):
    client.force_login(user)
    return client.get(reverse("home"))


def test_what_waits_is_each_ones_own(client, app, owner, colleague, stranger):
    now = timezone.now()
    make_campaign(app, "Mine")
    Campaign.objects.update(created_by="colleague")
    unknown = make_transfer(app, now - timedelta(days=1), name="Lost answers")
    Counter.objects.create(part=unknown.parts.get(), outcome="unknown", count=3)
    decided = make_transfer(app, now - timedelta(days=1), name="Sent again")
    Counter.objects.create(part=decided.parts.get(), outcome="unknown", count=3)
    Campaign.objects.filter(name="Mine").update(repeats=unknown)  # may yet be thrown away
    make_campaign(app, "Done")
    Campaign.objects.filter(name="Done").update(repeats=decided, status="sent")
    issue_key(app.workspace, name="Till", actor="owner", now=now)
    ApiKey.objects.update(expires_at=now + timedelta(days=3))

    pages = {user: read_home(client, user) for user in (owner, colleague, stranger)}

    waiting = {
        user: {
            name: [str(row) for row in page.context[name]]
            for name in ("drafts", "undecided", "keys")
        }
        for user, page in pages.items()
    }
    undecided = [str((unknown, 3))]
    assert waiting[owner] == {
        "drafts": [], "undecided": undecided,
        "keys": [str(ApiKey.objects.get())],
    }  # fmt: skip
    assert waiting[colleague] == {
        "drafts": ["Mine"], "undecided": undecided, "keys": [],
    }  # fmt: skip
    assert set(map(tuple, waiting[stranger].values())) == {()}
    assert ">3 recipients</a> got it. Send again" in pages[owner].content.decode()


@pytest.fixture
def many_accounts(app):
    """Fourteen that do well, and after them by name one."""
    fields = {"workspace": app.workspace, "dialect": "sandbox"}
    for number in range(14):
        Account.objects.create(name=f"Account {number:02}", health="good", **fields)
    return Account.objects.create(name="Z", limits={"requests_per_day": 5}, **fields)


@pytest.mark.parametrize("state", ["failing", "waiting", "used_up"])
def test_an_account_in_trouble_stands_before_all_others(owner, many_accounts, now, state):
    model, fields = {
        "failing": (Exchange, {"at": now, "method": "POST", "url": "/", "reason": "vendor"}),
        "waiting": (Throttle, {"app_id": 1, "blocked_until": now + timedelta(minutes=30)}),
        "used_up": (Throttle, {"day": now.date(), "day_used": 5}),
    }[state]
    model.objects.create(account=many_accounts, **fields)

    first, *others = list_health(owner, now, 12)

    assert (first.account, first.state) == (many_accounts, state)
    assert {(other.state, len(others)) for other in others} == {("good", 11)}


def test_home_says_how_many_accounts_it_does_not_show(client, owner, many_accounts):
    client.force_login(owner)

    with CaptureQueriesContext(connection) as of_many:
        cut = client.get(reverse("home"))
    Account.objects.filter(name__lt="Account 13").delete()
    with CaptureQueriesContext(connection) as of_few:
        whole = client.get(reverse("home"))

    link = f'<a class="pa-link" href="{reverse("admin:campaigns_account_changelist")}">'
    assert f"{link}3 more accounts that do no worse</a>" in cut.content.decode()
    assert "data-pa-more-accounts" not in whole.content.decode()
    assert len(of_many) - len(of_few) <= 11  # the calls of each that is shown, and the number


def test_an_account_tells_how_it_does(app, owner, now):
    accounts = {
        name: Account.objects.create(workspace=app.workspace, name=name, dialect="sandbox", **own)
        for name, own in {
            "bad": {"health": "bad"}, "failing": {}, "fine": {"limits": {"requests_per_day": 10}},
            "new": {}, "off": {"is_enabled": False}, "spent": {"limits": {"requests_per_day": 5}},
            "waits": {}, "old": {"credentials_expire_on": now.date() - timedelta(days=1)},
            "ending": {"certificate_until": now + timedelta(days=14)},
            "young": {"certificate_until": now + timedelta(days=15)},
        }.items()
    }  # fmt: skip
    for name, reason in (("fine", "vendor"), ("fine", ""), ("failing", ""), ("failing", "vendor")):
        Exchange.objects.create(
            account=accounts[name], at=now, method="POST", url="/", reason=reason
        )
    for name in ("fine", "spent"):
        Throttle.objects.create(account=accounts[name], day=now.date(), day_used=5)
    Throttle.objects.create(
        account=accounts["waits"], app_id=app.pk, blocked_until=now + timedelta(seconds=60)
    )

    lines = {line.account.name: line for line in list_health(owner, now, 20)}

    assert {name: line.state for name, line in lines.items()} == {
        "bad": "bad", "failing": "failing", "fine": "good", "new": "unknown", "off": "off",
        "spent": "used_up", "waits": "waiting", "old": "expired", "ending": "expiring",
        "young": "unknown",
    }  # fmt: skip
    assert list(lines) == ["bad", "old", "failing", "spent", "waits", "ending", "fine", "new",
                           "young", "off"]  # fmt: skip
    assert (lines["fine"].failures, lines["fine"].reason) == (1, "vendor")
    assert (lines["fine"].day.used, lines["fine"].day.limit) == (5, 10)


def test_who_has_nothing_waiting_is_told_how_far_back_home_looks(client, owner, app):
    old = make_transfer(app, timezone.now() - timedelta(days=8), name="Long ago")
    Counter.objects.create(part=old.parts.get(), outcome="unknown", count=3)

    page = read_home(client, owner).content.decode()

    assert "Nothing waits for you" in page
    assert "of the last seven days what has stopped, was missed or has unknown outcomes" in page


def test_an_account_that_nothing_was_sent_through_is_not_marked(client, owner, app):
    Account.objects.create(workspace=app.workspace, name="Fresh", dialect="sandbox")

    page = read_home(client, owner).content.decode()

    [chip] = re.findall(r'<span class="(pa-chip[^"]*)">Not called lately</span>', page)
    assert chip.split() == ["pa-chip"]
    assert "no call has worked lately" not in page


def test_the_first_steps_tick_themselves_off(client, superuser):
    seen = [[step.is_done for step in list_steps(superuser)]]
    workspace = builders.make_workspace()
    app = builders.make_app(workspace)
    builders.make_route(app, "android")
    seen.append([step.is_done for step in list_steps(superuser)])
    builders.make_device(app, "one")
    page = read_home(client, superuser).content.decode()
    seen.append([step.is_done for step in list_steps(superuser)])
    make_campaign(app, status=Campaign.Status.SENT)

    assert seen == [
        [False] * 5, [True, True, True, False, False], [True, True, True, True, False],
    ]  # fmt: skip
    assert "From nothing to the first campaign" in page
    assert list_steps(superuser) == []
    assert Route.objects.count() == App.objects.count() == 1


def test_the_last_month_stands_beside_the_one_before(client, app, owner):
    now = timezone.now()
    recent, old = (make_transfer(app, now - timedelta(days=ago)) for ago in (1, 40))
    for transfer, sent in ((recent, 30), (old, 20)):
        part = transfer.parts.get()
        Rollup.objects.create(part=part, hour=transfer.created_at, outcome="sent", count=sent)
    ReceiptCount.objects.create(
        part=recent.parts.get(), hour=recent.created_at, kind="opened", count=6
    )

    month = read_month([app.pk], now)
    client.force_login(owner)
    page = client.get(reverse("home_month")).content.decode()

    changes = {change.key: (change.now, change.before) for change in month.changes}
    assert changes == {
        "sent": (30, 20), "failed": (0, 0), "delivered": (None, None), "opened": (6, None),
    }  # fmt: skip
    assert [change.share for change in month.changes] == [0.5, None, None, None]
    assert len(month.days) == 30
    assert "not reported" in page
    assert "from 20" in page


def test_rates_of_many_transfers_are_measured_together(app, now, django_assert_num_queries):
    account = builders.make_route(app, "android").account
    rows = [make_transfer(app, now, status="sending", finished_at=None) for _n in range(3)]
    for number, transfer in enumerate(rows):
        batch = Batch.objects.create(
            part=transfer.parts.get(), transfer=transfer, app=app, platform="ios", count=1,
            recipients=pack_ids([1]), cohorts=pack_cohorts([1]), due_at=now,
        )  # fmt: skip
        Attempt.objects.create(
            batch=batch, account=account, key="k", last=10 * number - 1 if number else 0,
            started_at=now, answered_at=now, was_sent=bool(number),
        )  # fmt: skip

    with django_assert_num_queries(2):
        rates = measure_rates(rows, now=now + timedelta(seconds=5))

    assert [rates[row.pk] for row in rows] == [0.0, 2.0, 4.0]


def take(transfer, account, count, at):
    """So many were sent to a moment ago."""
    batch = Batch.objects.create(
        part=transfer.parts.get(), transfer=transfer, app=transfer.app, platform="ios", count=1,
        recipients=pack_ids([1]), cohorts=pack_cohorts([1]), due_at=at,
    )  # fmt: skip
    Attempt.objects.create(
        batch=batch, account=account, key="k", last=count - 1, started_at=at, answered_at=at,
        was_sent=True,
    )  # fmt: skip


def test_what_runs_says_how_long_it_will_take_where_anybody_can_say(client, app, owner, now):
    account = builders.make_route(app, "android").account
    under_way = {"status": "sending", "finished_at": None}
    fast, still = (make_transfer(app, now, **under_way) for _turn in range(2))
    later = make_transfer(app, now, status="accepted", finished_at=None)
    Transfer.objects.filter(pk=later.pk).update(due_at=timezone.now() + timedelta(days=1))
    Counter.objects.create(part=fast.parts.get(), outcome="sent", count=4)
    take(fast, account, 10, now)

    rows = list_running(owner, now + timedelta(seconds=5))
    shown = {row.transfer.pk: (rate, seconds) for row, rate, seconds in rows}
    page = render_to_string("pages/running.html", {"running": rows})

    assert shown == {fast.pk: (2.0, 3.0), still.pk: (0.0, None), later.pk: (0.0, None)}
    assert page.count("to go") == 1
    assert "0:00:03 to go" in page


def test_home_asks_as_much_of_many_campaigns_as_of_few(client, app, owner):
    now = timezone.now()

    def fill(count):
        for number in range(count):
            make_campaign(app, f"Draft {number}")
            make_campaign(app, f"Planned {number}", status="scheduled", due_at=now, timezone="UTC")
            make_transfer(app, now, status="sending", finished_at=None)
            make_transfer(app, now, status="failed")

    def ask():
        with CaptureQueriesContext(connection) as queries:
            assert read_home(client, owner).status_code == 200
        return [query["sql"] for query in queries]

    fill(8)
    few = ask()
    fill(20)
    many = ask()

    assert len(many) <= len(few) < 70
    assert not [sql for sql in many if "campaigns_delivery" in sql or "campaigns_rollup" in sql]
