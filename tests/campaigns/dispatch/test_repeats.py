"""Sending again to those whose outcome is unknown: exactly them, once, and as a new campaign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.verify import check_books
from campaigns.errors import Conflict, Invalid
from campaigns.models import Account, App, Campaign, Counter, Delivery, Policy, Transfer
from campaigns.selectors.audience import read_audience
from campaigns.services.access import issue_key
from campaigns.services.campaigns import cancel_campaign
from campaigns.services.repeats import repeat_unknown
from providers import vault
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.recipients import Targets
from providers.simulator import Simulator
from tests import builders
from tests.pages.sending import press_send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Start = Callable[..., Transfer]
TOKENS = ("t0", "t1", "t2", "t3")


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def silent(routed: App, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A vendor that takes every call and answers none, while the list is not empty."""
    Account.objects.update(
        credentials=vault.encrypt({"api_key": "good"}), options={"delivered_percent": 0}
    )
    for token in TOKENS:
        builders.make_device(routed, token)
    answer, silence = simulator.answer, ["silent"]

    def answer_or_not(method: str, *rest: Any) -> Any:
        reply = answer(method, *rest)
        if method == "POST" and silence:
            raise ConnectionAbortedError
        return reply

    monkeypatch.setattr(simulator, "answer", answer_or_not)
    return silence


@transaction.atomic
def keep(events: list[ReceiptEvent], now: datetime) -> None:
    keep_receipts(events, 0, now)


def send(now: datetime, hours: int = 0) -> None:
    drain(clock=lambda: now + timedelta(hours=hours))


@pytest.fixture
def unknown(silent: list[str], start: Start, now: datetime) -> Transfer:
    """A transfer that has ended: nobody knows about three, a receipt has come from one."""
    transfer = start(policy=Policy.AT_MOST_ONCE, tag="spring", expires_in=86_400)
    send(now)
    delivery = Delivery.objects.order_by("recipient")[0]
    token = write_receipt_token(delivery.part_id, delivery.recipient)
    keep([ReceiptEvent(token, ReceiptKind.OPENED, now)], now)
    silent.clear()
    transfer.refresh_from_db()
    return transfer


def count_outcomes(transfer: Transfer) -> dict[str, int]:
    rows = Counter.objects.filter(part__transfer=transfer, count__gt=0)
    return {row.outcome: row.count for row in rows}


def list_recipients(transfer: Transfer, **fields: str) -> list[int]:
    rows = Delivery.objects.filter(part__transfer=transfer, **fields).order_by("recipient")
    return list(rows.values_list("recipient", flat=True))


def test_exactly_those_who_are_unknown_are_sent_to_again(
    unknown: Transfer, simulator: Simulator, now: datetime
) -> None:
    campaign = repeat_unknown(unknown, actor="owner", now=now)

    send(now, 1)

    again = Transfer.objects.get(campaign=campaign)
    assert list_recipients(again) == list_recipients(unknown, outcome="unknown")
    assert count_outcomes(again) == {"sent": 3}
    assert count_outcomes(unknown) == {"unknown": 3, "sent": 1}
    assert simulator.vendor.summarize()["accepted_recipients"] == 7
    assert check_books().faults == []


def test_it_says_the_same_by_the_same_rules(unknown: Transfer, now: datetime) -> None:
    campaign = repeat_unknown(unknown, actor="owner", now=now)

    first = unknown.campaign
    assert campaign.repeats == unknown
    assert campaign.audience == {"unknown_of": unknown.pk}
    assert campaign.message.content == first.message.content
    assert campaign.name == "Again: Spring"
    same = ("app", "tag", "policy", "rate", "expires_in")
    assert [getattr(campaign, name) for name in same] == [getattr(first, name) for name in same]
    assert campaign.group == unknown.group


def test_whoever_presses_second_is_told(unknown: Transfer, now: datetime) -> None:
    repeat_unknown(unknown, actor="owner", now=now)

    with pytest.raises(Conflict, match="sent again already, by the campaign Again: Spring"):
        repeat_unknown(unknown, actor="colleague", now=now)

    assert Campaign.objects.filter(repeats=unknown).count() == 1


def test_a_repeat_that_was_cancelled_may_be_made_anew(unknown: Transfer, now: datetime) -> None:
    cancel_campaign(repeat_unknown(unknown, actor="owner", now=now), actor="owner", now=now)

    again = repeat_unknown(unknown, actor="owner", now=now)

    assert again.status == Campaign.Status.SENDING


def test_who_turns_out_to_have_got_it_meanwhile_is_left_out(
    unknown: Transfer, now: datetime
) -> None:
    campaign = repeat_unknown(unknown, actor="owner", now=now)
    late = Delivery.objects.filter(outcome="unknown").order_by("recipient")[0]
    token = write_receipt_token(late.part_id, late.recipient)
    keep([ReceiptEvent(token, ReceiptKind.DELIVERED, now)], now)

    send(now, 1)

    assert count_outcomes(Transfer.objects.get(campaign=campaign)) == {"sent": 2}


