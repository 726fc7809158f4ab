"""Who may not be sent to at this moment: who opted out, who is suppressed, who is no longer there.

Asked right before a call, set-based, so that nobody is sent to who was taken out since the freeze.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from campaigns.dispatch.books import Member
from campaigns.models import (
    Batch,
    Device,
    DeviceIdentifier,
    Part,
    Person,
    Suppression,
    SuppressionCount,
)
from campaigns.models.bulk import IdList, TextList
from campaigns.selectors.aliases import PERSON_COLUMNS, read_former
from campaigns.selectors.identifiers import identifier_platforms
from campaigns.selectors.seals import PERSON_KINDS, Sealer
from providers.outcomes import Reason
from providers.recipients import TOKEN_KIND

# Such a reason stands for every way out, so no other way is tried.
BARRED = frozenset({Reason.OPTED_OUT.value, Reason.SUPPRESSED.value, Reason.GONE.value})
OWNER_COLUMNS = tuple(f"person__{name}" for name in PERSON_COLUMNS)


def find_barred(
    batch: Batch, members: Sequence[Member], now: datetime
) -> dict[Reason, list[Member]]:
    """Members of a batch to whom nothing goes, by why."""
    known = _read_opt_outs(batch, [member[0] for member in members])
    suppressed = find_suppressed(batch, [member[0] for member in members], now)
    barred: dict[Reason, list[Member]] = defaultdict(list)
    for member in members:
        if member[0] not in known:
            barred[Reason.GONE].append(member)
        elif known[member[0]] is not None:
            barred[Reason.OPTED_OUT].append(member)
        elif member[0] in suppressed:
            barred[Reason.SUPPRESSED].append(member)
    return barred


def _read_opt_outs(batch: Batch, recipients: Sequence[int]) -> dict[int, datetime | None]:
    """When each of those who are still there has opted out, None for never."""
    ids = IdList(recipients)
    if batch.part.kind == Part.Kind.PERSON:
        return dict(Person.objects.filter(pk__in=ids).values_list("pk", "opted_out_at"))
    return dict(Device.objects.filter(pk__in=ids).values_list("pk", "person__opted_out_at"))


def find_suppressed(batch: Batch, recipients: Sequence[int], now: datetime) -> set[int]:
    """Which recipients of a batch are suppressed for its app and channel."""
    workspace = batch.transfer.app.workspace_id
    kinds = _list_kinds(workspace)
    if not kinds or not recipients:
        return set()
    if batch.part.kind == Part.Kind.PERSON:
        held = _read_persons(recipients, kinds)
    else:
        held = _read_devices(recipients, kinds)
    return _match(held, kinds, batch, now)


def find_suppressed_persons(
    batch: Batch, persons: Sequence[int], channel: str, now: datetime
) -> set[int]:
    """Which persons are suppressed for the batch's app on another channel than the batch's own."""
    kinds = _list_kinds(batch.transfer.app.workspace_id) & PERSON_KINDS
    if not kinds or not persons:
        return set()
    return _match(_read_persons(persons, kinds), kinds, batch, now, channel)


def _list_kinds(workspace: int) -> frozenset[str]:
    """The kinds that anybody of the workspace is suppressed by: mostly none."""
    counts = SuppressionCount.objects.filter(workspace=workspace, count__gt=0)
    return frozenset(counts.values_list("kind", flat=True))


Held = Iterable[tuple[int, str, str]]  # recipient, kind, value


def _read_persons(persons: Sequence[int], kinds: frozenset[str]) -> Held:
    rows = Person.objects.filter(pk__in=IdList(persons)).values_list("pk", *PERSON_COLUMNS)
    for pk, *values in rows:
        yield from ((pk, *pair) for pair in zip(PERSON_COLUMNS, values, strict=True))
    yield from _read_former("person", persons, kinds)


def _read_former(owner: str, ids: Sequence[int], kinds: frozenset[str]) -> Held:
    """Ids and addresses of those who were merged into them: these mean them by now."""
    return read_former(owner, ids) if kinds & PERSON_KINDS else ()


def _read_devices(devices: Sequence[int], kinds: frozenset[str]) -> Held:
    own = Device.objects.filter(pk__in=IdList(devices))
    if TOKEN_KIND in kinds or kinds & PERSON_KINDS:
        for pk, token, *values in own.values_list("pk", "token", *OWNER_COLUMNS):
            yield pk, TOKEN_KIND, token
            yield from ((pk, *pair) for pair in zip(PERSON_COLUMNS, values, strict=True))
    yield from _read_former("person__devices", devices, kinds)
    named = kinds & identifier_platforms().keys()
    if named:
        rows = DeviceIdentifier.objects.filter(device__in=IdList(devices), kind__in=named)
        yield from rows.values_list("device_id", "kind", "value")


def _match(
    held: Held, kinds: frozenset[str], batch: Batch, now: datetime, channel: str = ""
) -> set[int]:
    """Whose identifiers are on the list, in one indexed look-up."""
    sealer, app = Sealer(), batch.transfer.app
    owners: dict[str, list[int]] = defaultdict(list)
    for recipient, kind, value in held:
        if value and kind in kinds:
            owners[sealer.seal(app.workspace_id, kind, value)].append(recipient)
    found = Suppression.objects.filter(
        Q(until__isnull=True) | Q(until__gt=now),
        Q(app__isnull=True) | Q(app=app.pk),
        workspace=app.workspace_id,
        seal__in=TextList(owners),
        channel__in=("", channel or batch.part.channel),
    )
    return {one for seal in found.values_list("seal", flat=True) for one in owners[seal]}
