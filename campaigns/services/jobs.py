"""Long work in the background: how a kind of it is declared, begun and cancelled; its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum
from django.db.models.functions import Length
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from campaigns.errors import IllegalMove
from campaigns.models import ApiKey, App, Job, JobPiece, Membership, Workspace
from campaigns.services.access import record_audit

PIECE_BYTES = 512 * 1024
CLOSING = "is_closing"  # in the cursor of what must come to its end and has nothing left to begin


@dataclass(frozen=True, slots=True)
class Step:
    """What one step has got to: the cursor of the next one and figures of the whole job so far.

    `total` is None where it is not known, or is as it was. `note` is a sentence for people. `wait`
    is seconds for which nobody need look again: something that it needs is busy.
    """

    cursor: Mapping[str, Any]
    done: int
    counts: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    is_last: bool = False
    note: str = ""
    wait: float = 0


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file that whoever holds the kind's role may download."""

    role: str
    label: str | Promise
    name: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """One kind of long work.

    `step(job, now)` does the next piece, from `job.cursor`, in about half a second. It runs in a
    transaction together with the writing of its cursor: a step that is killed has done nothing and
    is done again. With `is_atomic` off it runs outside (an index is built concurrently): then
    doing it twice must do no harm. It raises Refused to end the job with that sentence.

    `counts` has the words of `Job.counts`' keys in their order; `done_words` say what `Job.done`
    is about where these count something else. A person needs `role`, a key
    `scope` to begin, to cancel and to download. `page` is the name of an address of its own that
    takes the job's id. `about` says what one was asked for.
    """

    key: str
    label: str | Promise
    step: Callable[[Job, datetime], Step]
    counts: Mapping[str, str | Promise] = field(default_factory=dict)
    done_words: str | Promise = ""
    files: tuple[JobFile, ...] = ()
    role: str = Membership.Role.COMPOSER
    scope: str = ApiKey.Scope.AUDIENCE
    page: str = ""
    is_atomic: bool = True
    about: Callable[[Job], str] = lambda job: ""


def start_job(
    kind: JobKind,
    place: App | Workspace,
    params: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    total: int | None = None,
) -> Job:
    """A job that a worker takes up next. Whoever calls has asked for the role."""
    job = draft_job(kind, place, params, actor=actor, now=now, total=total)
    queue_job(job, actor=actor, now=now)
    return job


@transaction.atomic
def draft_job(
    kind: JobKind,
    place: App | Workspace,
    params: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    total: int | None = None,
) -> Job:
    """A job that nobody works on before `queue_job`: its file is still to come, say."""
    app = place if isinstance(place, App) else None
    job = Job.objects.create(
        workspace_id=app.workspace_id if app else place.pk,
        app=app,
        kind=kind.key,
        params=dict(params),
        total=total,
        status=Job.Status.DRAFT,
        status_since=now,
        created_at=now,
        created_by=actor,
    )
    record_audit(actor, f"start_{kind.key}", job, workspace=job.workspace, now=now)
    return job


def queue_job(job: Job, *, actor: str, now: datetime) -> None:
    """Let workers have it. Raises IllegalMove, ChangedMeanwhile."""
    job.move_to(Job.Status.WAITING, actor=actor, now=now)


def cancel_job(job: Job, *, actor: str, now: datetime) -> None:
    """Stop after the step that is under way; what is done stays done.

    One that `is_final` begins nothing more, and ends as cancelled once it has brought to an end
    what it had begun. Raises IllegalMove where nothing is left to cancel; raises ChangedMeanwhile.
    """
    with transaction.atomic():
        if is_final(job):
            _call_off(job)
        else:
            job.move_to(Job.Status.CANCELLED, actor=actor, now=now, finished_at=now)
        record_audit(actor, "cancel_job", job, workspace=job.workspace, now=now)


def _call_off(job: Job) -> None:
    """Waits for the step that is under way, so that no cursor is overlooked."""
    job.refresh_from_db(from_queryset=Job.objects.select_for_update(of=("self",)))
    if not may_cancel(job):
        raise IllegalMove(_("All of it has begun, and is brought to its end."))
    job.params = {**job.params, "is_called_off": True}
    job.save(update_fields=["params"])


def may_cancel(job: Job) -> bool:
    """Whether it is still going on, and something of it can be left undone."""
    if is_final(job) and (CLOSING in job.cursor or is_called_off(job)):
        return False
    return job.status in Job.CANCELLABLE


def is_final(job: Job) -> bool:
    """Whether what it has begun must come to its end: it never gives up, and no half is left."""
    return bool(job.params.get("is_final"))


def is_called_off(job: Job) -> bool:
    """Whether one that `is_final` was cancelled: it begins nothing more."""
    return bool(job.params.get("is_called_off"))


def append_file(job: Job, role: str, content: bytes) -> None:
    """Add to a file of the job; in a step, so that it is not there twice after a crash."""
    if content:
        _keep_pieces(job, role, [content], _find_next(job, role))


def keep_file(job: Job, role: str, blocks: Iterable[bytes], *, limit: int) -> int | None:
    """Keep a stream as a file, piece by piece; its size in bytes, None when it is over `limit`.

    Not more than a piece is ever held in memory, and each is written on its own. What was kept of
    a stream that is too long is taken away again.
    """
    size, number, buffer = 0, _find_next(job, role), bytearray()
    for block in blocks:
        size += len(block)
        if size > limit:
            JobPiece.objects.filter(job=job, role=role).delete()
            return None
        buffer += block
        while len(buffer) >= PIECE_BYTES:
            _keep_pieces(job, role, [bytes(buffer[:PIECE_BYTES])], number)
            del buffer[:PIECE_BYTES]
            number += 1
    if buffer:
        _keep_pieces(job, role, [bytes(buffer)], number)
    return size


def read_file(job: Job, role: str, first: int = 0) -> Iterator[bytes]:
    """The pieces of a file from the number `first` on, one at a time."""
    number = first
    while content := read_piece(job, role, number):
        yield content
        number += 1


def read_piece(job: Job, role: str, number: int) -> bytes:
    """One piece of a file; empty behind its end."""
    row = JobPiece.objects.filter(job=job, role=role, number=number).only("content").first()
    return bytes(row.content) if row else b""


def measure_files(job: Job) -> dict[str, int]:
    """Bytes by role of the files that are there."""
    rows = JobPiece.objects.filter(job=job).values_list("role")
    return dict(rows.annotate(size=Sum(Length("content"))))


def _find_next(job: Job, role: str) -> int:
    last = JobPiece.objects.filter(job=job, role=role).aggregate(last=Max("number"))["last"]
    return 0 if last is None else int(last) + 1


def _keep_pieces(job: Job, role: str, contents: Iterable[bytes], first: int) -> None:
    cut = [
        content[start : start + PIECE_BYTES]
        for content in contents
        for start in range(0, len(content), PIECE_BYTES)
    ]
    JobPiece.objects.bulk_create(
        JobPiece(job=job, role=role, number=number, content=content)
        for number, content in enumerate(cut, first)
    )
