"""A web process group of ours as `manage.py up` starts it, and calls to it over real sockets."""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import engine

HERE = Path(__file__).resolve().parent / "peer"
CONNECTIONS = 8
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Post:
    """One call as it goes over the wire; `path` with the query."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Server:
    """One web process group of ours, by its port and its leader."""

    port: int
    process: int

    def list_members(self) -> list[Path]:
        entries = Path("/proc").glob("[0-9]*")
        return [entry for entry in entries if self._is_member(entry)]

    def _is_member(self, entry: Path) -> bool:
        try:
            return os.getpgid(int(entry.name)) == self.process
        except ProcessLookupError:
            return False

    def read_cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        stats = [(entry / "stat").read_text().rpartition(")")[2] for entry in self.list_members()]
        return sum(sum(map(int, stat.split()[11:13])) for stat in stats) / TICKS

    def read_peak(self) -> int:
        """Largest memory that one of its processes has ever had, in MB."""
        texts = [(entry / "status").read_text() for entry in self.list_members()]
        return max(int(text.partition("VmHWM:")[2].split()[0]) for text in texts) // 1024


@contextmanager
def serving(application: str = "pushadmin.wsgi:application", **own: str) -> Iterator[Server]:
    """gunicorn with as many processes and threads as `manage.py up` gives it; `own` is what its
    environment has beyond ours."""
    from campaigns.management.commands.up import plan_web

    with socket.create_server(("127.0.0.1", 0), backlog=256) as bound:
        command = [
            application if word.startswith("pushadmin.wsgi") else word
            for word in plan_web(bound).command
        ]
        search = os.pathsep.join([str(HERE), str(engine.ROOT)])
        environment = {**os.environ, "PYTHONPATH": search, **own}
        port = bound.getsockname()[1]
        with subprocess.Popen(
            command, cwd=engine.ROOT, env=environment, pass_fds=(bound.fileno(),),
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield Server(port, process.pid)
            finally:
                process.terminate()


def send_all(server: Server, posts: Sequence[Post]) -> list[float]:
    """Seconds of each call, over some connections that are kept; every answer must be good."""

    def send_some(own: Sequence[Post]) -> list[float]:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        try:
            return [send(line, post) for post in own]
        finally:
            line.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(send_some, [posts[place::CONNECTIONS] for place in range(CONNECTIONS)])
        return [seconds for own in found for seconds in own]


def send(line: http.client.HTTPConnection, post: Post) -> float:
    began = time.monotonic()
    line.request("POST", post.path, post.body, post.headers)
    answer = line.getresponse()
    text = answer.read()
    assert answer.status < 300, (post.path, answer.status, text[:500])
    return time.monotonic() - began


def describe(values: Sequence[float], form: str) -> str:
    told = (min(values), statistics.median(values), max(values))
    return " / ".join(format(value, form) for value in told)
