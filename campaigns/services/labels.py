"""Labels beyond their names and members: into the archive and out of it, members in bulk as jobs.

A label in the archive is not offered any more, where audiences and segments are composed. Whatever
names it goes on meaning its members, whom one may still add and remove: only its place in the
lists has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid, Refused
from campaigns.models import (
    App,
    Device,
    Job,
    JobPiece,
    Label,
    LabelMember,
    Person,
    Segment,
    Workspace,
)
from campaigns.models.access import visible_app_ids, wide_workspace_ids
from campaigns.models.bulk import IdList, append_rows
from campaigns.selectors.audience import Audience, AudienceKind, select_devices
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.found_people import Search, find_stretch
from campaigns.selectors.lookup import find_matches, is_beginning, read_prefix
from campaigns.selectors.seals import list_kinds
from campaigns.services.access import record_audit
from campaigns.services.erase_find import PERSON_NUMBER, find_meant
from campaigns.services.erase_words import PUT_INSTEAD
from campaigns.services.export_rows import find_bounds
from campaigns.services.job_lines import read_lines
from campaigns.services.jobs import (
    JobFile,
    JobKind,
    Step,
    append_file,
    draft_job,
    keep_file,
    queue_job,
    start_job,
)
from campaigns.services.suppression_jobs import read_entries
from providers.recipients import PersonKind

LINES = 2_000  # of one step
SPAN = 10_000  # ids of devices or persons of one step
MAX_LIST = 50_000_000  # bytes
AS_TYPED = "is_as_typed"  # a search that says itself what an erasure puts in the place of names
INPUT, UNKNOWN, REPEATED = "input", "unknown", "repeated"
WORDS = {
    "changed": gettext_lazy("Changed"),
    "same": gettext_lazy("Were so already"),
    "unknown": gettext_lazy("Not known here"),
    # Of what a step reads: what all the lines before have named is kept nowhere.
    REPEATED: format_lazy(
        gettext_lazy("Lines that name somebody again, of {lines} at a time"), lines=f"{LINES:,}"
    ),
}


class BulkVerb(StrEnum):
    """What is done to the label's members."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class IdLines:
    """Lines of UTF-8, each `value` of that kind or `kind,value`; a kind is one of identifiers, or
    `person` with our own number."""

    blocks: Iterable[bytes]
    kind: str = PersonKind.EXTERNAL_USER_ID.value


def archive_label(label: Label, *, actor: str, now: datetime) -> Label:
    """Offer it no more; archiving it again changes nothing."""
    return _set_archived(label, now, "archive", actor, now)


def restore_label(label: Label, *, actor: str, now: datetime) -> Label:
    """Offer it again; restoring it again changes nothing."""
    return _set_archived(label, None, "restore", actor, now)


def _set_archived(
    label: Label, archived_at: datetime | None, verb: str, actor: str, now: datetime
) -> Label:
    unmoved = Label.objects.filter(pk=label.pk, archived_at__isnull=archived_at is not None)
    with transaction.atomic():
        if unmoved.update(archived_at=archived_at):
            record_audit(actor, verb, label, workspace=label.app.workspace, now=now)
            label.archived_at = archived_at
    return label


def change_by_segment(
    label: Label, verb: BulkVerb, segment: Segment, *, actor: str, now: datetime
) -> Job:
    """Begin to add or remove every person with a device that the segment means.

    The segment's expression is kept as it is now; whom it means is asked stretch by stretch.
    Raises Invalid for a segment of another app.
    """
    if segment.app_id != label.app_id:
        words = _("Choose a segment of the label's app.")
        raise Invalid(words, fields={"segment": words})
    check_expression(segment.expression)
    params = {"label": label.pk, "name": label.name, "segment": segment.pk,
              "expression": segment.expression}  # fmt: skip
    with transaction.atomic():
        _note(label, verb, actor, now)
        return start_job(KINDS[verb], label.app, params, actor=actor, now=now)


