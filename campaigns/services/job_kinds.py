"""Every kind of long work there is. A module with one has a tuple of them as its JOBS."""

from __future__ import annotations

from campaigns.services import (
    erase,
    exports,
    import_steps,
    labels,
    promoted,
    report_jobs,
    suppression_jobs,
    token_jobs,
)
from campaigns.services.jobs import JobKind

JOBS: tuple[JobKind, ...] = (
    *erase.JOBS,
    *exports.JOBS,
    *import_steps.JOBS,
    *labels.JOBS,
    *promoted.JOBS,
    *report_jobs.JOBS,
    *suppression_jobs.JOBS,
    *token_jobs.JOBS,
)
KINDS = {kind.key: kind for kind in JOBS}
