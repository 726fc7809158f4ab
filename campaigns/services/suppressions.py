"""The suppression list: identifiers to which nothing is sent, added and removed in bulk."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import App, AuditEntry, Suppression, SuppressionCount, Workspace
from campaigns.models.bulk import TextList, add_counts
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.contacts import LENGTHS, find_contact_fault
from campaigns.selectors.holders import find_holders
from campaigns.selectors.identifiers import MAX_IDENTIFIER
from campaigns.selectors.seals import Sealer, list_kinds, mask, write_plain

MAX_ENTRIES = 10_000  # of one call
CHUNK = 2_000
MAX_SOURCE = 80
Reason, Channel = Suppression.Reason, Suppression.Channel
# Why somebody is taken off the list again; the audit log keeps the word.
REMOVAL_REASONS = {
    "mistake": gettext_lazy("Added by mistake"),
    "consent": gettext_lazy("They asked for messages again"),
    "address_works": gettext_lazy("The address works again"),
    "other": gettext_lazy("Another reason"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """For which workspace a list holds, or for which one app of it."""

    workspace: Workspace
    app: App | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all entries of a call. `until` None: for ever."""

    reason: str
    channel: str = ""
    source: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An identifier of a kind of `selectors.seals.list_kinds`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry that was left out: its place in the call, and a code."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What a call came to. `same` were so already."""

    changed: int = 0
    same: int = 0
    rejected: Sequence[Rejected] = ()


@dataclass(slots=True)
class _Sealed:
    """Entries that can be kept, by their seals; of two with one seal the first."""

    entries: dict[str, Entry] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    doubles: int = 0


def add_suppressions(
    place: Place, entries: Sequence[Entry], terms: Terms, *, actor: str, now: datetime
) -> Changed:
    """Suppress identifiers. One that is on the list gets the new terms, so a call may be repeated.

    Raises Invalid for terms that make no sense; an entry that makes none is rejected, and so is
    what is no e-mail or phone, unless somebody has it all the same.
    """
    check_terms(terms, now)
    _refuse_crowd(entries)
    sealed = _seal(place, entries, _find_nobodys(place, entries))
    changed = same = 0
    seals = list(sealed.entries)
    for start in range(0, len(seals), CHUNK):
        chunk = {seal: sealed.entries[seal] for seal in seals[start : start + CHUNK]}
        added, known = _add_chunk(place, chunk, terms, actor, now)
        changed, same = changed + added, same + known
    return Changed(changed, same + sealed.doubles, tuple(sealed.rejected))


def remove_suppressions(
    place: Place, entries: Sequence[Entry], *, channel: str, reason: str, actor: str, now: datetime
) -> Changed:
    """Take identifiers off the list of that place and channel; who was not on it is `same`."""
    check_removal(reason)
    _refuse_crowd(entries)
    sealed = _seal(place, entries)
    own = _select(place, channel).filter(seal__in=TextList(sealed.entries))
    removed = _remove(own, place.workspace, reason, actor, now)
    left = len(sealed.entries) - removed + sealed.doubles
    return Changed(removed, left, tuple(sealed.rejected))


def remove_rows(
    rows: QuerySet[Suppression], workspace: Workspace, *, reason: str, actor: str, now: datetime
) -> int:
    """Take entries off the list by their rows; gives how many were on it."""
    check_removal(reason)
    return _remove(rows.filter(workspace=workspace), workspace, reason, actor, now)


def prune_ended(now: datetime) -> int:
    """Forget entries that have ended, in chunks; gives how many."""
    ended, removed = Suppression.objects.filter(until__lte=now), 0
    while (
        first := ended.order_by("until").values_list("workspace", flat=True).first()
    ) is not None:
        with transaction.atomic():
            _lock(Workspace(pk=first))
            rows = dict(ended.filter(workspace=first).values_list("pk", "kind")[:CHUNK])
            Suppression.objects.filter(pk__in=rows).delete()
            _count_down(Tally((first, kind) for kind in rows.values()))
        removed += len(rows)
    return removed


def find_entries(rows: QuerySet[Suppression], text: str) -> QuerySet[Suppression]:
    """The rows whose identifier is exactly that text, whatever kind it is of."""
    sealer = Sealer()
    workspaces = Workspace.objects.filter(pk__in=rows.values("workspace_id"))
    seals = [
        sealer.seal(workspace, kind, text)
        for workspace in workspaces.values_list("pk", flat=True)
        for kind in list_kinds()
    ]
    return rows.filter(seal__in=TextList(seals))


def check_terms(terms: Terms, now: datetime) -> None:
    """Raise Invalid, with the fields that are wrong."""
    faults: dict[str, str] = {}
    if terms.reason not in Reason.values:
        faults["reason"] = _one_of(Reason.values)
    if terms.channel not in Channel.values:
        faults["channel"] = _one_of(Channel.values)
    if source_fault := find_text_fault(terms.source, MAX_SOURCE):
        faults["source"] = source_fault
    if terms.until is not None and terms.until <= now:
        faults["until"] = _("Choose a time that is still to come, or none: then it is for ever.")
    if faults:
        raise Invalid(_("The list was not changed."), fields=faults)


def check_removal(reason: str) -> None:
    """Raise Invalid for a reason that is none."""
    if reason not in REMOVAL_REASONS:
        raise Invalid(_("Say why."), fields={"reason": _one_of(REMOVAL_REASONS)})


