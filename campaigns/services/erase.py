"""Erases persons everywhere, as a job: first they are gone and cannot come back, then every table
that may still name them is looked through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import (
    ApiKey,
    App,
    Attempt,
    Batch,
    Device,
    Exchange,
    Job,
    JobPiece,
    Label,
    LabelMember,
    Membership,
    Part,
    Person,
    Suppression,
    Workspace,
)
from campaigns.models.bulk import IdList, TextList
from campaigns.models.packing import unpack_ids
from campaigns.selectors.held import (
    Named,
    find_kept_to,
    list_aliases,
    list_identifiers,
    select_deliveries,
    select_held,
)
from campaigns.selectors.seals import Sealer
from campaigns.services.access import has_role, reaches_whole, record_audit
from campaigns.services.erase_approvals import add_sentences, void_changed
from campaigns.services.erase_find import PERSON_NUMBER, Meant, find_meant
from campaigns.services.erase_tables import TABLES, search_page
from campaigns.services.erase_words import Words
from campaigns.services.job_lines import read_lines
from campaigns.services.jobs import (
    CLOSING,
    JobKind,
    Step,
    append_file,
    draft_job,
    is_called_off,
    keep_file,
    queue_job,
)
from campaigns.services.locks import Lock, lock_app
from campaigns.services.suppression_jobs import read_entries
from campaigns.services.tombstones import put_tombstones
from providers import vault

LINES = 50  # identifiers of one step
MOST_SEGMENTS = 10  # of which a note tells the numbers
MAX_UPLOAD = 20_000_000
CALL_SECONDS = 1  # between two looks whether they are still in a call
SEARCH = {"table": 0, "after": 0, CLOSING: True}  # where the second part begins
INPUT, NAMES, CALLS = "input", "names", "calls"
WORDS = {
    "persons": gettext_lazy("Persons erased"),
    "devices": gettext_lazy("Devices erased"),
    "unknown": gettext_lazy("Belong to nobody"),
    "refused": gettext_lazy("Not yours to erase"),
    "cleared": gettext_lazy("Rows cleared of their names"),
    "segments": gettext_lazy("Segments that name them"),
    "approvals": gettext_lazy("Approvals that hold no more"),
}


@dataclass(frozen=True, slots=True)
class Sifted:
    """Who is meant: those who may be erased, and what of a list means nobody or somebody else's."""

    persons: Sequence[int] = ()
    devices: Sequence[int] = ()
    unknown: int = 0
    refused: int = 0


def may_erase(principal: Any, workspace: Workspace, persons: Sequence[int]) -> set[int]:
    """Those of these persons whom the principal may erase and be told everything of.

    An admin of all apps may do so with everybody; an admin of some, with whoever has a device or a
    label in these and nowhere else.
    """
    if is_wide(principal, workspace):
        return set(persons)
    own = {app.pk for app in workspace.apps.all() if is_wide(principal, app)}
    return find_kept_to(persons, own)


def is_wide(principal: Any, place: App | Workspace) -> bool:
    """Whether somebody may erase whoever is in a place: an admin, or a key with the scope."""
    if isinstance(principal, ApiKey):
        if isinstance(place, Workspace):
            return reaches_whole(principal, place, ApiKey.Scope.PRIVACY)
        has_scope = ApiKey.Scope.PRIVACY in principal.scopes
        return has_scope and App.objects.filter(principal.reach(), pk=place.pk).exists()
    return has_role(principal, place, Membership.Role.ADMIN)


def sift(principal: Any, workspace: Workspace, lines: Iterable[str], kind: str) -> Sifted:
    """Who would be erased by a list; nothing is changed."""
    return _sift(workspace, lines, kind, lambda persons: may_erase(principal, workspace, persons),
                 {app.pk for app in workspace.apps.all() if is_wide(principal, app)})  # fmt: skip


def _sift(
    workspace: Workspace, lines: Iterable[str], kind: str, choose: Any, apps: set[int]
) -> Sifted:
    entries = [entry for entry in read_entries(lines, kind, (PERSON_NUMBER,)) if entry]
    meant: Meant = find_meant(workspace, [(entry.kind, entry.value) for entry in entries])
    allowed = choose(sorted(meant.persons))
    lonely = [device for device, app in meant.devices.items() if app in apps]
    refused = len(meant.persons) - len(allowed) + len(meant.devices) - len(lonely)
    return Sifted(sorted(allowed), sorted(lonely), meant.unknown, refused)


