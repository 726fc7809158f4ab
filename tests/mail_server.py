"""A mail server on loopback that keeps what it gets, and refuses or hangs up when it is told to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """`mails` are what it took. `refused` maps an address to its answer, such as `550 No`.

    At an address of `hangs_up` it takes the mail's text and ends the connection without a word.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails: list[tuple[str, Message]] = []
        self.refused: dict[str, str] = {}
        self.hangs_up: set[str] = set()


class _Talk(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.say("220 mail.test")
        address = ""
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                address = line[line.index("<") + 1 : line.index(">")]
                self.say(self.server.refused.get(address, "250 OK"))
            elif verb == "DATA":
                if not self._take(address):
                    return
            elif verb == "QUIT":
                self.say("221 Bye")
                return
            else:
                self.say("250 OK")

    def _take(self, address: str) -> bool:
        self.say("354 Go on")
        text = b""
        while (piece := self.rfile.readline()) != b".\r\n":
            text += piece
        if address in self.server.hangs_up:
            return False
        self.server.mails.append((address, message_from_bytes(text)))
        self.say("250 Taken")
        return True

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving_mail(settings: Any) -> Iterator[MailServer]:
    """The server, with Django pointed at it."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()
        thread.join()
