"""Tells scripts what became of their targets, where they have asked for it, in their dialect.

Each is told at least once: who dies after the call and before its end is written down makes the
same call again. A target is told of when nothing more is to be heard of it, and again when that
turns out to be otherwise.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from campaigns.dispatch.outbound import find_hop
from campaigns.dispatch.receivers import (
    ANSWER_SECONDS,
    Receiver,
    check_address,
    find_receiver,
    make_call,
)
from campaigns.dispatch.tracked import (
    PATIENCE,
    describe_targets,
    is_known,
    name_sender,
    name_values,
)
from campaigns.models import Device, Door, OutboxRow, Part, Person, TrackedTarget
from campaigns.models.bulk import IdList, TextList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.contacts import LENGTHS, write_contact
from campaigns.selectors.routes import find_dialect
from providers import vault
from providers.commands import Callback
from providers.contract import Dialect
from providers.inbound import CallbackRequest
from providers.outcomes import Outcome
from providers.receipts import ReceiptKind
from providers.recipients import PersonKind
from providers.reports import OutcomeRow

Clock = Callable[[], datetime]
CALLS = 5  # of one turn, if the first ones are quick
TURN_SECONDS = 2.0
LEASE = timedelta(seconds=60)
TARGETS = 500  # of one call
TRIES = 10
SEEN = "seen"
UNREADABLE = "The door's secret cannot be read."
SEEN_KINDS = frozenset({ReceiptKind.SHOWN, ReceiptKind.OPENED, ReceiptKind.CLICKED})


def callback_step(clock: Clock) -> bool:
    """Make a few calls that are due; False when none is. Slow receivers hold nobody up for long."""
    end = time.monotonic() + TURN_SECONDS
    did = False
    for _call in range(CALLS):
        row = _claim(clock())
        if row is None:
            return did
        _tell(row, clock)
        did = True
        if time.monotonic() >= end:
            break
    return did


def _claim(now: datetime) -> OutboxRow | None:
    """A due row, moved so far that nobody else takes it while the call runs."""
    with transaction.atomic():
        due = OutboxRow.objects.filter(due_at__lte=now, given_up_at__isnull=True)
        locked = due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "pk")
        row = locked.select_related("submission", "part__transfer").first()
        if row is not None:
            row.due_at = now + LEASE
            row.save(update_fields=["due_at"])
    return row


@dataclass(slots=True)
class _News:
    """What a script has not been told: targets by what they are now. `later` is when there may be
    more of them, even if nothing changes.
    """

    rows: dict[str, list[tuple[int, OutcomeRow]]] = field(default_factory=lambda: defaultdict(list))
    later: datetime | None = None

    def count(self) -> int:
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True, slots=True)
class _Listener:
    """Whom to call: `receiver` where the address is set for the door."""

    write: Callable[[tuple[OutcomeRow, ...]], CallbackRequest | None]
    wants_seen: bool
    receiver: Receiver | None = None


def _find_listener(row: OutboxRow, dialect: Dialect, clock: Clock) -> _Listener | None:
    """None for nobody, any more."""
    asked = row.submission.callback
    if asked is None:
        return None
    if asked.get("by_door"):
        receiver = find_receiver(row.part.transfer.app_id, dialect)
        if receiver is None:
            return None
        return _Listener(lambda rows: receiver.write(rows, clock()), True, receiver)
    if dialect.write_callback is None:
        return None
    callback = Callback(**asked)
    return _Listener(partial(dialect.write_callback, callback), callback.wants_intermediate)


def _tell(row: OutboxRow, clock: Clock) -> None:
    dialect = find_dialect(row.submission.door)
    try:
        listener = _find_listener(row, dialect, clock) if dialect else None
    except vault.VaultError:
        _put_off(row, UNREADABLE, clock())
        return
    if dialect is None or listener is None:
        row.delete()
        return
    receiver = listener.receiver
    words = check_address(receiver) if receiver and not receiver.is_checked else ""
    if words:
        _put_off(row, words, clock())
    else:
        _tell_news(row, dialect, listener, clock)


def _tell_news(row: OutboxRow, dialect: Dialect, listener: _Listener, clock: Clock) -> None:
    news = _gather(row, dialect, clock(), wants_seen=listener.wants_seen)
    for state, told in _order(news):
        request = listener.write(tuple(one for _target, one in told))
        words = _post(request, row.part) if request is not None else ""
        if words:
            _put_off(row, words, clock())
            return
        _mark(row, [target for target, _one in told], state)
    _close(row, news.later, clock())


def _order(news: _News) -> list[tuple[str, list[tuple[int, OutcomeRow]]]]:
    """What was seen comes after what has arrived."""
    return sorted(news.rows.items(), key=lambda item: (item[0] == SEEN, item[0]))


def _gather(row: OutboxRow, dialect: Dialect, now: datetime, *, wants_seen: bool) -> _News:
    news = _News()
    senders = _find_senders(row.part, dialect)
    targets = list(_select(row, dialect))
    for start in range(0, len(targets), TARGETS):
        if news.count() >= TARGETS:
            news.later = now
            return news
        chunk = targets[start : start + TARGETS]
        described = describe_targets(chunk, dialect, senders)
        for target, one in zip(chunk, described, strict=True):
            _judge(news, target, one, now, wants_seen=wants_seen)
    return news


def _judge(
    news: _News, target: TrackedTarget, row: OutcomeRow, now: datetime, *, wants_seen: bool
) -> None:
    """Add what is new of a target."""
    if row.outcome is Outcome.ACCEPTED and row.sent_at and not is_known(row, now):
        later = row.sent_at + PATIENCE
        news.later = min(later, news.later or later)
    if row.outcome is None or not is_known(row, now):
        return
    if target.told not in (row.outcome.value, SEEN):
        arrived = {kind: at for kind, at in row.receipts.items() if kind not in SEEN_KINDS}
        news.rows[row.outcome.value].append((target.pk, replace(row, receipts=arrived)))
    if wants_seen and target.told != SEEN and SEEN_KINDS & row.receipts.keys():
        news.rows[SEEN].append((target.pk, row))


def _select(row: OutboxRow, dialect: Dialect) -> QuerySet[TrackedTarget]:
    """The targets that the row's recipients may be: who is handed on is a target of the first
    step."""
    part = row.part
    targets = TrackedTarget.objects.filter(part=part)
    if part.step:
        targets = TrackedTarget.objects.filter(part__transfer=part.transfer_id, part__step=0)
    targets = targets.order_by("pk")
    targets = targets.select_related("submission", "part__message", "part__transfer__app")
    if not row.count:
        return targets.filter(told="")
    if part.kind == Part.Kind.PERSON and not part.step:
        return targets.exclude(told=SEEN)
    meant = Q(kind="")
    kinds = targets.exclude(kind="").order_by()
    for kind in kinds.values_list("kind", flat=True).distinct():
        values = _keep_storable(_name_recipients(row, kind, dialect))
        spelled = _find_spelled(targets.filter(kind=kind), kind, values)
        meant |= Q(kind=kind, value__in=TextList(spelled))
    return targets.filter(meant).exclude(told=SEEN)


def _find_spelled(
    targets: QuerySet[TrackedTarget], kind: str, values: Sequence[str]
) -> Sequence[str]:
    """The values as the script has written them, where one address is written in several ways."""
    if kind not in LENGTHS:
        return values
    written = {write_contact(kind, value) for value in values}
    known = targets.order_by().values_list("value", flat=True).distinct()
    return [value for value in known if write_contact(kind, value) in written]


def _name_recipients(row: OutboxRow, kind: str, dialect: Dialect) -> set[str]:
    """What targets of one kind are called that mean any of the row's recipients."""
    part, recipients = row.part, unpack_ids(row.recipients)
    if part.kind == Part.Kind.DEVICE:
        return name_values(part, kind, recipients, dialect)
    owned = Device.objects.filter(app=part.transfer.app_id, person__in=IdList(recipients))
    values = name_values(part, kind, list(owned.values_list("pk", flat=True)), dialect)
    if kind in set(PersonKind):
        persons = Person.objects.filter(pk__in=IdList(recipients))
        values |= set(persons.values_list(kind, flat=True)) - {""}
    return values


