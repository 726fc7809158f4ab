"""What happened to a transfer, in order: who moved it, what vendors refused, what was corrected.

Everything is read by an index and bounded, however many calls and corrections there were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.models import (
    Attempt,
    CampaignEvent,
    Correction,
    Exchange,
    Transfer,
    TransferEvent,
)

MAX_MOMENTS = 60
MAX_MOVES = 40
RECENT_EXCHANGES = 200
RECENT_CORRECTIONS = 300
ANSWERS = 20
TOGETHER = timedelta(minutes=5)  # faults of one kind that follow one another this closely


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened. `kind` is `campaign`, `begun`, `frozen`, `transfer`, `fault` or
    `correction`.

    `old` and `new` are statuses of a move (equal: something else was changed), or outcomes of a
    correction. `count` calls or recipients, at least so many where `is_more`.
    """

    at: datetime
    kind: str
    actor: str = ""
    old: str = ""
    new: str = ""
    note: str = ""
    account: str = ""
    reason: str = ""
    count: int = 0
    is_more: bool = False


def list_moments(transfer: Transfer, limit: int = MAX_MOMENTS) -> tuple[Moment, ...]:
    """The newest first, the beginning of the transfer last."""
    moments = [
        *_list_moves(transfer),
        *_list_ends(transfer),
        *_list_launches(transfer),
        *_list_faults(transfer),
        *_list_corrections(transfer),
    ]
    # Of one instant what is decided comes before what follows from it.
    order = ("fault", "correction", "transfer", "frozen", "begun", "campaign")
    moments.sort(key=lambda moment: order.index(moment.kind))
    return tuple(sorted(moments, key=lambda moment: -moment.at.timestamp())[:limit])


def _list_ends(transfer: Transfer) -> Iterator[Moment]:
    if not transfer.events.filter(new=Transfer.Status.ACCEPTED).exists():
        yield Moment(at=transfer.created_at, kind="begun")
    if transfer.frozen_at is not None:
        yield Moment(at=transfer.frozen_at, kind="frozen", count=transfer.audience)


def _list_moves(transfer: Transfer) -> Iterator[Moment]:
    events = TransferEvent.objects.filter(transfer=transfer).order_by("-pk")[:MAX_MOVES]
    for event in events:
        yield Moment(
            at=event.at, kind="transfer", actor=event.actor, old=event.old, new=event.new,
            note=event.note,
        )  # fmt: skip


def _list_launches(transfer: Transfer) -> Iterator[Moment]:
    """What was decided about its campaign before the transfer began, its launch above all."""
    if transfer.campaign_id is None:
        return
    events = CampaignEvent.objects.filter(
        campaign=transfer.campaign_id, at__lte=transfer.created_at
    )
    for event in events.order_by("-pk")[:5]:
        yield Moment(
            at=event.at, kind="campaign", actor=event.actor, old=event.old, new=event.new,
            note=event.note,
        )  # fmt: skip


def _list_faults(transfer: Transfer) -> Iterator[Moment]:
    """Calls that failed alike one after the other are one moment: that of the last."""
    rows = Exchange.objects.filter(transfer_id=transfer.pk).order_by("-pk")
    recent = rows.values_list("at", "account__name", "reason")[:RECENT_EXCHANGES]
    open_moments: dict[tuple[str, str], tuple[Moment, datetime]] = {}
    for at, account, reason in recent:
        if not reason:
            continue
        known = open_moments.get((account, reason))
        if known and known[1] - at <= TOGETHER:
            moment = replace(known[0], count=known[0].count + 1)
        else:
            if known:
                yield known[0]
            moment = Moment(at=at, kind="fault", account=account, reason=reason, count=1)
        open_moments[account, reason] = (moment, at)
    for moment, _oldest in open_moments.values():
        yield moment


def _list_corrections(transfer: Transfer) -> Iterator[Moment]:
    """Rows of one cause and moment are one; the oldest of those read may have had more."""
    parts = list(transfer.parts.order_by("-pk").values_list("pk", flat=True)[:20])
    rows: list[Correction] = []
    for part in parts:
        found = Correction.objects.filter(part=part).order_by("-pk")
        rows += found[: RECENT_CORRECTIONS - len(rows)]
        if len(rows) >= RECENT_CORRECTIONS:
            break
    sums: dict[tuple[str, ...], Moment] = {}
    for row in rows:
        key = (row.old, row.new, row.actor, row.reason, row.evidence, f"{row.at:%Y%m%d%H%M}")
        known = sums.get(key) or Moment(
            at=row.at, kind="correction", actor=row.actor, old=row.old, new=row.new,
            note=row.evidence, reason=row.reason,
        )  # fmt: skip
        sums[key] = replace(known, count=known.count + row.count)
    moments = list(sums.values())
    if len(rows) >= RECENT_CORRECTIONS and moments:
        moments[-1] = replace(moments[-1], is_more=True)
    yield from moments


@dataclass(frozen=True, slots=True)
class Answer:
    """One call as it was kept, scrubbed: where it went, what came back, in how many seconds.

    `words` is the vendor's sentence where its dialect has found one in the body.
    """

    exchange_id: int
    at: datetime
    account: str
    method: str
    url: str
    status: int | None
    seconds: float
    reason: str
    words: str
    body: str


def list_answers(transfer: Transfer, limit: int = ANSWERS) -> tuple[Answer, ...]:
    """The last answers of vendors, the newest first."""
    rows = Exchange.objects.filter(transfer_id=transfer.pk).select_related("account")
    recent = list(rows.order_by("-pk").defer("request")[:limit])
    words = _find_words(recent)
    return tuple(
        Answer(
            row.pk, row.at, row.account.name, row.method, row.url, row.status, row.seconds,
            row.reason, words.get(row.attempt_id or 0, ""), row.response,
        )
        for row in recent
    )  # fmt: skip


def _find_words(rows: Sequence[Exchange]) -> dict[int, str]:
    attempts = {row.attempt_id for row in rows if row.attempt_id and row.reason}
    return dict(Attempt.objects.filter(pk__in=attempts).values_list("pk", "words"))
