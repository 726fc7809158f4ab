"""`manage.py dispatch`: a worker, the scheduler, or who does long jobs. `up` starts them all."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections, connection

from campaigns.dispatch import collector, engine, pace
from campaigns.models.statistics import learn_tables
from campaigns.services.installation import start_or_exit
from campaigns.services.job_work import work_on_jobs

logger = logging.getLogger(__name__)
AFTER_DATABASE_ERROR = 1.0
LEARNT, LEARNT_SECONDS = "pushadmin.tables-learnt", 3600


def tick(name: str, *, should_stop: Callable[[], bool]) -> bool:
    """The scheduler's turn; once an hour SQLite's planner looks at its large tables afterwards.

    Where the database is locked then, nothing of the turn is lost, and the next one looks again.
    """
    did = engine.tick(name, should_stop=should_stop)
    if LEARNT not in cache:
        learn_tables()
        cache.set(LEARNT, True, LEARNT_SECONDS)
    return did


class Command(BaseCommand):
    help = (
        "Runs one dispatch worker; with --scheduler what has to be done by the clock; with --jobs "
        "imports, exports and other long work."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="", help="Default: the process id.")
        task = parser.add_mutually_exclusive_group()
        task.add_argument("--scheduler", action="store_const", dest="pump", const=tick)
        task.add_argument("--jobs", action="store_const", dest="pump", const=work_on_jobs)
        parser.set_defaults(pump=engine.pump)

    def handle(self, *args: Any, **options: Any) -> None:
        start_or_exit()
        collector.relax()
        name = engine.name_worker(options["name"])
        self.is_stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        logger.info("%s is at work.", name)
        parent = os.getppid()
        nap = engine.SHORTEST_NAP
        while not self.is_stopping and os.getppid() == parent:
            with pace.watching() as waits:
                did_work = self._pump(name, options["pump"])
            nap = engine.find_nap(nap, waits, did=did_work)
            if not did_work and not self.is_stopping:
                time.sleep(nap)

    def _pump(self, name: str, pump: Callable[..., bool]) -> bool:
        """One piece of work; a database that is away is waited for, never a reason to end."""
        close_old_connections()
        try:
            return pump(name, should_stop=lambda: self.is_stopping)
        except Error as error:
            logger.warning("The database did not answer (%s); trying again.", error)
            connection.close()
            time.sleep(AFTER_DATABASE_ERROR)
            return False

    def _on_signal(self, number: int, _frame: object) -> None:
        """Finish what is in flight; a second signal leaves it to the next holder of the lease."""
        if self.is_stopping:
            sys.exit(128 + number)
        self.is_stopping = True
