"""What campaigns that were sent have left behind: their transfers, counted and folded by cohort."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle, product
from typing import Any

DAYS = 400
SCRIPT_DAYS = 30
SCORE = 20
STATUSES = ("sent",) * 16 + ("failed", "cancelled", "draft", "scheduled")


def make_cohorts(app: Any, count: int) -> None:
    """As many kinds of devices, the four that the largest transfer has among them."""
    from campaigns.models import Cohort

    kinds = [*product(("ios", "android"), ("de", "en", "es", "fr", "it"), ("DE", "US"))]
    known = Cohort.objects.filter(app=app).count()
    Cohort.objects.bulk_create(
        Cohort(app=app, platform=platform, language=language, country=country, app_major=major)
        for place, (platform, language, country) in zip(range(count - known), cycle(kinds))
        for major in [2 + place // len(kinds)]
    )


def fill_campaigns(model: Any, numbers: range, now: datetime, total: int) -> None:
    """Campaigns with a transfer each, counted and folded like the one that is the model."""
    from campaigns.models import Campaign, CampaignEvent, Transfer

    def place(number: int) -> dict[str, Any]:
        at = now - timedelta(days=DAYS) * (1 - number / total)
        return {"status_since": at, "created_at": at}

    shared = {"app": model.app, "group": model.group}
    campaigns = Campaign.objects.bulk_create(
        Campaign(
            workspace=model.app.workspace, name=f"Campaign {number}", tag=f"tag-{number % 50}",
            message=model.campaign.message, audience={"all": True}, created_by="bench",
            status=STATUSES[number % len(STATUSES)], timezone="UTC",
            due_at=place(number)["created_at"] + timedelta(days=number % 40), **shared,
            **place(number),
        )
        for number in numbers
    )  # fmt: skip
    CampaignEvent.objects.bulk_create(
        CampaignEvent(campaign=row, old="draft", new="sending", actor="bench", at=row.created_at)
        for row in campaigns
    )
    fill_transfers(model, [row for row in campaigns if row.status in Transfer.FINISHED])


def fill_transfers(model: Any, ended: list[Any]) -> None:
    """The transfer of each campaign that has ended, with its only part."""
    from campaigns.models import Part, Transfer, TransferEvent

    transfers = Transfer.objects.bulk_create(
        Transfer(
            campaign=row, name=row.name, tag=row.tag, status=row.status, audience=1_000,
            due_at=row.created_at, frozen_at=row.created_at, finished_at=row.created_at,
            created_at=row.created_at, status_since=row.created_at,
            app=model.app, group=model.group,
        )
        for row in ended
    )  # fmt: skip
    TransferEvent.objects.bulk_create(
        TransferEvent(transfer=row, old="accepted", new=row.status, actor="d", at=row.created_at)
        for row in transfers
    )
    message = model.parts.get().message
    parts = Part.objects.bulk_create(
        Part(transfer=row, message=message, audience=1_000) for row in transfers
    )
    fill_numbers(model, parts)


def fill_scripts(model: Any, count: int, now: datetime) -> None:
    """What scripts sent without a campaign in the days that a calendar shows, as submissions of two
    keys: half of it to one recipient each, half to a score of as many kinds."""
    from campaigns.models import ApiKey, Part, Submission, Transfer

    workspace = model.app.workspace
    keys = ApiKey.objects.bulk_create(
        ApiKey(workspace=workspace, name=f"Backend {number}", public_id=f"bench{number}")
        for number in range(2)
    )
    times = [now - timedelta(days=SCRIPT_DAYS) * ((place + 1) / count) for place in range(count)]
    calls = Submission.objects.bulk_create(
        Submission(workspace=workspace, app=model.app, api_key=keys[place % 3 % 2], door="native",
                   created_at=at)
        for place, at in enumerate(times)
    )  # fmt: skip
    transfers = Transfer.objects.bulk_create(
        Transfer(
            submission=call, name="", status="sent", audience=SCORE if place % 2 else 1,
            due_at=at, frozen_at=at, finished_at=at, created_at=at, status_since=at,
            app=model.app, group=model.group,
        )
        for place, (call, at) in enumerate(zip(calls, times, strict=True))
    )  # fmt: skip
    message = model.parts.get().message
    parts = Part.objects.bulk_create(
        Part(transfer=row, message=message, audience=row.audience) for row in transfers
    )
    fill_singles(model, parts)


def fill_singles(model: Any, parts: list[Any]) -> None:
    """What became of each: all sent, each to another kind, one of all opened."""
    from campaigns.models import Cohort, Counter, ReceiptCount, ReceiptRollup, Rollup

    account = model.app.routes.get().account.pk
    cohorts = list(Cohort.objects.filter(app=model.app).values_list("pk", flat=True))
    sent = {"account_id": account, "outcome": "sent", "reason": ""}
    opened = {"account_id": account, "kind": "opened", "count": 1}
    Counter.objects.bulk_create(
        Counter(part=part, platform="android", count=part.audience, **sent) for part in parts
    )
    Rollup.objects.bulk_create(
        Rollup(part=part, hour=_hour(part), cohort_id=cohorts[(part.pk + place) % len(cohorts)],
               count=1, **sent)
        for part in parts for place in range(part.audience)
    )  # fmt: skip
    ReceiptCount.objects.bulk_create(
        ReceiptCount(part=part, hour=_hour(part), platform="android", **opened) for part in parts
    )
    ReceiptRollup.objects.bulk_create(
        ReceiptRollup(part=part, hour=_hour(part), cohort_id=cohorts[part.pk % len(cohorts)],
                      **opened)
        for part in parts
    )  # fmt: skip


def fill_numbers(model: Any, parts: list[Any]) -> None:
    """Counters, roll-ups by hour and cohort, receipts, minutes and kept calls of each part."""
    from campaigns.models import Cohort, Exchange, SendMinute

    account = model.app.routes.get().account
    cohorts = list(Cohort.objects.filter(app=model.app).values_list("pk", flat=True))
    fill_outcomes(parts, account.pk, cohorts)
    fill_receipts(parts, account.pk, cohorts)
    SendMinute.objects.bulk_create(
        SendMinute(part=part, minute=_hour(part), count=1_000) for part in parts
    )
    Exchange.objects.bulk_create(
        Exchange(account=account, transfer_id=part.transfer_id, at=part.transfer.created_at,
                 method="POST", url="https://vendor.example/send", status=200, response="{}")
        for part in parts for _call in range(3)
    )  # fmt: skip


def fill_outcomes(parts: list[Any], account: int, cohorts: list[int]) -> None:
    """Outcomes of each part, counted and folded by cohort."""
    from campaigns.models import Counter, Rollup

    outcomes = (("sent", "", 950), ("failed", "token", 40), ("unknown", "no_answer", 10))
    Counter.objects.bulk_create(
        Counter(part=part, platform="android", account_id=account, outcome=outcome, reason=reason,
                count=count)
        for part in parts for outcome, reason, count in outcomes
    )  # fmt: skip
    Rollup.objects.bulk_create(
        Rollup(part=part, hour=_hour(part), cohort_id=cohort, account_id=account,
               outcome=outcome, reason=reason, count=share)
        for outcome, reason, count in outcomes for cohort, share in share_out(count, cohorts)
        for part in parts
    )  # fmt: skip


def fill_receipts(parts: list[Any], account: int, cohorts: list[int]) -> None:
    """What came back of each part over three hours, by when it came and by cohort."""
    from campaigns.models import ReceiptCount, ReceiptRollup

    kinds = ("delivered", "opened")
    ReceiptCount.objects.bulk_create(
        ReceiptCount(part=part, hour=_hour(part, after), kind=kind, count=90, platform="android",
                     account_id=account)
        for part in parts for after in range(3) for kind in kinds
    )  # fmt: skip
    ReceiptRollup.objects.bulk_create(
        ReceiptRollup(part=part, hour=_hour(part), cohort_id=cohort, account_id=account,
                      kind=kind, count=share)
        for kind in kinds for cohort, share in share_out(270, cohorts) for part in parts
    )  # fmt: skip


def share_out(count: int, cohorts: list[int]) -> list[tuple[int, int]]:
    """What each cohort has of a count, without those that have nothing."""
    shares = [(count + place) // len(cohorts) for place in range(len(cohorts))]
    return [(cohort, share) for cohort, share in zip(cohorts, shares, strict=True) if share]


def _hour(part: Any, after: int = 0) -> datetime:
    moment: datetime = part.transfer.created_at
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=after)
