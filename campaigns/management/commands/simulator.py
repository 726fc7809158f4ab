"""`manage.py simulator`: the vendors of this installation on a loopback port, good or hostile."""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers import registry
from providers.simulator import FAULTS, Behaviour, FaultPlan, Simulator, open_server, read_plan
from providers.simulator.faults import STREAM_FAULTS
from providers.simulator.gateways import STREAMS, GatewayServer, open_gateways
from providers.simulator.tls import Certificates

JOURNAL_MB = 256


HELP = """\
Serves every vendor's API on a loopback port. It is a good vendor unless it is given faults:

  --fault error_503:p=0.02,retry_after=1     two calls of a hundred
  --fault accepted_answer_lost:nth=5         the fifth send
  --fault close_before_reading:every=10      each tenth
  --fault unregistered:recipient=0.1         the same tenth of all recipients
  --fault error_503:nth=3,lasting=60         from the third send on, for a minute

A fault takes p, nth, every, recipient, id, times, lasting, dialect and on, and settings of its
own; everything that is named must hold. docs/simulator.md explains each. GET, PUT and DELETE
/_faults show, change and take away the faults while it runs; GET /_journal/summary counts.
"""


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=_list_faults(),
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="0 takes a free one.")
        parser.add_argument("--fd", type=int, help="A bound socket that is open already.")
        parser.add_argument(
            "--gateways",
            type=int,
            metavar="PORT",
            help="Serve gateways too, over HTTP/2 and TLS; 0 takes a free port.",
        )
        parser.add_argument(
            "--streams", type=int, default=STREAMS, help="Calls at once on a gateway's connection."
        )
        parser.add_argument(
            "--journal",
            type=Path,
            default=settings.VAR_DIR / "simulator.jsonl",
            help="The file that keeps what was accepted.",
        )
        parser.add_argument(
            "--journal-mb",
            type=int,
            default=JOURNAL_MB,
            help="When the journal is larger it forgets what is oldest and older than an hour. "
            "0: never.",
        )
        parser.add_argument(
            "--fault", action="append", default=None, metavar="NAME:SETTINGS", help="Any number."
        )
        for field in fields(Behaviour):
            option = f"--{field.name.replace('_', '-')}"
            if isinstance(field.default, bool):
                parser.add_argument(option, action="store_true", dest=field.name)
            else:
                parser.add_argument(option, type=int, default=field.default, dest=field.name)

    def handle(self, *args: Any, **options: Any) -> None:
        behaviour = Behaviour(**{field.name: options[field.name] for field in fields(Behaviour)})
        plan = _read_faults(options["fault"], behaviour.seed)
        simulator = Simulator(
            registry.all_dialects(),
            options["journal"],
            behaviour,
            journal_limit=options["journal_mb"] * 1_000_000,
        )
        if plan is not None:
            _follow(simulator, plan)
        server = open_server(simulator, _open_socket(options["fd"], options["port"]))
        # The loop ends in another thread than the one that it is asked in.
        stop = threading.Thread(target=server.shutdown)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.start() if not stop.ident else None)
        host, port = server.server_address[:2]
        url = f"http://{host!s}:{port}"
        options["journal"].with_suffix(".url").write_text(url)
        # Who opened the socket knows where it is, and shows what is said here to people.
        self.stdout.write(url if options["fd"] is None else f"The sandbox vendor answers on {url}")
        self.stdout.flush()
        simulator.hooks.start(simulator.closing)
        gateways = self._start_gateways(simulator, **options)
        try:
            server.serve_forever(poll_interval=0.2)
        finally:
            if gateways is not None:
                gateways.stop()
            server.server_close()
            simulator.stop()

    def _start_gateways(self, simulator: Simulator, **options: Any) -> GatewayServer | None:
        if options["gateways"] is None:
            return None
        journal: Path = options["journal"]
        certificates = Certificates(journal.with_suffix(".authority"))
        authority = journal.with_suffix(".pem")
        authority.write_text(certificates.authority)
        listener = _open_socket(None, options["gateways"])
        gateways = open_gateways(simulator, listener, certificates, options["streams"])
        gateways.start()
        journal.with_suffix(".gateways").write_text(gateways.url)
        self.stdout.write(f"{gateways.url} (PUSHADMIN_OUTBOUND_CA={authority})")
        self.stdout.flush()
        return gateways


def _open_socket(fd: int | None, port: int) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    return socket.create_server(("127.0.0.1", port))


def _read_faults(texts: list[str] | None, seed: int) -> FaultPlan | None:
    """The plan of the command line; None where it names none and the journal's goes on."""
    if texts is None:
        return None
    try:
        return read_plan({"faults": texts, "seed": seed})
    except ValueError as error:
        raise CommandError(str(error)) from None


def _follow(simulator: Simulator, plan: FaultPlan) -> None:
    try:
        simulator.follow(plan)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _list_faults() -> str:
    lines = ["faults:"]
    for fault in (*FAULTS.values(), *STREAM_FAULTS.values()):
        options = ", ".join(f"{name}={value}" for name, value in fault.options.items())
        lines.append(f"  {fault.name:<24}{fault.sentence}{f' ({options})' if options else ''}")
    return "\n".join(lines)
