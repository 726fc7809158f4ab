"""What happened to a campaign, in order: its own moves, and those of its transfers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Transfer, TransferEvent
from campaigns.models.moves import StatusEvent

MAX_MOVES = 30
MAX_TRANSFERS = 200  # the newest, of a series that has more
MAX_EVENTS = 300
PAUSED = Transfer.Status.PAUSED
RESUMED = "resumed"
# By what they become: paused, cancelled and failed. What goes on is told by what it was.
STOPPED = (PAUSED, Transfer.Status.CANCELLED, Transfer.Status.FAILED)
RECALLED = Q(old=Transfer.Status.SENT, new=Transfer.Status.SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMove:
    """One move, by whom and when; of a campaign with `is_own`, and of the `transfers` that went
    along, else of these alone. Where `old` is `new` something else was changed, as `note` says."""

    at: datetime
    actor: str
    old: str
    new: str
    note: str
    is_own: bool = False
    transfers: tuple[Transfer, ...] = ()

    @property
    def verb(self) -> str:
        """What was done, alike for a campaign and its transfers; "" for what is its own alone."""
        if self.new == self.old:
            return ""
        if self.new in STOPPED:
            return self.new
        return RESUMED if self.old == PAUSED else ""

    @property
    def label(self) -> str:
        """What the chip says; "" where the status itself does."""
        return _("Resumed") if self.verb == RESUMED and not self.is_own else ""


def list_moves(campaign: Campaign, transfers: QuerySet[Transfer]) -> list[CampaignMove]:
    """The newest first; of these transfers whatever stopped or resumed them, or asked them back."""
    own = [_read(event, is_own=True) for event in campaign.events.order_by("-pk")[:MAX_MOVES]]
    moved = list(_list_moved(transfers))
    together = {_find_step(move): move.transfers for move in moved if move.verb}
    known = {_find_step(move) for move in own if move.verb}
    alone = [move for move in moved if _find_step(move) not in known]
    whole = [replace(move, transfers=together.get(_find_step(move), ())) for move in own]
    # Of one instant the campaign, of which it was decided, is the earlier.
    return sorted([*alone, *whole], key=lambda move: move.at, reverse=True)[:MAX_MOVES]


def _find_step(move: CampaignMove) -> tuple[datetime, str, str]:
    """What a campaign and its transfers do in one step is done at one instant by one."""
    return move.at, move.actor, move.verb


def _list_moved(transfers: QuerySet[Transfer]) -> Iterator[CampaignMove]:
    """One of all that were moved together."""
    rows = {row.pk: row for row in transfers.select_related("app").order_by("-pk")[:MAX_TRANSFERS]}
    # By the index of their transfers: by its own key the whole table may be walked.
    events = _select_events(rows).order_by("-at", "-pk")[:MAX_EVENTS]
    moves = [replace(_read(event), transfers=(rows[event.transfer_id],)) for event in events]
    for _step, members in groupby(moves, lambda move: (_find_step(move), move.note)):
        first, *others = members
        both = [*first.transfers, *(transfer for move in others for transfer in move.transfers)]
        yield replace(first, transfers=tuple(sorted(both, key=lambda transfer: transfer.pk)))


def _select_events(ids: Iterable[int]) -> QuerySet[TransferEvent]:
    stopped = Q(new__in=STOPPED) & ~Q(old=F("new"))
    return TransferEvent.objects.filter(
        stopped | Q(old=PAUSED) & ~Q(new=PAUSED) | RECALLED, transfer__in=list(ids)
    )


def _read(event: StatusEvent, *, is_own: bool = False) -> CampaignMove:
    return CampaignMove(
        at=event.at, actor=event.actor, old=event.old, new=event.new, note=event.note,
        is_own=is_own,
    )  # fmt: skip
