"""Every kind of long work there is. A module with one has a tuple of them as its JOBS."""

from __future__ import annotations

from campaigns.services.jobs import JobKind

JOBS: tuple[JobKind, ...] = ()
KINDS = {kind.key: kind for kind in JOBS}
