"""Dies for real: `python -m tests.campaigns.dispatch.dying N` on the database of DATABASE_URL.

For N of the boundaries of a whole send, evenly spread, a forked process ends in that very
instant, without an exception, a rollback or a goodbye. This process then goes on as later
workers would, and prints what was wrong.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import django
import requests
from django.db import connections

if TYPE_CHECKING:
    from campaigns.models import App
    from tests.campaigns.dispatch.journeys import Run

EXIT = 9


def main(count: int) -> None:
    django.setup()
    from campaigns.models import App
    from tests.campaigns.dispatch.boundaries import Boundaries, crossing
    from tests.campaigns.dispatch.journeys import JOURNEYS, find_faults, recover

    app, journey = App.objects.get(), JOURNEYS[0]
    for _ in range(2):
        boundaries, run = Boundaries(), begin(app)
        with crossing(boundaries):
            journey.act(run)
    gaps = len(boundaries.states)
    places = sorted({1 + number * (gaps - 1) // (count - 1) for number in range(count)})
    faults: list[tuple[int, str]] = []
    for place in places:
        run = begin(app)
        if fork_until(run, place) != EXIT:
            faults.append((place, "nobody died"))
        recover(run)
        faults += [(place, fault) for fault in find_faults(run, journey, summarize(run))]
    print(json.dumps({"boundaries": gaps, "deaths": len(places), "faults": faults}))


def begin(app: App) -> Run:
    from tests.campaigns.dispatch.journeys import JOURNEYS, begin_run

    run = begin_run(app, JOURNEYS[0].policy, datetime.now(UTC))
    JOURNEYS[0].prepare(run)
    return run


def fork_until(run: Run, place: int) -> int:
    """Act in a process of its own until the place; gives its exit code."""
    from providers import http
    from tests.campaigns.dispatch.boundaries import Boundaries, crossing
    from tests.campaigns.dispatch.journeys import JOURNEYS

    # Two processes cannot speak over one connection.
    connections.close_all()
    http.get_session().close()
    child = os.fork()
    if child == 0:
        with crossing(Boundaries(place, end=lambda: os._exit(EXIT))):
            JOURNEYS[0].act(run)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def summarize(run: Run) -> dict[str, int]:
    """What the vendor took of the run."""
    url = f"{os.environ['PUSHADMIN_SANDBOX_URL']}/_journal/summary"
    summary: dict[str, int] = requests.get(url, params={"tag": run.campaign.tag}, timeout=20).json()
    return summary


if __name__ == "__main__":
    main(int(sys.argv[1]))