def test_what_has_not_ended_is_not_repeated(silent: list[str], start: Start, now: datetime) -> None:
    transfer = start()

    with pytest.raises(Conflict) as caught:
        repeat_unknown(transfer, actor="owner", now=now)

    assert caught.value.code == "not_ended"


def test_where_nobody_is_unknown_there_is_nothing_to_repeat(
    silent: list[str], start: Start, now: datetime
) -> None:
    silent.clear()
    transfer = start()
    send(now)
    transfer.refresh_from_db()

    with pytest.raises(Conflict) as caught:
        repeat_unknown(transfer, actor="owner", now=now)

    assert caught.value.code == "nobody_unknown"


def test_a_scripts_transfer_can_be_repeated_by_a_person(
    silent: list[str], submit: Start, now: datetime
) -> None:
    transfer = submit(Targets("token", TOKENS), policy=Policy.AT_MOST_ONCE)
    send(now)
    silent.clear()
    transfer.refresh_from_db()

    campaign = repeat_unknown(transfer, actor="owner", now=now)

    send(now, 1)
    assert count_outcomes(Transfer.objects.get(campaign=campaign)) == {"sent": len(TOKENS)}


def test_a_transfer_of_somebody_else_is_no_audience(unknown: Transfer, stranger: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read_audience(unknown.app, {"unknown_of": unknown.pk}, principal=stranger)

    assert caught.value.fields == {"audience.unknown_of": f"This app has no transfer {unknown.pk}."}


def test_a_script_with_the_scope_repeats_and_one_without_does_not(
    unknown: Transfer, client: Client, now: datetime
) -> None:
    workspace, address = unknown.app.workspace, f"/api/v1/transfers/{unknown.pk}/retry/"
    answers = []
    for scopes in (["read", "compose"], ["read", "send"]):
        _key, text = issue_key(
            workspace, name="k", apps=[unknown.app], scopes=scopes, actor="owner", now=now
        )
        answers.append(client.post(address, headers={"Authorization": f"Bearer {text}"}))

    refused, answer = answers
    assert refused.status_code == 403
    assert answer.status_code == 201
    assert answer.json()["repeats"] == unknown.pk
    assert answer.json()["counters"]["audience"] == 0  # not frozen yet


def test_the_page_offers_it_once_and_to_senders_only(
    unknown: Transfer, client: Client, owner: Any, colleague: Any
) -> None:
    page, button = reverse("transfer", args=[unknown.pk]), "Send again to the 3 unknown"
    client.force_login(colleague)
    as_composer = client.get(page).content.decode()
    client.force_login(owner)
    before = client.get(page).content.decode()

    answer = client.post(reverse("retry_unknown", args=[unknown.pk]), follow=True)

    after = client.get(page).content.decode()
    assert [button in text for text in (as_composer, before, after)] == [False, True, False]
    assert "Some of them may then get it twice" in before
    assert before.count(f'action="{reverse("retry_unknown", args=[unknown.pk])}"') == 1
    assert "a draft is waiting to be launched" in after
    assert "Again: Spring" in after
    assert "Sends again to those whose outcome is unknown in" in answer.content.decode()


def test_in_the_browser_it_is_looked_at_named_and_cools_like_any_other(
    unknown: Transfer, client: Client, owner: Any
) -> None:
    App.objects.update(guard_size=1)
    client.force_login(owner)

    client.post(reverse("retry_unknown", args=[unknown.pk]))

    campaign = Campaign.objects.get(repeats=unknown)
    looked_at = campaign.status
    untyped = press_send(client, campaign.pk)
    campaign.refresh_from_db()
    assert (looked_at, untyped.status_code, campaign.status) == ("draft", 422, "draft")
    press_send(client, campaign.pk, typed=unknown.app.name)
    campaign.refresh_from_db()
    assert campaign.is_cooling
    assert not Transfer.objects.filter(campaign=campaign).exists()


def test_who_presses_while_a_draft_waits_comes_to_that_draft(
    unknown: Transfer, client: Client, owner: Any, now: datetime
) -> None:
    client.force_login(owner)

    answers = [client.post(reverse("retry_unknown", args=[unknown.pk])) for _ in range(2)]

    review = reverse("campaign_review", args=[Campaign.objects.get(repeats=unknown).pk])
    assert [answer["Location"] for answer in answers] == [review, review]
    with pytest.raises(Conflict, match="There is a draft for these already, Again: Spring"):
        repeat_unknown(unknown, actor="a script", now=now)


def test_what_was_sent_again_is_not_drafted_a_second_time(
    unknown: Transfer, client: Client, owner: Any, now: datetime
) -> None:
    repeat_unknown(unknown, actor="a script", now=now)
    client.force_login(owner)

    answer = client.post(reverse("retry_unknown", args=[unknown.pk]), follow=True)

    assert "sent again already, by the campaign Again: Spring" in answer.content.decode()
    assert Campaign.objects.filter(repeats=unknown).count() == 1


def test_who_may_not_send_may_not_send_again(
    unknown: Transfer, client: Client, colleague: Any
) -> None:
    client.force_login(colleague)

    answer = client.post(reverse("retry_unknown", args=[unknown.pk]))

    assert answer.status_code == 403
    assert not Campaign.objects.filter(repeats=unknown).exists()
