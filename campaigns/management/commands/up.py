"""`manage.py up`: web, dispatch workers, scheduler, jobs and sandbox in one command."""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection

from campaigns.errors import Refused
from campaigns.management.supervisor import Child, Supervisor
from campaigns.services.installation import check_start

WEB_PROCESSES = 2
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


def read_count(text: str) -> int:
    """A number of workers, 1 to 64."""
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise ArgumentTypeError("must be a whole number from 1 to 64")
    return int(text)


def find_url(port: int) -> str:
    """Where people and vendors reach it: as PUSHADMIN_URL says, else this machine at that port."""
    return settings.PUBLIC_URL if settings.IS_URL_SAID else f"http://127.0.0.1:{port}"


def _write_environment(port: int) -> dict[str, str]:
    """What each child is told: ours, with the port that this command was told."""
    others = {name: text for name, text in os.environ.items() if name != "PUSHADMIN_PORT_FILE"}
    return {**others, "PUSHADMIN_PORT": str(port)}


class Command(BaseCommand):
    help = "Starts web, workers, scheduler, jobs and the sandbox vendor, and keeps them running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--bind", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--workers", type=read_count, default=2, help="Dispatch workers.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_what_cannot_run()
        web = _bind(options["bind"], options["port"])
        environment = _write_environment(options["port"])
        children = [plan_web(web), *_plan_workers(options["workers"])]
        if not settings.SANDBOX_URL:
            sandbox = _bind("127.0.0.1", 0)
            environment["PUSHADMIN_SANDBOX_URL"] = f"http://127.0.0.1:{sandbox.getsockname()[1]}"
            children.append(_plan_sandbox(sandbox))
        connection.close()
        self.stdout.write(f"pushadmin runs on {find_url(options['port'])} (Ctrl-C stops it)")
        self.stdout.flush()
        Supervisor(children, environment, self._say).run()

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence)

    def _refuse_what_cannot_run(self) -> None:
        call_command("check", databases=[DEFAULT_DB_ALIAS])
        try:
            check_start()
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error


def _bind(address: str, port: int) -> socket.socket:
    """A listening socket that outlives the process that serves it."""
    try:
        bound = socket.create_server((address, port), backlog=256)
    except OSError as error:
        raise CommandError(
            f"Port {port} on {address} cannot be used ({error.strerror}). "
            "Choose another with --port or PUSHADMIN_PORT."
        ) from error
    bound.set_inheritable(True)
    return bound


def plan_web(bound: socket.socket) -> Child:
    """The web process on a listening socket."""
    command = [
        sys.executable, "-m", "gunicorn", "pushadmin.wsgi:application",
        "--bind", f"fd://{bound.fileno()}",
        "--workers", str(WEB_PROCESSES), "--threads", str(settings.WEB_THREADS),
        "--worker-class", "gthread", "--timeout", "120", "--graceful-timeout", "20",
        "--limit-request-line", "8190",  # filters of reports travel in the address
        "--log-level", "warning",
    ]  # fmt: skip
    return Child("web", command, sockets=(bound.fileno(),))


def _plan_workers(count: int) -> list[Child]:
    workers = [
        Child(f"worker {number}", [*MANAGE, "dispatch", "--name", f"worker-{number}"])
        for number in range(1, count + 1)
    ]
    others = [
        Child(name, [*MANAGE, "dispatch", "--name", name, f"--{name}"])
        for name in ("scheduler", "jobs")
    ]
    return [*workers, *others]


def _plan_sandbox(bound: socket.socket) -> Child:
    command = [*MANAGE, "simulator", "--fd", str(bound.fileno())]
    return Child("sandbox", command, sockets=(bound.fileno(),))
