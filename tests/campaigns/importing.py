"""Imports for tests: a file taken in, checked and applied in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from campaigns.models import App, Import, JobPiece
from campaigns.services import imports
from campaigns.services.cells import rearm
from campaigns.services.import_targets import Choice
from campaigns.services.job_work import drain_jobs
from campaigns.services.jobs import read_file

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Root:
    """A principal who may do anything."""

    is_superuser = is_active = True


def upload(app: App, text: str | bytes, name: str = "people.csv") -> Import:
    """Take a file in, in blocks that end anywhere."""
    raw = text.encode() if isinstance(text, str) else text
    blocks = (raw[place : place + 100_001] for place in range(0, len(raw), 100_001))
    told = imports.Told(name, "Newsletter form")
    return imports.begin_import(app, blocks, told, actor="owner", now=NOW)


def check(one: Import, principal: Any = None, **choice: Any) -> Import:
    """Make the dry run of it."""
    choice.setdefault("mapping", imports.propose(one))
    imports.check_import(
        one, Choice(**choice), principal=principal or Root(), actor="owner", now=NOW
    )
    drain_jobs()
    return Import.objects.get(pk=one.pk)


def apply(one: Import, principal: Any = None) -> Import:
    """Do what the dry run showed."""
    imports.apply_import(one, principal=principal or Root(), actor="owner", now=NOW)
    drain_jobs()
    return Import.objects.get(pk=one.pk)


def count(job: Any) -> dict[str, int]:
    """What a job came to, without what is 0."""
    return {name: number for name, number in job.counts.items() if number}


def read_left_out(job: Any) -> str:
    """The rows that were left out, as a file."""
    return b"".join(read_file(job, "rejected")).decode()


def read_reasons(columns: str, reasons: str) -> Iterator[tuple[str, str]]:
    """The columns of such a row with what is wrong with each."""
    return zip(rearm(columns).split("\n"), rearm(reasons).split("\n"), strict=False)


def has_pieces() -> bool:
    """Whether anything of a file is kept."""
    return JobPiece.objects.exists()