def start_erasure(
    principal: Any,
    workspace: Workspace,
    blocks: Iterable[bytes],
    *,
    kind: str,
    actor: str,
    now: datetime,
) -> Job:
    """Begin to erase whoever a list of lines means, each `value` of that kind or `kind,value`.

    Raises Invalid for a list that is empty or too long. Who may be erased is decided again, step by
    step, by what the caller may do now: its apps are kept with the job.
    """
    apps = [app.pk for app in workspace.apps.all() if is_wide(principal, app)]
    params = {"kind": kind, "apps": None if is_wide(principal, workspace) else apps,
              "is_final": True}  # fmt: skip
    place: App | Workspace = workspace
    if params["apps"] is not None and len(apps) == 1:
        place = App.objects.get(pk=apps[0])  # so that whoever has begun it sees it
    with transaction.atomic():
        job = draft_job(ERASE, place, params, actor=actor, now=now)
        if not keep_file(job, INPUT, blocks, limit=MAX_UPLOAD):
            words = _("The list is empty, or longer than %(most)d MB.")
            sentence = words % {"most": MAX_UPLOAD // 1_000_000}
            raise Invalid(sentence, fields={"values": sentence})
        queue_job(job, actor=actor, now=now)
    return job


def _step(job: Job, now: datetime) -> Step:
    if CLOSING not in job.cursor:
        return _leave_others(job) if is_called_off(job) else _bury_next(job, now)
    calls = _find_calls(job, now)
    if calls:
        # What goes over the wire and what a vendor answers to it is written down after the call.
        waiting = {**SEARCH, CALLS: calls}
        return Step(waiting, job.done, job.counts, note=job.note, wait=CALL_SECONDS)
    return _search_next(job, now)


def _bury_next(job: Job, now: datetime) -> Step:
    lines = read_lines(job, INPUT, job.cursor, LINES)
    apps = job.params["apps"]
    own = {app.pk for app in job.workspace.apps.all()} if apps is None else set(apps)

    def choose(persons: Sequence[int]) -> set[int]:
        return set(persons) if apps is None else find_kept_to(persons, own)

    sifted = _sift(job.workspace, lines.texts, job.params["kind"], choose, own)
    counts = {name: job.counts.get(name, 0) for name in WORDS}
    if sifted.persons or sifted.devices:
        buried = bury(job.workspace, sifted.persons, sifted.devices, job.created_by, now)
        _keep_names(job, buried, sifted.persons)
        counts["persons"] += len(sifted.persons)
        counts["devices"] += len(buried.devices)
        counts["cleared"] += buried.cleared
    counts["unknown"] += sifted.unknown
    counts["refused"] += sifted.refused
    cursor = SEARCH if lines.is_last else lines.cursor
    if lines.is_last:
        JobPiece.objects.filter(job=job, role=INPUT).delete()
    return Step(cursor, job.done + len(lines.texts), counts)


def _leave_others(job: Job) -> Step:
    JobPiece.objects.filter(job=job, role=INPUT).delete()
    words = _("Cancelled: nobody who was not erased by then is touched.")
    return Step(SEARCH, job.done, job.counts, note=words)


@dataclass(frozen=True, slots=True)
class Buried:
    """What went at once, and the names by which the rest is found."""

    devices: Sequence[int]
    cleared: int
    names: Sequence[str]


def bury(
    workspace: Workspace, persons: Sequence[int], lonely: Sequence[int], actor: str, now: datetime
) -> Buried:
    """Remove persons with all of their devices, and devices of nobody; keep them from coming back.

    Runs in the caller's transaction. The books know them as numbers and stay as they are.
    """
    for app in workspace.apps.order_by("pk"):
        lock_app(app, Lock.REGISTER)  # nobody writes a device back that was read before this
    own = Device.objects.filter(person__in=IdList(persons))
    devices = sorted({*own.values_list("pk", flat=True), *lonely})
    identifiers = list_identifiers(persons, devices)
    names = sorted({value for (_kind, value), _person in identifiers} | {*list_aliases(devices)})
    put_tombstones(workspace.pk, identifiers, now)
    for person in Person.objects.filter(pk__in=IdList(persons)):
        record_audit(actor, "erase", person, workspace=workspace, now=now)
    for device in Device.objects.filter(pk__in=IdList(lonely)):
        record_audit(actor, "erase", device, workspace=workspace, now=now)
    cleared = _empty_calls(persons, devices) + _blank_suppressions(workspace, identifiers)
    _count_labels(persons)
    for rows in select_held(persons, devices).values():
        rows.delete()
    return Buried(devices, cleared, names)


def _empty_calls(persons: Sequence[int], devices: Sequence[int]) -> int:
    """What went over the wire in calls that they were in: it may hold their text, their token."""
    attempts = select_deliveries(persons, devices).exclude(attempt_id=0)
    ids = sorted(set(attempts.values_list("attempt_id", flat=True)))
    batches = Attempt.objects.filter(pk__in=IdList(ids)).values_list("batch_id", flat=True)
    kept = Exchange.objects.filter(batch_id__in=IdList(sorted(set(batches))))
    return kept.update(url="", request="", response="")


def _blank_suppressions(workspace: Workspace, named: Iterable[tuple[Named, int]]) -> int:
    """They stay suppressed, by seals that nobody can read; what people could see of them goes."""
    sealer = Sealer()
    seals = {sealer.seal(workspace.pk, *one) for one, _person in named}
    rows = Suppression.objects.filter(workspace=workspace, seal__in=TextList(seals))
    return rows.update(masked="…", person_id=None, device_id=None)


def _count_labels(persons: Sequence[int]) -> None:
    carried = LabelMember.objects.filter(person__in=IdList(persons)).order_by()
    for label, count in carried.values_list("label").annotate(count=Count("person")):
        Label.objects.filter(pk=label).update(member_count=F("member_count") - count)


def _keep_names(job: Job, buried: Buried, persons: Sequence[int]) -> None:
    """What the tables are searched for: encrypted, and gone when the job has ended."""
    plain = {
        "names": json.dumps(buried.names),
        "numbers": json.dumps(buried.devices),
        "persons": json.dumps(persons),
    }
    append_file(job, NAMES, vault.encrypt(plain).encode() + b"\n")


def _read_kept(job: Job) -> list[Mapping[str, str]]:
    pieces = JobPiece.objects.filter(job=job, role=NAMES).order_by("number")
    texts = b"".join(bytes(content) for content in pieces.values_list("content", flat=True))
    return [vault.decrypt(line) for line in texts.decode().split()]


def _list_kept(kept: Iterable[Mapping[str, str]], name: str) -> list[Any]:
    return [item for one in kept for item in json.loads(one.get(name, "[]"))]


def _read_names(job: Job) -> Words:
    kept = _read_kept(job)
    return Words(*(_list_kept(kept, name) for name in ("names", "numbers", "persons")))


def _find_calls(job: Job, now: datetime) -> list[list[int]]:
    """Batches with their fences that they are in and that a worker had before they were gone.

    These are looked for once: whoever claims one later, with another fence, reads nothing of them.
    """
    leased = Batch.objects.filter(
        app__workspace=job.workspace_id, state=Batch.State.LEASED, lease_until__gt=now
    )
    if job.cursor == SEARCH:
        return _list_calls(job, leased)
    known = job.cursor.get(CALLS, [])
    held = leased.filter(pk__in=[batch for batch, _fence in known]) if known else leased.none()
    return [call for call in map(list, held.values_list("pk", "fence")) if call in known]


def _list_calls(job: Job, leased: QuerySet[Batch]) -> list[list[int]]:
    kept = _read_kept(job)
    devices, persons = set(_list_kept(kept, "numbers")), set(_list_kept(kept, "persons"))
    rows = leased.values_list("pk", "fence", "part__kind", "recipients")
    return [
        [batch, fence]
        for batch, fence, kind, recipients in rows
        if not (persons if kind == Part.Kind.PERSON else devices).isdisjoint(unpack_ids(recipients))
    ]


def _search_next(job: Job, now: datetime) -> Step:
    place, after = job.cursor["table"], job.cursor["after"]
    names = _read_names(job)
    if place >= len(TABLES) or not names:
        JobPiece.objects.filter(job=job, role=NAMES).delete()
        return Step({}, job.done, job.counts, is_last=True, note=job.note)
    found = search_page(TABLES[place], job.workspace_id, after, names, job.pk)
    voided = void_changed(job, TABLES[place].model, found.changed, names, now)
    counts: Mapping[str, int] = {
        **job.counts,
        "cleared": job.counts["cleared"] + len(found.changed),
        "segments": job.counts["segments"] + len(found.told),
        "approvals": job.counts.get("approvals", 0) + len(voided),
    }
    cursor = {**SEARCH, "table": place if found.after else place + 1, "after": found.after}
    return Step(cursor, job.done + found.seen, counts, note=_tell(job, found.told, voided))


def _tell(job: Job, segments: Sequence[int], voided: list[str]) -> str:
    note = add_sentences(job.note, voided)
    if not segments:
        return note
    ids = ", ".join(f"#{pk}" for pk in segments[:MOST_SEGMENTS])
    if (more := len(segments) - MOST_SEGMENTS) > 0:
        ids = _("%(ids)s and %(more)s more") % {"ids": ids, "more": more}
    words = _("Segments that name them, which nobody but you may change: %(ids)s.") % {"ids": ids}
    return f"{words} {note}".strip()


ERASE = JobKind(
    key="erase",
    label=gettext_lazy("Erase persons"),
    step=_step,
    done_words=gettext_lazy("Rows looked through"),
    counts=WORDS,
    role=Membership.Role.ADMIN,
    scope=ApiKey.Scope.PRIVACY,
)
JOBS: tuple[JobKind, ...] = (ERASE,)
