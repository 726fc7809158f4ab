"""What is done to a begun job: left alone, killed, given to two, cancelled; and all that is then.

`python -m tests.chaos.job_fire '{"verb": "begin" | "calm" | "kill" | "kill_each" | ..., ...}'`
prints a JSON line. Workers are children of it, so that one can be killed every few milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import django

OPEN = {"waiting", "running"}
KILLS_OF_STEP = 3  # after the fifth without a step a job gives up
LONGEST = 120.0  # seconds that a step may take on a machine that others use
# Of the work and not of what it made: who has it, and how often it was begun.
OF_WORK = {
    "job": {"attempts", "lease_by", "lease_token"},
    "jobevent": {"actor"},
}


def begin(kind: str) -> dict[str, Any]:
    from campaigns.selectors.seals import Sealer
    from tests.chaos import job_scenes

    Sealer()  # its key is random: all copies have the same
    return {"job": job_scenes.begin(kind)}


def calm(job: int) -> dict[str, Any]:
    """Leave it alone to its end; `lengths` has the seconds of each statement, step by step."""
    lengths: list[list[float]] = []
    while find_place(job)[0] in OPEN:
        seconds, did = time_step()
        if did:
            lengths.append(seconds)
        else:
            time.sleep(0.05)  # somebody else has it, or it waits for its turn
    return {"lengths": lengths, **read(job)}


def time_step() -> tuple[list[float], bool]:
    """Seconds of each statement of one step, and whether there was one."""
    from django.db import connection

    from campaigns.services.job_work import work_on_jobs

    seconds: list[float] = []

    def time_one(execute: Callable[..., Any], *call: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(*call)
        finally:
            seconds.append(time.perf_counter() - start)

    with connection.execute_wrapper(time_one):
        did = work_on_jobs("jobs")
    return seconds, did


def reach(job: int, place: list[Any], is_atomic: bool) -> list[dict[str, Any]]:
    """The tables whenever it stands at a place, if it is left alone; and one step later where what
    a step does outside a transaction stays when its cursor is not kept.
    """
    from campaigns.services.job_work import work_on_jobs

    found: list[dict[str, Any]] = []
    did = True
    while did and (not found or find_place(job)[1:] == place):
        if find_place(job)[1:] == place:
            found.append(read(job)["tables"])
        did = work_on_jobs("jobs")
    return found if is_atomic else [*found, read(job)["tables"]]


def kill(job: int, kills: int) -> dict[str, Any]:
    """Kill -9 whoever works on it at random instants of a few of many steps, then let it end."""
    hit = 0
    for number in range(kills):
        before = find_place(job)
        worker = start_worker("jobs")
        # Every third does not get so far as to end a step.
        if number % 3 != 2:
            wait_for_step(job, before)
        time.sleep(random.uniform(0, 0.2))
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        hit += find_place(job)[0] in OPEN
    return {"kills": [hit], **calm(job)}


def kill_each(job: int, lengths: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Kill whoever works on it in each of its few steps, inside a statement, then let it end."""
    hits = []
    for own in lengths:
        hit = 0
        for _time in range(KILLS_OF_STEP):
            before = find_place(job)
            number = random.randrange(len(own))
            worker = start_worker("jobs", die_inside(number, own[number]))
            is_dead = os.WIFSIGNALED(os.waitpid(worker, 0)[1])
            hit += is_dead and find_place(job)[0] in OPEN and find_place(job)[1:] == before[1:]
        hits.append(hit)
        pass_step(job)
    return {"kills": hits, **calm(job)}


def die_inside(number: int, seconds: float) -> Callable[..., Any]:
    """What ends a process, as kill -9 does, in its statement of that number or right behind it; in
    the one that keeps the cursor at the latest, before that is committed."""
    left = number

    def execute_or_die(execute: Callable[..., Any], sql: str, *others: Any) -> Any:
        nonlocal left
        left -= 1
        call = (sql, *others)
        if left >= 0 and not sql.startswith('UPDATE "campaigns_job" SET "cursor"'):
            return execute(*call)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, max(seconds, 2e-6)))
        execute(*call)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    return execute_or_die


def pass_step(job: int) -> None:
    """Let one step be done to its end."""
    from campaigns.services.job_work import work_on_jobs

    before, end = find_place(job), time.monotonic() + LONGEST
    while find_place(job)[0] in OPEN and find_place(job)[1:] == before[1:]:
        assert time.monotonic() < end, before
        if not work_on_jobs("jobs"):
            time.sleep(0.05)


