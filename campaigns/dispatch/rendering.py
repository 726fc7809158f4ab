"""Fills in the variables of a batch before anybody is called, and cuts it by what comes of it.

What was rendered is written down together with the batches that it makes, so that a call that is
made again says what it said, whatever has become of the attributes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.dispatch import settle
from campaigns.dispatch.books import Member, Verdict
from campaigns.dispatch.claim import Lease
from campaigns.dispatch.piles import MAX_BATCH, find_batch_size
from campaigns.dispatch.routes import find_reach
from campaigns.dispatch.texts import Rendered, Texts
from campaigns.dispatch.wording import resolve_batch
from campaigns.models import Batch, Device, Part
from campaigns.models.bulk import IdList
from campaigns.models.packing import pack_cohorts, pack_ids
from campaigns.selectors.personal import Reader
from campaigns.selectors.routes import Way, list_ways
from providers.contract import Dialect
from providers.liquid import TemplateFault
from providers.liquid_sandbox import RenderFault
from providers.outcomes import Reason
from providers.templates import Sheet

UNRENDERED = Verdict("skipped", Reason.TEMPLATE.value)
GONE = Verdict("skipped", Reason.NOT_ADDRESSABLE.value)


@dataclass(slots=True)
class _Result:
    """Texts by their own, and who gets which; who gets none."""

    choices: dict[Rendered, int] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    units: list[list[Member]] = field(default_factory=list)  # those who stay together
    skipped: dict[Verdict, list[Member]] = field(default_factory=lambda: defaultdict(list))


def render_batch(lease: Lease, owed: Sequence[Member], now: datetime) -> None:
    """Render a claimed batch and put batches of its recipients, with their texts, in its place.

    Who cannot be given a whole text is skipped. Raises LeaseLost.
    """
    batch = lease.batch
    try:
        sheet = Sheet(resolve_batch(batch))
    except TemplateFault:
        settle.flush(lease, settle.Flush(verdicts={UNRENDERED: owed}), now)
        return
    way = next(iter(list_ways(batch.app_id, batch.platform)), None)
    result = _render(batch, sheet, owed, way)
    texts = Texts(tuple(sheet.slots), list(result.choices), result.places)
    pieces = list(_cut(batch, texts, result.units, way, now))
    with transaction.atomic():
        held = settle.lock_leased(lease)
        settle.settle_members(held, result.skipped, None, now)
        Batch.objects.bulk_create(pieces)
        settle.leave_settled(held, [one for some in result.skipped.values() for one in some])


def _render(batch: Batch, sheet: Sheet, owed: Sequence[Member], way: Way | None) -> _Result:
    result = _Result()
    known = _read_values(batch, sheet, [member[0] for member in owed])
    for unit in _list_units(batch, owed):
        values = known.get(unit[0][0])
        verdict = GONE
        if values is not None:
            try:
                _place(result, sheet, unit, values, way.dialect if way else None)
                continue
            except RenderFault:
                verdict = UNRENDERED
        result.skipped[verdict] += unit
    return result


def _place(
    result: _Result,
    sheet: Sheet,
    unit: list[Member],
    values: Mapping[str, Any],
    dialect: Dialect | None,
) -> None:
    """Raises RenderFault."""
    rendered = sheet.render(values)
    place = result.choices.get(rendered)
    if place is None:
        _check(sheet, rendered, dialect)
        place = result.choices[rendered] = len(result.choices)
    result.places |= dict.fromkeys((member[0] for member in unit), place)
    result.units.append(unit)


def _check(sheet: Sheet, rendered: Rendered, dialect: Dialect | None) -> None:
    """A text that the vendor would not take, or that makes no message, is nobody's."""
    message = sheet.fill(rendered)
    if dialect is not None and dialect.find_message_faults is not None:
        faults = dialect.find_message_faults(message)
        if faults:
            raise RenderFault("; ".join(f"{path} {words}" for path, words in faults.items()))


def _read_values(batch: Batch, sheet: Sheet, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    defaults = batch.part.message.content.get("defaults") or {}
    reader = Reader(batch.transfer.app, sheet.variables, defaults)
    if batch.part.kind == Part.Kind.PERSON:
        return reader.read_persons(ids)
    return reader.read_devices(ids)


def _list_units(batch: Batch, owed: Sequence[Member]) -> Iterable[list[Member]]:
    """Who gets one text together: where a vendor is told of persons, the devices of each."""
    if batch.form != Batch.Form.PERSON:
        return ([member] for member in owed)
    rows = Device.objects.filter(pk__in=IdList(member[0] for member in owed))
    owners = dict(rows.values_list("pk", "person_id"))
    units: dict[int, list[Member]] = defaultdict(list)
    for member in owed:
        units[owners.get(member[0]) or -member[0]].append(member)
    return units.values()


def _cut(
    batch: Batch, texts: Texts, units: Sequence[list[Member]], way: Way | None, now: datetime
) -> Iterator[Batch]:
    """Batches of as many recipients, and of as many texts, as one call carries."""
    size, most = MAX_BATCH, 1
    if way is not None:
        size = find_batch_size(batch.transfer, find_reach(way, batch.platform))
        most = way.limits.texts_per_call
    piece: list[list[Member]] = []
    said: set[int] = set()
    for unit in sorted(units, key=lambda unit: texts.places[unit[0][0]]):
        said.add(texts.places[unit[0][0]])
        if piece and (len(piece) >= size or len(said) > most):
            yield _make_piece(batch, texts, piece, now)
            piece, said = [], {texts.places[unit[0][0]]}
        piece.append(unit)
    if piece:
        yield _make_piece(batch, texts, piece, now)


def _make_piece(batch: Batch, texts: Texts, units: Sequence[list[Member]], now: datetime) -> Batch:
    members = sorted(member for unit in units for member in unit)
    recipients = [member[0] for member in members]
    piece = copy(batch)
    piece.pk, piece._state.adding = None, True
    piece.recipients = pack_ids(recipients)
    piece.cohorts = pack_cohorts(member[1] for member in members)
    piece.count, piece.settled = len(members), 0
    piece.texts = texts.pack(recipients)
    piece.state, piece.lease_until, piece.account = Batch.State.READY, None, None
    piece.fence = piece.attempts = piece.retries = 0
    piece.due_at = now
    return piece
