"""A script's own server, which is told what became of its targets: well behaved or hostile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Receiver:
    """`status`, `headers` and `size` are how it answers, after so many `seconds`; one that `echoes`
    gives a check of its address the text back."""

    url: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    seconds: float = 0.0
    echoes: bool = False
    bodies: list[Any] = field(default_factory=list)
    heard: list[Mapping[str, str]] = field(default_factory=list)  # their headers


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.bodies.append(json.loads(body))
            receiver.heard.append(dict(self.headers))
            time.sleep(receiver.seconds)
            text = receiver.bodies[-1].get("echostr", "") if receiver.echoes else ""
            self.answer(text.encode() or b"x" * receiver.size)

        def answer(self, content: bytes) -> None:
            try:
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # whoever called has heard enough

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/told?token=s3cret"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
