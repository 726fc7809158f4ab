"""The page of a transfer: what it shows, where its numbers lead, what it asks the database."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import (
    ApiKey,
    Batch,
    Cohort,
    Counter,
    Delivery,
    Exchange,
    Message,
    Part,
    Settled,
    Transfer,
)
from campaigns.models.packing import pack_cohorts, pack_ids
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def account(app):
    return builders.make_route(app, "android").account


@pytest.fixture
def transfer(app, account, now):
    """Two Android devices: one sent to, one whose token is dead."""
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sending", status_since=now, due_at=now,
        created_at=now, frozen_at=now, audience=2, name="Morning news",
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "There"})
    part = Part.objects.create(transfer=transfer, message=message, audience=2)
    cohort = Cohort.objects.create(app=app, platform="android", language="de")
    settle(part, cohort, account, builders.make_device(app, "one"), "sent", "")
    settle(part, cohort, account, builders.make_device(app, "two"), "failed", "token")
    return transfer


def settle(part, cohort, account, device, outcome, reason):
    Delivery.objects.create(
        part=part, recipient=device.pk, at=part.transfer.created_at, cohort_id=cohort.pk,
        account_id=account.pk, outcome=outcome, reason=reason,
    )  # fmt: skip
    Counter.objects.create(
        part=part, platform="android", account_id=account.pk, outcome=outcome, reason=reason,
        count=1,
    )  # fmt: skip


def test_every_number_leads_to_whom_it_counts(client, owner, transfer):
    client.force_login(owner)
    page = client.get(reverse("transfer", args=[transfer.pk]))
    [term] = [term for term in page.context["terms"] if term.key == "failed"]
    [row] = page.context["table"]
    [reason] = page.context["reason_rows"]
    numbers = [term, *(n for n in row.numbers if n.key == "failed"), reason, *reason.places]

    lists = [client.get(number.address) for number in numbers]

    assert [number.count for number in numbers] == [1, 1, 1, 1]
    assert [[r["outcome"] for r in answer.context["rows"]] for answer in lists] == [["failed"]] * 4
    assert {answer.context["total"] for answer in lists} == {1}
    assert page.context["books"].is_good
    assert 'data-pa-balance="good"' in page.content.decode()


def test_books_that_do_not_balance_say_what_to_do(client, owner, transfer):
    Part.objects.update(audience=3)
    client.force_login(owner)

    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()

    assert 'data-pa-balance="bad"' in page
    assert "1 recipient has neither an outcome nor a place in the queue" in page
    assert "python manage.py verify" in page


def test_an_audience_that_is_collected_shows_how_many_so_far(client, owner, transfer):
    Transfer.objects.update(frozen_at=None, status="accepted")
    client.force_login(owner)

    page = client.get(reverse("transfer_status", args=[transfer.pk])).content.decode()

    assert "Collecting the audience: 2 so far" in page


def test_a_script_is_named_by_its_key_in_what_happened(client, owner, transfer, now):
    key = ApiKey.objects.create(workspace=transfer.app.workspace, name="Shop", public_id="690f3744")
    foreign = builders.make_workspace("rival")
    ApiKey.objects.create(workspace=foreign, name="Theirs", public_id="aa")
    for actor in (f"key {key.public_id}", "key aa", "ann"):
        transfer.events.create(old="sending", new="paused", actor=actor, at=now)
    client.force_login(owner)

    pages = [
        client.get(reverse(name, args=[transfer.pk])).content.decode()
        for name in ("transfer", "transfer_story")
    ]

    told = [re.findall(r'"pa-small">([^<]+)</span>\n<span class="pa-small pa-muted pa-m', one)
            for one in pages]  # fmt: skip
    assert told == [["ann", "key aa", "Shop"]] * 2


@pytest.mark.parametrize("name", ["transfer", "transfer_status", "transfer_story"])
def test_a_page_asks_as_much_of_a_million_as_of_two(client, owner, transfer, account, name, now):
    client.force_login(owner)
    address = reverse(name, args=[transfer.pk])
    client.get(address)

    def ask():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address).status_code == 200
        return [query["sql"] for query in queries]

    few = ask()
    Counter.objects.filter(outcome="sent").update(count=999_999)
    Part.objects.update(audience=1_000_000)
    Exchange.objects.bulk_create(
        Exchange(account=account, transfer_id=transfer.pk, at=now, method="POST", url="/",
                 reason="vendor", response="x" * 4000)
        for _number in range(60)
    )  # fmt: skip
    Batch.objects.bulk_create(
        Batch(part=transfer.parts.get(), transfer=transfer, app=transfer.app, platform="ios",
              count=0, due_at=now, recipients=pack_ids([]), cohorts=pack_cohorts([]))
        for _number in range(60)
    )  # fmt: skip
    many = ask()

    assert len(many) <= len(few) + 1
    assert len(many) < 50
    assert not [sql for sql in many if "campaigns_delivery" in sql]
    assert len(client.get(address).content) < 150_000


def test_recipients_are_narrowed_by_what_there_is(client, owner, transfer, account):
    client.force_login(owner)
    address = reverse("recipients", args=[transfer.pk])

    page = client.get(address, {"language": "de", "account": account.pk, "outcome": "sent"})
    odd = client.get(address, {"account": "x", "outcome": "nonsense"})

    fields = page.context["form"].fields
    assert set(fields) == {
        "search", "outcome", "reason", "platform", "account", "language", "date_from", "date_to",
        "hour",
    }  # fmt: skip
    assert [key for key, _label in fields["outcome"].choices] == [
        "", *Settled.values, "pending", "everybody",
    ]  # fmt: skip
    assert [row["outcome"] for row in page.context["rows"]] == ["sent"]
    assert (odd.status_code, len(odd.context["rows"])) == (422, 2)
    assert set(odd.context["form"].errors) == {"account", "outcome"}


@pytest.mark.parametrize("text", ["one", "{pk}", "ann"])
def test_a_recipient_is_found_by_token_id_or_person(client, owner, app, transfer, text):
    device = app.devices.order_by("pk").first()
    device.person = builders.make_person(app.workspace, "ann")
    device.save()
    client.force_login(owner)

    page = client.get(
        reverse("recipients", args=[transfer.pk]), {"search": text.format(pk=device.pk)}
    )

    assert [row["recipient"] for row in page.context["rows"]] == [device.pk]


def test_the_last_raw_answers_stand_on_the_page_the_newest_first(client, owner, transfer, account):
    for number, (status, reason) in enumerate([(200, ""), (429, "throttled"), (None, "timeout")]):
        Exchange.objects.create(
            account=account, transfer_id=transfer.pk, at=transfer.created_at, method="POST",
            url=f"/v1/send/{number}", status=status, reason=reason, seconds=1.2,
            response='{"error": "<slow>"}' if reason == "throttled" else "",
        )  # fmt: skip
    client.force_login(owner)

    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()

    card = page.partition('id="pa-answers-title"')[2].partition("</section>")[0]
    rows = card.split("</details>")[:-1]
    calls = [re.search(r'<p class="pa-words">(.*?)</p>', row)[1] for row in rows]
    assert calls == [f"POST /v1/send/{number}" for number in (2, 1, 0)]
    assert "no answer" in rows[0]
    assert "{&quot;error&quot;: &quot;&lt;slow&gt;&quot;}" in rows[1]
    assert "429" in rows[1]
    assert "The answer had no body." in rows[2]
    assert "No answer is kept" not in page