def change_by_list(
    label: Label, verb: BulkVerb, given: IdLines, *, principal: Any, actor: str, now: datetime
) -> Job:
    """Begin to add or remove whoever a list of ids means.

    Only persons whom the principal sees now are found; those of all others end up in the file of
    unknown ids. Raises Invalid for a kind nobody knows, and a list that is empty or too long.
    """
    if given.kind not in (*list_kinds(), PERSON_NUMBER):
        words = _("Nobody knows this kind of id.")
        raise Invalid(words, fields={"kind": words})
    params = {"label": label.pk, "name": label.name, "kind": given.kind,
              "apps": _list_reached(principal, label.app)}  # fmt: skip
    with transaction.atomic():
        _note(label, verb, actor, now)
        job = draft_job(KINDS[verb], label.app, params, actor=actor, now=now)
        if not keep_file(job, INPUT, given.blocks, limit=MAX_LIST):
            sentence = _("The list is empty, or longer than %(most)d MB.")
            words = sentence % {"most": MAX_LIST // 1_000_000}
            raise Invalid(words, fields={"ids": words})
        queue_job(job, actor=actor, now=now)
    return job


def change_by_search(
    label: Label, verb: BulkVerb, term: str, *, principal: Any, actor: str, now: datetime
) -> Job:
    """Begin to add or remove everybody whom the search box finds by this, however many they are.

    Whether it means a beginning is decided now, as the page did; who is found, stretch by
    stretch. Only persons of the label's workspace whom the principal sees now are. Raises
    Invalid when the search finds nobody.
    """
    matches = find_matches(term, principal)
    if not matches:
        words = _("This search finds nobody.")
        raise Invalid(words, fields={"who": words})
    begins = is_beginning(matches)
    search = read_prefix(term) if begins else term.strip()
    params = {"label": label.pk, "name": label.name, "begins": begins, "search": search,
              "apps": _list_reached(principal, label.app)}  # fmt: skip
    if PUT_INSTEAD in search:
        params[AS_TYPED] = True
    with transaction.atomic():
        _note(label, verb, actor, now)
        return start_job(KINDS[verb], label.app, params, actor=actor, now=now)


def _note(label: Label, verb: BulkVerb, actor: str, now: datetime) -> None:
    # The job's own entry does not name the label.
    workspace = label.app.workspace
    record_audit(actor, f"{verb}_members", label, workspace=workspace, fields=["members"], now=now)


def _list_reached(principal: Any, app: App) -> list[int] | None:
    """Apps by whose devices and labels the principal sees persons; None for who sees them all."""
    wide = Workspace.objects.filter(pk=app.workspace_id, pk__in=wide_workspace_ids(principal))
    if getattr(principal, "is_superuser", False) or wide.exists():
        return None
    reached = App.objects.filter(pk__in=visible_app_ids(principal), workspace=app.workspace_id)
    return list(reached.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a step has found: persons, lines that mean nobody, how many mean whom another one does,
    and where to go on."""

    persons: Sequence[int]
    unknown: Sequence[str]
    cursor: Any
    done: int
    total: int | None
    is_last: bool
    repeated: int = 0


def _add(job: Job, now: datetime) -> Step:
    return _go_on(job, BulkVerb.ADD, now)


def _remove(job: Job, now: datetime) -> Step:
    return _go_on(job, BulkVerb.REMOVE, now)


def _go_on(job: Job, verb: BulkVerb, now: datetime) -> Step:
    label = Label.objects.select_for_update().filter(pk=job.params["label"], app=job.app).first()
    if label is None:
        raise Refused(_("The label has been deleted meanwhile."))
    found = _find_next(job, label)
    changed = _change(label, verb, found.persons, now)
    append_file(job, UNKNOWN, "".join(f"{line}\n" for line in found.unknown).encode())
    if found.is_last:
        JobPiece.objects.filter(job=job, role=INPUT).delete()
    Label.objects.filter(pk=label.pk).update(member_count=_count(label, verb, changed, found))
    counts = {name: job.counts.get(name, 0) for name in WORDS if name != REPEATED}
    counts["changed"] += changed
    counts["same"] += len(found.persons) - changed
    counts["unknown"] += len(found.unknown)
    repeated = job.counts.get(REPEATED, 0) + found.repeated
    counts |= {REPEATED: repeated} if repeated else {}
    return Step(found.cursor, found.done, counts, total=found.total, is_last=found.is_last)


def _find_next(job: Job, label: Label) -> _Found:
    if "expression" in job.params:
        return _search_segment(job, label)
    return _search_people(job, label) if "search" in job.params else _read_list(job, label)


def _change(label: Label, verb: BulkVerb, persons: Sequence[int], now: datetime) -> int:
    if verb is BulkVerb.ADD:
        rows = [(label.pk, person, now) for person in persons]
        return append_rows(LabelMember, ("label", "person", "added_at"), rows, skip_known=True)
    members = LabelMember.objects.filter(label=label, person_id__in=IdList(persons))
    return int(members.delete()[0])


def _count(label: Label, verb: BulkVerb, changed: int, found: _Found) -> int:
    """Added up, and at the end of the job counted anew: nobody else writes members meanwhile."""
    if found.is_last:
        return LabelMember.objects.filter(label=label).count()
    return max(0, label.member_count + (changed if verb is BulkVerb.ADD else -changed))


def _search_segment(job: Job, label: Label) -> _Found:
    """Owners of the devices in the next stretch of ids; those who come after the start wait."""
    meant = Audience(AudienceKind.EXPRESSION, expression=check_expression(job.params["expression"]))
    after, last = job.cursor.get("after", 0), job.cursor.get("last") or find_bounds(Device)[1]
    end = min(after + SPAN, last)
    # All stretches count relative times from when it was asked for.
    devices = select_devices(label.app, meant, now=job.created_at).filter(pk__gt=after, pk__lte=end)
    owned = devices.filter(person__isnull=False).order_by().values_list("person_id", flat=True)
    cursor = {"after": end, "last": last}
    return _Found(sorted(set(owned)), (), cursor, end, last, end >= last)


def _search_people(job: Job, label: Label) -> _Found:
    """Persons in the next stretch of ids; those who come after the start wait."""
    given, place = job.params, label.app.workspace_id
    if PUT_INSTEAD in given["search"] and AS_TYPED not in given:
        raise Refused(_("What was searched for named somebody who has been erased. Search again."))
    every = App.objects.filter(workspace=place).values_list("pk", flat=True)
    apps = list(every) if given["apps"] is None else given["apps"]
    first, highest = find_bounds(Person)
    after, last = job.cursor.get("after", first - 1), job.cursor.get("last", highest)
    end = min(after + SPAN, last)
    found = find_stretch(Search(given["search"], given["begins"], place, apps), after, end)
    seen = _select_seen(label, found, given["apps"]).values_list("pk", flat=True)
    return _Found(sorted(seen), (), {"after": end, "last": last}, end, last, end >= last)


def _read_list(job: Job, label: Label) -> _Found:
    lines = read_lines(job, INPUT, job.cursor, LINES)
    entries = [
        (entry.kind, entry.value)
        for entry in read_entries(lines.texts, job.params["kind"], (PERSON_NUMBER,))
        if entry is not None
    ]
    named = find_meant(label.app.workspace, entries).named
    every = sorted({person for persons in named.values() for person in persons})
    seen = set(_select_seen(label, every, job.params["apps"]).values_list("pk", flat=True))
    unknown = [
        value if kind == job.params["kind"] else f"{kind},{value}"
        for kind, value in dict.fromkeys(entries)
        if seen.isdisjoint(named.get((kind, value), ()))
    ]
    done = job.done + len(lines.texts)
    persons = [person for person in every if person in seen]
    # So that all numbers together are the lines; an id that means several adds to none.
    repeated = max(0, len(entries) - len(unknown) - len(persons))
    return _Found(persons, unknown, lines.cursor, done, None, lines.is_last, repeated)


def _select_seen(
    label: Label, persons: Sequence[int], apps: Sequence[int] | None
) -> QuerySet[Person]:
    rows = Person.objects.filter(workspace=label.app.workspace_id, pk__in=IdList(persons))
    if apps is None:
        return rows
    devices = Device.objects.filter(person_id=OuterRef("pk"), app__in=apps)
    labels = LabelMember.objects.filter(person_id=OuterRef("pk"), label__app__in=apps)
    return rows.filter(Exists(devices) | Exists(labels))


def _describe(job: Job) -> str:
    given = job.params
    if "search" in given:
        words = _("%(label)s: everybody whom the search finds by %(search)s.")
        search = f"{given['search']}{'*' if given['begins'] else ''}"
        return words % {"label": given["name"], "search": search}
    words = _("%(label)s: everybody of a segment.") if "expression" in given else "%(label)s."
    return words % {"label": given["name"]}


_FILES = (JobFile(UNKNOWN, gettext_lazy("Ids that nobody has"), "unknown.txt", "text/plain"),)
LOOKED = gettext_lazy("Looked through")
KINDS: dict[BulkVerb, JobKind] = {
    BulkVerb.ADD: JobKind(
        key="label_add",
        label=gettext_lazy("Add to a label"),
        step=_add,
        counts=WORDS,
        done_words=LOOKED,
        files=_FILES,
        about=_describe,
    ),
    BulkVerb.REMOVE: JobKind(
        key="label_remove",
        label=gettext_lazy("Remove from a label"),
        step=_remove,
        counts=WORDS,
        done_words=LOOKED,
        files=_FILES,
        about=_describe,
    ),
}
JOBS: tuple[JobKind, ...] = tuple(KINDS.values())


def list_jobs(label: Label, most: int = 5) -> list[Job]:
    """The newest ones that change its members."""
    keys = [kind.key for kind in JOBS]
    newest = Job.objects.filter(app=label.app_id, kind__in=keys).order_by("-pk")
    return [job for job in newest[:50] if job.params.get("label") == label.pk][:most]
