"""Whole files of identifiers onto the suppression list or off it, in the background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import Job, JobPiece
from campaigns.selectors.seals import list_kinds
from campaigns.services.job_lines import read_lines
from campaigns.services.jobs import (
    JobFile,
    JobKind,
    Step,
    append_file,
    draft_job,
    keep_file,
    queue_job,
)
from campaigns.services.suppressions import (
    Changed,
    Entry,
    Place,
    Terms,
    add_suppressions,
    check_removal,
    check_terms,
    remove_suppressions,
)

LINES = 1_000  # of one step: it writes for well under half a second
MAX_UPLOAD = 50_000_000
INPUT, REJECTED = "input", "rejected"
WORDS = {
    "changed": gettext_lazy("Changed"),
    "same": gettext_lazy("Were so already"),
    "rejected": gettext_lazy("Left out"),
}
SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Removal:
    """Off the list of that channel, and why."""

    reason: str
    channel: str = ""


def upload_suppressions(
    place: Place,
    blocks: Iterable[bytes],
    what: Terms | Removal,
    *,
    kind: str,
    actor: str,
    now: datetime,
) -> Job:
    """Begin a job for a file of lines: an identifier of that kind, or `kind,identifier`.

    Raises Invalid for terms that make no sense, and for a file that is empty or too long.
    """
    if kind not in list_kinds():
        raise Invalid(_("Choose the kind."), fields={"kind": _("Nobody knows this kind.")})
    if isinstance(what, Terms):
        check_terms(what, now)
    else:
        check_removal(what.reason)
    params = {"kind": kind, **_write_params(what)}
    with transaction.atomic():
        job = draft_job(
            SUPPRESS if isinstance(what, Terms) else UNSUPPRESS,
            place.app or place.workspace,
            params,
            actor=actor,
            now=now,
        )
        size = keep_file(job, INPUT, blocks, limit=MAX_UPLOAD)
        if not size:
            sentence = _("The file is empty, or longer than %(most)d MB.")
            words = sentence % {"most": MAX_UPLOAD // 1_000_000}
            raise Invalid(words, fields={"file": words})
        queue_job(job, actor=actor, now=now)
    return job


def _write_params(what: Terms | Removal) -> dict[str, Any]:
    if isinstance(what, Removal):
        return {"reason": what.reason, "channel": what.channel}
    return {
        "reason": what.reason,
        "channel": what.channel,
        "source": what.source,
        "until": what.until.isoformat() if what.until else None,
    }


def read_entries(lines: Iterable[str], kind: str, others: Iterable[str] = ()) -> list[Entry | None]:
    """An entry per line, None for a blank one; a line may begin with a kind of its own.

    `others` are kinds besides those that can be sealed.
    """
    known = frozenset((*list_kinds(), *others))
    return [_read_entry(line.strip(), kind, known) for line in lines]


def _read_entry(line: str, kind: str, known: frozenset[str]) -> Entry | None:
    for separator in SEPARATORS:
        head, found, rest = line.partition(separator)
        if found and head.strip() in known:
            return Entry(head.strip(), rest.strip())
    value = line.strip().strip(SEPARATORS).strip()
    return Entry(kind, value) if value else None


def _suppress(job: Job, now: datetime) -> Step:
    until = job.params["until"]
    terms = Terms(
        reason=job.params["reason"],
        channel=job.params["channel"],
        source=job.params["source"],
        until=parse_datetime(until) if until else None,
    )

    def add(entries: Sequence[Entry]) -> Changed:
        if terms.until is not None and terms.until <= now:
            raise Invalid(_("The time until which they were to be suppressed has come."))
        return add_suppressions(_find_place(job), entries, terms, actor=job.created_by, now=now)

    return _go_on(job, add)


def _unsuppress(job: Job, now: datetime) -> Step:
    def remove(entries: Sequence[Entry]) -> Changed:
        return remove_suppressions(
            _find_place(job),
            entries,
            channel=job.params["channel"],
            reason=job.params["reason"],
            actor=job.created_by,
            now=now,
        )

    return _go_on(job, remove)


def _find_place(job: Job) -> Place:
    return Place(job.workspace, job.app)


def _go_on(job: Job, change: Any) -> Step:
    lines = read_lines(job, INPUT, job.cursor, LINES)
    read = read_entries(lines.texts, job.params["kind"])
    places = [place for place, entry in enumerate(read) if entry is not None]
    entries = [entry for entry in read if entry is not None]
    done: Changed = change(entries) if entries else Changed()
    if done.rejected:
        # Line and reason, never the identifier: the file is kept longer than what was uploaded.
        rows = [f"{lines.first + places[one.index]},{one.reason}\n" for one in done.rejected]
        append_file(job, REJECTED, "".join(rows).encode())
    if lines.is_last:
        JobPiece.objects.filter(job=job, role=INPUT).delete()
    counts = {name: job.counts.get(name, 0) for name in WORDS}
    counts["changed"] += done.changed
    counts["same"] += done.same
    counts["rejected"] += len(done.rejected)
    return Step(
        cursor=lines.cursor,
        done=job.done + len(lines.texts),
        counts=counts,
        is_last=lines.is_last,
    )


_FILES = (JobFile(REJECTED, gettext_lazy("Lines that were left out"), "rejected.csv", "text/csv"),)
SUPPRESS = JobKind(
    key="suppress",
    label=gettext_lazy("Suppress a list"),
    step=_suppress,
    counts=WORDS,
    files=_FILES,
)
UNSUPPRESS = JobKind(
    key="unsuppress",
    label=gettext_lazy("Take a list off the suppression list"),
    step=_unsuppress,
    counts=WORDS,
    files=_FILES,
)
JOBS: tuple[JobKind, ...] = (SUPPRESS, UNSUPPRESS)
