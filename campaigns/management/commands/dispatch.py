"""`manage.py dispatch`: one worker, or the scheduler. `up` starts several of them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections, connection

from campaigns.dispatch import engine, pace
from campaigns.services.installation import start_or_exit

logger = logging.getLogger(__name__)
AFTER_DATABASE_ERROR = 1.0


class Command(BaseCommand):
    help = "Runs one dispatch worker, or with --scheduler what has to be done by the clock."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="", help="Default: the process id.")
        parser.add_argument("--scheduler", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        start_or_exit()
        name = engine.name_worker(options["name"])
        self.is_stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        logger.info("%s is at work.", name)
        parent = os.getppid()
        nap = engine.SHORTEST_NAP
        while not self.is_stopping and os.getppid() == parent:
            with pace.watching() as waits:
                did_work = self._pump(name, is_scheduler=options["scheduler"])
            nap = engine.find_nap(nap, waits, did=did_work)
            if not did_work and not self.is_stopping:
                time.sleep(nap)

    def _pump(self, name: str, *, is_scheduler: bool) -> bool:
        """One piece of work; a database that is away is waited for, never a reason to end."""
        pump = engine.tick if is_scheduler else engine.pump
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
