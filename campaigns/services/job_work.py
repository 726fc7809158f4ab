"""Who works off the jobs: a lease, one step in one transaction with its cursor, the next job."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns.dispatch.engine import go_on, start_clock
from campaigns.dispatch.mishaps import stopping
from campaigns.models import Job
from campaigns.services.job_kinds import KINDS
from campaigns.services.jobs import JobKind, Step, is_called_off, is_final

Clock = Callable[[], datetime]
Status = Job.Status
MAX_ATTEMPTS = 5  # leases in a row that ended without a step
LONGEST_WAIT = 3_600  # seconds between two tries of what is brought to its end whatever happens
MOST_COUNTED = 1_000  # attempts: what the column can hold is not much more
KEPT = (
    "cursor", "done", "total", "counts", "note", "attempts", "lease_by", "lease_until",
)  # fmt: skip
LOOK_AT = 5  # jobs, in case other workers are quicker


def work_on_jobs(
    worker: str, *, should_stop: Callable[[], bool] = go_on, clock: Clock | None = None
) -> bool:
    """One step of the job that has waited longest; False when there is none."""
    if should_stop():
        return False
    clock = clock or start_clock()
    job = _lease(worker, clock())
    if job is None:
        return False
    with stopping(job, lambda words: _fail(job, words, worker, clock())):
        _work(job, worker, clock)
    return True


def work_for(worker: str, seconds: float) -> bool:
    """Steps until there is nothing to do or the time is up; True when anything was done."""
    end = time.monotonic() + seconds
    did = worked = work_on_jobs(worker)
    while did and time.monotonic() < end:
        did = work_on_jobs(worker)
    return worked


def drain_jobs(worker: str = "drain", *, clock: Clock | None = None) -> None:
    """Work in this process until no job is open."""
    while work_on_jobs(worker, clock=clock):
        pass


def _lease(worker: str, now: datetime) -> Job | None:
    """The open job that was served longest ago, of those that no other worker has.

    Who had one and was started again under its name goes on at once.
    """
    # What has broken off too often waits for its turn, under whatever name.
    is_own = Q(lease_by=worker, attempts__lte=MAX_ATTEMPTS)
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now) | is_own
    free = Job.objects.filter(is_free, status__in=Job.OPEN)
    order = (F("served_at").asc(nulls_first=True), "pk")
    return next((job for job in free.order_by(*order)[:LOOK_AT] if _take(job, worker, now)), None)


def _take(job: Job, worker: str, now: datetime) -> bool:
    """Whether the lease was got before anybody else."""
    values = {
        "lease_token": secrets.token_hex(16),
        "lease_by": worker,
        "lease_until": now + timedelta(seconds=_find_lease(job.attempts + 1)),
        "attempts": min(job.attempts + 1, MOST_COUNTED),
        "served_at": now,
    }
    same = Job.objects.filter(pk=job.pk, lease_token=job.lease_token, status=job.status)
    is_ours = bool(same.update(**values))
    for name, value in values.items():
        setattr(job, name, value)
    return is_ours


def _find_lease(attempts: int) -> int:
    """Seconds; longer and longer for what has broken off more often than others may."""
    longer = 2 ** min(max(attempts - MAX_ATTEMPTS, 0), 12)
    return max(settings.LEASE_SECONDS, min(settings.LEASE_SECONDS * longer, LONGEST_WAIT))


def _work(job: Job, worker: str, clock: Clock) -> None:
    kind = KINDS.get(job.kind)
    if kind is None:
        _fail(job, _("This version does not know such work."), worker, clock())
    elif job.attempts > MAX_ATTEMPTS and not is_final(job):
        words = _("It was begun %(count)d times, and each time it broke off; the log says more.")
        _fail(job, words % {"count": MAX_ATTEMPTS}, worker, clock())
    else:
        if job.status == Status.WAITING:
            job.move_to(Status.RUNNING, actor=worker, now=clock())
        _take_step(job, kind, worker, clock)


def _take_step(job: Job, kind: JobKind, worker: str, clock: Clock) -> None:
    if not kind.is_atomic:
        step = kind.step(job, clock())
        with transaction.atomic():
            if _hold(job):
                _keep(job, step, worker, clock())
        return
    with transaction.atomic():
        if _hold(job):
            _keep(job, kind.step(job, clock()), worker, clock())


def _hold(job: Job) -> bool:
    """Lock the job for the rest of the transaction; False once it is somebody else's, or over."""
    rows = Job.objects.select_for_update(of=("self",)).filter(
        pk=job.pk, lease_token=job.lease_token, status=Status.RUNNING
    )
    held = rows.first()
    if held is not None:
        # It may have been called off since it was leased, or somebody erased who is named in it.
        job.params, job.cursor = held.params, held.cursor
    return held is not None


def _keep(job: Job, step: Step, worker: str, now: datetime) -> None:
    job.cursor, job.done, job.counts = dict(step.cursor), step.done, dict(step.counts)
    job.total = job.total if step.total is None else step.total
    job.note, job.attempts, job.lease_until = step.note[:500], 0, None
    if step.wait:  # under nobody's name, or who had it would go on at once
        job.lease_by, job.lease_until = "", now + timedelta(seconds=step.wait)
    job.save(update_fields=KEPT)
    if step.is_last:
        end = Status.CANCELLED if is_called_off(job) else Status.DONE
        job.move_to(end, actor=worker, now=now, finished_at=now)


def _fail(job: Job, words: str, worker: str, now: datetime) -> None:
    if is_final(job):
        _put_off(job, words, now)
        return
    with transaction.atomic():
        job.refresh_from_db(fields=["status"])
        if job.status in Job.OPEN:
            job.move_to(Status.FAILED, actor=worker, now=now, note=words[:500], finished_at=now)
            Job.objects.filter(pk=job.pk).update(note=words[:500])


def _put_off(job: Job, words: str, now: datetime) -> None:
    """What must come to its end is tried again later and later, and says what went wrong."""
    wait = timedelta(seconds=min(2 ** min(job.attempts, 12), LONGEST_WAIT))
    ours = Job.objects.filter(pk=job.pk, lease_token=job.lease_token, status__in=Job.OPEN)
    ours.update(note=words[:500], lease_by="", lease_until=now + wait)
