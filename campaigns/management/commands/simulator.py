"""`manage.py simulator`: the vendors of this installation, well behaved, on a loopback port."""

from __future__ import annotations

import signal
import socket
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from providers import registry
from providers.simulator import Behaviour, Simulator, open_server


class Command(BaseCommand):
    help = "Serves every vendor's API on a loopback port and behaves as a good vendor does."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="0 takes a free one.")
        parser.add_argument("--fd", type=int, help="A bound socket that is open already.")
        parser.add_argument("--journal", type=Path, default=settings.VAR_DIR / "simulator.jsonl")
        for field in fields(Behaviour):
            option = f"--{field.name.replace('_', '-')}"
            if isinstance(field.default, bool):
                parser.add_argument(option, action="store_true", dest=field.name)
            else:
                parser.add_argument(option, type=int, default=field.default, dest=field.name)

    def handle(self, *args: Any, **options: Any) -> None:
        behaviour = Behaviour(**{field.name: options[field.name] for field in fields(Behaviour)})
        simulator = Simulator(registry.all_dialects(), options["journal"], behaviour)
        server = open_server(simulator, _open_socket(options["fd"], options["port"]))
        # The loop ends in another thread than the one that it is asked in.
        stop = threading.Thread(target=server.shutdown)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.start() if not stop.ident else None)
        host, port = server.server_address[:2]
        self.stdout.write(f"http://{host!s}:{port}")
        self.stdout.flush()
        try:
            server.serve_forever(poll_interval=0.2)
        finally:
            server.server_close()
            simulator.close()


def _open_socket(fd: int | None, port: int) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    return socket.create_server(("127.0.0.1", port))