def _keep_storable(values: Iterable[str]) -> list[str]:
    return sorted(value for value in values if not UNSTORABLE.search(value))


def _find_senders(part: Part, dialect: Dialect) -> dict[int, str]:
    app = part.transfer.app_id
    door = Door.objects.filter(app=app, dialect=dialect.key).first()
    return {app: name_sender(door) if door else str(app)}


def _post(request: CallbackRequest, part: Part) -> str:
    """Make the call; "" when it was taken, else why not."""
    _answer, words = make_call(request, find_hop(part.transfer), ANSWER_SECONDS)
    return words


def _mark(row: OutboxRow, targets: Sequence[int], state: str) -> None:
    """They have been told; whatever else the script waits for need not wait any longer."""
    with transaction.atomic():
        TrackedTarget.objects.filter(pk__in=targets).update(told=state)
        waiting = _list_open(row).filter(tries__gt=0)
        waiting.exclude(pk=row.pk).update(tries=0, due_at=row.created_at)


def _close(row: OutboxRow, later: datetime | None, now: datetime) -> None:
    """Everything is told that can be; the row goes, or waits for what there may be then."""
    # Who took longer than the lease has lost the row.
    mine = OutboxRow.objects.filter(pk=row.pk, due_at=row.due_at)
    if later is None:
        mine.delete()
    else:
        mine.update(due_at=max(later, now), tries=0)


def _put_off(row: OutboxRow, words: str, now: datetime) -> None:
    """Try again later, with everything else for this address; after many tries not any more."""
    with transaction.atomic():
        rows = _list_open(row)
        tries = rows.aggregate(most=Max("tries"))["most"] or 0
        wait = timedelta(minutes=1 + tries**2)
        given_up_at = now if tries + 1 >= TRIES else None
        rows.update(tries=tries + 1, due_at=now + wait, words=words, given_up_at=given_up_at)


def _list_open(row: OutboxRow) -> QuerySet[OutboxRow]:
    return OutboxRow.objects.filter(submission=row.submission_id, given_up_at__isnull=True)