def pair(job: int) -> dict[str, Any]:
    """Two workers want it."""
    for worker in [start_worker("one"), start_worker("two")]:
        assert os.waitpid(worker, 0)[1] == 0
    return calm(job)


def cancel(job: int, after: int) -> dict[str, Any]:
    """Somebody cancels it after a step or more, while it is worked on."""
    from datetime import UTC, datetime

    from campaigns.errors import Refused
    from campaigns.models import Job
    from campaigns.services.jobs import cancel_job

    worker = start_worker("jobs")
    for _step in range(after):
        wait_for_step(job, find_place(job))
    time.sleep(random.uniform(0, 0.2))
    told = "done"
    try:
        cancel_job(Job.objects.get(pk=job), actor="me", now=datetime.now(UTC))
    except Refused as refusal:
        told = refusal.code
    os.waitpid(worker, 0)
    return {"told": told, **calm(job), "place": find_place(job)[1:]}


def start_worker(name: str, wrapper: Callable[..., Any] | None = None) -> int:
    """A process that works until nothing is open; it shares no connection with its parent."""
    from django.db import connection, connections

    connections.close_all()
    child = os.fork()
    if child:
        return child
    from campaigns.services.job_work import work_on_jobs

    code = 1
    try:
        with connection.execute_wrapper(wrapper) if wrapper else nullcontext():
            while work_on_jobs(name):
                pass
        code = 0
    finally:
        os._exit(code)


def wait_for_step(job: int, before: list[Any]) -> None:
    end = time.monotonic() + LONGEST
    while find_place(job) == before and before[0] in OPEN:
        assert time.monotonic() < end, before
        time.sleep(0.005)


def find_place(job: int) -> list[Any]:
    """Its status, cursor and rows done."""
    from campaigns.models import Job

    return list(Job.objects.values_list("status", "cursor", "done").get(pk=job))


def read(job: int) -> dict[str, Any]:
    """Every table, row for row, without times and numbers of rows, and how the job stands."""
    from django.apps import apps

    from campaigns.models import Job

    one = Job.objects.get(pk=job)
    tables = {
        model._meta.model_name: read_table(model)
        for model in apps.get_app_config("campaigns").get_models(include_auto_created=True)
    }
    return {
        "tables": {name: digest for name, digest in tables.items() if digest},
        "status": one.status,
        "note": one.note,
        "counts": one.counts,
        "indexes": sorted(list_indexes()),
    }


def read_table(model: Any) -> str:
    """How many rows, and a digest of them; whom one belongs to is told by its place in a table."""
    lines = sorted(json.dumps(row, default=str) for row in list_rows(model))
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{len(lines)} rows, {digest}" if lines else ""


def list_rows(model: Any) -> Iterator[list[Any]]:
    from django.db.models import DateTimeField

    left_out = OF_WORK.get(model._meta.model_name, set())
    fields = [
        field
        for field in model._meta.concrete_fields
        if not (field.primary_key or isinstance(field, DateTimeField) or field.name in left_out)
    ]
    places = {field.name: find_places(field) for field in fields}
    rows = model._default_manager.all()
    if model._meta.model_name == "auditentry":  # who cancelled is no part of the work
        rows = rows.exclude(verb="cancel_job")
    for row in rows.values_list(*(field.attname for field in fields)):
        yield [
            write(places[field.name].get(value, value)) if places[field.name] else write(value)
            for field, value in zip(fields, row, strict=True)
        ]


def find_places(field: Any) -> dict[Any, int]:
    """By number of a row that the field points to, its place: numbers have gaps after a kill."""
    if not field.is_relation:
        return {}
    keys = field.related_model._default_manager.order_by("pk").values_list("pk", flat=True)
    return {key: place for place, key in enumerate(keys)}


def write(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def list_indexes() -> set[str]:
    from django.db import connection

    from campaigns.models import Device

    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, Device._meta.db_table))


VERBS = {
    "begin": begin, "calm": calm, "reach": reach, "kill": kill, "kill_each": kill_each,
    "pair": pair, "cancel": cancel,
}  # fmt: skip


def act(verb: str, **wanted: Any) -> Any:
    return VERBS[verb](**wanted)


if __name__ == "__main__":
    django.setup()
    print(json.dumps(act(**json.loads(sys.argv[1]))))
