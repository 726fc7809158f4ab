"""The demo's past: campaigns that were launched, frozen and settled at earlier times.

The verbs are the real ones; only the vendor's answers are written here, because nobody called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from campaigns.dispatch import books
from campaigns.dispatch.books import Member, Page, Verdict
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.receipt_folds import Place, Receipt, count_placed
from campaigns.models import (
    App,
    Attempt,
    Batch,
    Campaign,
    ReceiptCount,
    ReceiptRow,
    Segment,
    Settled,
    Transfer,
)
from campaigns.models.bulk import add_counts, append_rows
from campaigns.models.packing import unpack_cohorts, unpack_ids
from campaigns.selectors.routes import find_first_routes
from campaigns.services.campaigns import create_campaign, launch_campaign
from providers.outcomes import Outcome, Reason
from providers.receipts import ReceiptKind

DAYS = 13  # the oldest; yesterday is the newest, so that every receipt lies in the past
FIRST_HOUR = 8
# Home asks for a week what is to be done about those of whom nobody knows: the demo's are older, so
# that nothing waits for a person who has done nothing yet.
SILENT_AGE = timedelta(days=8)
RECEIPT_COLUMNS = ("part", "recipient", "kind", "account_id", "at", "cohort_id")
RECEIPT_COUNT_COLUMNS = ("part", "hour", "platform", "account_id", "kind")


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of campaign that the demo's shop sends; `segment` is a name."""

    group: str
    tag: str
    title: str
    body: str
    label: str = ""
    segment: str = ""


STORIES = (
    Story("News", "weekly", "New this week", "Twelve arrivals, picked for you.", "Newsletter"),
    Story("Promotions", "autumn", "Autumn sale", "Up to 30 % off, this weekend only.", "VIP"),
    Story("Order updates", "beta", "Try version 4.2", "Your orders on one page.", "Beta testers"),
    Story("Promotions", "de", "Herbstangebote", "Bis zu 30 % billiger.", segment="German speakers"),
)


def fill_history(app: App, principal: Any, *, actor: str, now: datetime) -> None:
    """A finished campaign for each of the last days, and one draft for today."""
    for age in range(DAYS, 0, -1):
        story = STORIES[age % len(STORIES)]
        start = now.replace(hour=FIRST_HOUR + age % 6, minute=0, second=0, microsecond=0)
        at = start - timedelta(days=age)
        has_silence = now - at > SILENT_AGE
        _tell_story(story, app, principal, actor=actor, at=at, has_silence=has_silence)
    body = _write_body(STORIES[1], app) | {"name": "Next autumn sale"}
    create_campaign(principal, body, actor=actor, now=now)


def _tell_story(
    story: Story, app: App, principal: Any, *, actor: str, at: datetime, has_silence: bool
) -> None:
    campaign = create_campaign(principal, _write_body(story, app), actor=actor, now=at)
    launch_campaign(campaign, actor=actor, now=at)
    for transfer in campaign.transfers.all():
        freeze_transfer(transfer, now=at)
        end = _settle_transfer(transfer, at, has_silence=has_silence)
        transfer.move_to(Transfer.Status.SENT, actor=actor, now=end, finished_at=end)
    campaign.move_to(Campaign.Status.SENT, actor=actor, now=end)


def _write_body(story: Story, app: App) -> dict[str, Any]:
    audience: dict[str, Any] = {"labels": [story.label]}
    if story.segment:
        audience = {"segment": Segment.objects.get(app=app, name=story.segment).pk}
    return {
        "name": story.title,
        "app": app.pk,
        "group": story.group,
        "tag": story.tag,
        "audience": audience,
        "message": {"title": story.title, "body": story.body, "android": {"priority": 1}},
    }


def _settle_transfer(transfer: Transfer, at: datetime, *, has_silence: bool) -> datetime:
    """Settle every batch, one call after the other; gives the moment of the last answer."""
    routes = find_first_routes(transfer.app)
    for batch in transfer.batches.order_by("pk"):
        at += timedelta(seconds=1)
        _settle_batch(batch, routes[batch.platform].account_id, at, has_silence=has_silence)
    return at


def _settle_batch(batch: Batch, account_id: int, at: datetime, *, has_silence: bool) -> None:
    attempt = Attempt.objects.create(
        batch=batch,
        account_id=account_id,
        key=f"demo-{batch.pk}",
        last=batch.count - 1,
        started_at=at,
        answered_at=at,
        was_sent=True,
        outcome=Outcome.ACCEPTED,
        reference=f"demo-{batch.pk}",
    )
    recipients = unpack_ids(batch.recipients)
    members = list(zip(recipients, unpack_cohorts(batch.cohorts), strict=True))
    page = Page(
        part_id=batch.part_id,
        platform=batch.platform,
        at=at,
        account_id=account_id,
        attempt_id=attempt.pk,
    )
    for verdict, settled in _split(members, has_silence=has_silence).items():
        books.append_deliveries(page, verdict, settled)
        if verdict.outcome == Settled.SENT:
            _append_receipts(page, settled)
    books.fold_deliveries(batch.part_id, recipients)
    Batch.objects.filter(pk=batch.pk).update(
        state=Batch.State.DONE, settled=batch.count, account_id=account_id, is_folded=True
    )


def _split(members: Sequence[Member], *, has_silence: bool) -> dict[Verdict, list[Member]]:
    """Nearly all are sent; the vendor turned down a few, and of a few it may never have spoken."""
    verdicts = defaultdict(list)
    for place, member in enumerate(members):
        verdict = Verdict(Settled.SENT.value)
        if place % 41 == 7:
            verdict = Verdict(Settled.FAILED.value, Reason.VENDOR.value)
        elif has_silence and place % 199 == 3:
            verdict = Verdict(Settled.UNKNOWN.value, Reason.NO_ANSWER.value)
        verdicts[verdict].append(member)
    return verdicts


def _append_receipts(page: Page, members: Sequence[Member]) -> None:
    hour = books.find_hour(page.at)
    placed = {
        receipt: Place(cohort, hour)
        for recipient, cohort in members
        for receipt in _list_receipts(page, recipient)
    }
    append_rows(ReceiptRow, RECEIPT_COLUMNS, [(*key, at.cohort) for key, at in placed.items()])
    count_placed(placed)
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for part_id, _recipient, kind, account_id, at in placed:
        counts[(part_id, books.find_hour(at), page.platform, account_id, kind)] += 1
    add_counts(ReceiptCount, RECEIPT_COUNT_COLUMNS, [(*key, n) for key, n in counts.items()])


def _list_receipts(page: Page, recipient: int) -> Iterator[Receipt]:
    """Nine of ten are delivered within the hour; of these one in six is opened within four."""
    if recipient % 10 == 9:
        return
    delivered_at = page.at + timedelta(seconds=recipient * 7 % 3600)
    yield _write_receipt(page, recipient, ReceiptKind.DELIVERED, delivered_at)
    if recipient % 6 == 1:
        opened_at = delivered_at + timedelta(seconds=recipient * 13 % 14_400)
        yield _write_receipt(page, recipient, ReceiptKind.OPENED, opened_at)


def _write_receipt(page: Page, recipient: int, kind: ReceiptKind, at: datetime) -> Receipt:
    return Receipt(page.part_id, recipient, kind.value, page.account_id, at)