def _one_of(words: Iterable[str]) -> str:
    return _("One of: %(known)s.") % {"known": ", ".join(word or '""' for word in words)}


def _refuse_crowd(entries: Sequence[Entry]) -> None:
    if len(entries) > MAX_ENTRIES:
        words = _("At most %(maximum)s at a time; upload a file for more.")
        sentence = words % {"maximum": MAX_ENTRIES}
        raise Invalid(sentence, fields={"entries": sentence})


def _find_nobodys(place: Place, entries: Iterable[Entry]) -> set[Entry]:
    """What is no e-mail or phone, and nobody's: no import and no call would let anybody have it.
    Rows from before these were checked may, and must not be sent to."""
    odd = {
        entry
        for entry in entries
        if entry.kind in LENGTHS and find_contact_fault(entry.kind, entry.value)
    }
    holders = find_holders(place.workspace, {(one.kind, one.value) for one in odd}) if odd else {}
    return {one for one in odd if (one.kind, one.value) not in holders}


def _seal(
    place: Place, entries: Sequence[Entry], nobodys: Collection[Entry] = frozenset()
) -> _Sealed:
    sealer, known, sealed = Sealer(), frozenset(list_kinds()), _Sealed()
    for index, entry in enumerate(entries):
        fault = _find_fault(entry, known) or ("invalid_value" if entry in nobodys else "")
        if fault:
            sealed.rejected.append(Rejected(index, fault))
            continue
        seal = sealer.seal(place.workspace.pk, entry.kind, entry.value)
        sealed.doubles += seal in sealed.entries
        sealed.entries.setdefault(seal, entry)
    return sealed


def _find_fault(entry: Entry, known: frozenset[str]) -> str:
    if entry.kind not in known:
        return "unknown_kind"
    if find_text_fault(entry.value, MAX_IDENTIFIER):
        return "invalid_value"
    return "" if write_plain(entry.kind, entry.value) else "invalid_value"


def _select(place: Place, channel: str) -> QuerySet[Suppression]:
    rows = Suppression.objects.filter(workspace=place.workspace, channel=channel)
    return rows.filter(app__isnull=True) if place.app is None else rows.filter(app=place.app)


def _add_chunk(
    place: Place, chunk: Mapping[str, Entry], terms: Terms, actor: str, now: datetime
) -> tuple[int, int]:
    """How many were added, and how many were there."""
    holders = find_holders(place.workspace, {(one.kind, one.value) for one in chunk.values()})
    with transaction.atomic():
        _lock(place.workspace)
        own = _select(place, terms.channel).filter(seal__in=TextList(chunk))
        known = set(own.values_list("seal", flat=True))
        own.update(reason=terms.reason, source=terms.source, until=terms.until)
        made = [
            _make(place, seal, entry, terms, holders)
            for seal, entry in chunk.items()
            if seal not in known
        ]
        for row in made:
            row.created_at, row.created_by = now, actor
        Suppression.objects.bulk_create(made)
        tally = Tally(row.kind for row in made)
        counts = [(place.workspace.pk, kind, count) for kind, count in tally.items()]
        add_counts(SuppressionCount, ("workspace", "kind"), counts)
        _audit(place.workspace, "suppress", len(chunk), terms.reason, actor, now)
    return len(made), len(known)


def _lock(workspace: Workspace) -> None:
    # Whoever changes the list holds this row, so that what is counted is what was changed.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def _make(
    place: Place,
    seal: str,
    entry: Entry,
    terms: Terms,
    holders: Mapping[tuple[str, str], tuple[int | None, int | None]],
) -> Suppression:
    person, device = holders.get((entry.kind, entry.value), (None, None))
    return Suppression(
        workspace=place.workspace,
        app=place.app,
        channel=terms.channel,
        kind=entry.kind,
        seal=seal,
        masked=mask(entry.kind, entry.value),
        reason=terms.reason,
        source=terms.source,
        until=terms.until,
        person_id=person,
        device_id=device,
    )


def _remove(
    rows: QuerySet[Suppression], workspace: Workspace, reason: str, actor: str, now: datetime
) -> int:
    removed = 0
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        with transaction.atomic():
            _lock(workspace)
            held = Suppression.objects.filter(pk__in=ids[start : start + CHUNK])
            kinds = dict(held.values_list("pk", "kind"))
            held.delete()
            _count_down(Tally((workspace.pk, kind) for kind in kinds.values()))
            if kinds:
                _audit(workspace, "unsuppress", len(kinds), reason, actor, now)
        removed += len(kinds)
    return removed


def _count_down(tally: Mapping[tuple[int, str], int]) -> None:
    for (workspace, kind), count in sorted(tally.items()):
        rows = SuppressionCount.objects.filter(workspace=workspace, kind=kind)
        rows.update(count=F("count") - count)


def _audit(
    workspace: Workspace, verb: str, count: int, reason: str, actor: str, now: datetime
) -> None:
    """How many, and why; of whom the log says nothing."""
    AuditEntry.objects.create(
        workspace=workspace,
        at=now,
        actor=actor,
        verb=verb,
        target_type="suppression",
        target_id="",
        fields=[f"{reason}: {count}"],
    )


def list_counts(workspaces: Any) -> dict[str, int]:
    """Entries by kind in some workspaces, from the books of the list."""
    rows = SuppressionCount.objects.filter(Q(workspace__in=workspaces), count__gt=0)
    tally: Tally[str] = Tally()
    for kind, count in rows.values_list("kind", "count"):
        tally[kind] += count
    return dict(tally.most_common())
