"""Compares the books with the rows: audience = the six outcomes + pending, everywhere."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from campaigns.models import Batch, Counter, Delivery, Part, RejectedIds, Rollup, Transfer


@dataclass(slots=True)
class Check:
    """How many parts were compared, who may have been sent twice, and what is wrong."""

    parts: int = 0
    resent: int = 0
    faults: list[str] = field(default_factory=list)


def check_books() -> Check:
    """Compare every part and transfer; each in one transaction, so that workers may go on."""
    check = Check()
    for transfer_id in Transfer.objects.order_by("pk").values_list("pk", flat=True).iterator():
        with transaction.atomic():
            transfer = Transfer.objects.select_for_update().get(pk=transfer_id)
            for part in transfer.parts.order_by("number"):
                check.parts += 1
                check.resent += part.resent
                check.faults += _check_part(transfer, part)
            check.faults += _check_transfer(transfer)
    return check


def _check_part(transfer: Transfer, part: Part) -> Iterator[str]:
    settled = _tally(Delivery, part, "recipient")
    rejected = RejectedIds.objects.filter(part=part).aggregate(n=Sum("count"))["n"] or 0
    if rejected:
        settled[(0, "skipped", "unknown_id")] += rejected
    counted = _sum(Counter, part)
    yield from _compare(part, _("counters"), counted, settled)
    batches = Batch.objects.filter(part=part)
    folded = _sum(Rollup, part)
    unfolded = batches.filter(is_folded=False).aggregate(n=Sum("settled"))["n"] or 0
    if unfolded == 0:
        yield from _compare(part, _("roll-up"), folded, settled)
    elif folded.total() + unfolded != settled.total():
        yield _("Part %(part)s: the roll-up and what is not folded yet are %(a)s, not %(b)s.") % {
            "part": part.pk,
            "a": folded.total() + unfolded,
            "b": settled.total(),
        }
    owed = batches.aggregate(n=Sum(F("count") - F("settled")))["n"] or 0
    if settled.total() + owed != part.audience:
        yield _("Part %(part)s: %(a)s settled and %(b)s pending are not its audience of %(c)s.") % {
            "part": part.pk,
            "a": settled.total(),
            "b": owed,
            "c": part.audience,
        }
    if transfer.finished_at is not None and owed:
        yield _("Part %(part)s: its transfer is over, yet %(n)s recipients have no outcome.") % {
            "part": part.pk,
            "n": owed,
        }


_Books = Tally[tuple[int, str, str]]


def _tally(model: type[Delivery], part: Part, column: str) -> _Books:
    rows = model.objects.filter(part_id=part.pk).values_list("account_id", "outcome", "reason")
    return Tally({tuple(key): n for *key, n in rows.annotate(n=Count(column))})


def _sum(model: type[Counter] | type[Rollup], part: Part) -> _Books:
    rows = model.objects.filter(part=part).values_list("account_id", "outcome", "reason")
    return Tally({tuple(key): n for *key, n in rows.annotate(n=Sum("count")) if n})


def _compare(part: Part, name: str, kept: _Books, settled: _Books) -> Iterator[str]:
    for key in sorted({*kept, *settled}):
        if kept[key] != settled[key]:
            yield _(
                "Part %(part)s: the %(name)s say %(a)s for %(outcome)s %(reason)s (account "
                "%(account)s), the recipients' rows %(b)s."
            ) % {
                "part": part.pk,
                "name": name,
                "a": kept[key],
                "b": settled[key],
                "account": key[0],
                "outcome": key[1],
                "reason": key[2],
            }


def _check_transfer(transfer: Transfer) -> Iterator[str]:
    audience = transfer.parts.aggregate(n=Sum("audience"))["n"] or 0
    if transfer.frozen_at is not None and audience != transfer.audience:
        yield _("Transfer %(id)s: its parts have %(a)s recipients, it says %(b)s.") % {
            "id": transfer.pk,
            "a": audience,
            "b": transfer.audience,
        }
