"""Our side of the gateways' benchmark: an app and an account for each gateway, campaigns, workers.

A campaign is a real one: rows in PostgreSQL with fsync, an outcome for each recipient, worker
processes as `manage.py dispatch` starts them. Accounts say that their vendor has granted them all
that an account may say, where their own rate is not what is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import engine
from gateway_peers import PEERS, Run
from gateway_sink import Sink

TICK = os.sysconf("SC_CLK_TCK")
TOPIC = "org.example.app"
TEN = "ABCDE12345"  # what ids of keys and teams look like
LOAD = 60.0  # seconds without any progress


@dataclass(frozen=True, slots=True)
class Gateway:
    """One of ours, as the benchmark sees it: what its peers send, we send."""

    key: str
    platform: str
    content: Mapping[str, Any]


TEXTS = {"title": "Hi", "body": "There"}
GATEWAYS = (
    Gateway("fcm", "android", TEXTS),
    Gateway("apns", "ios", TEXTS),
    Gateway("webpush", "web", {**TEXTS, "web": {"extras": {"data": "x" * 100}}}),
)


def write_pem(curve_key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem: bytes = curve_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


class Tokens:
    """What devices are known by at each gateway."""

    @cached_property
    def keys(self) -> Mapping[str, str]:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        from providers.vendors.webpush.wire_values import write_base64

        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": write_base64(point), "auth": write_base64(os.urandom(16))}

    def write(self, gateway: str, url: str, number: int) -> str:
        import json

        if gateway == "apns":
            return f"{number + 1:064x}"  # one of zeros is nobody's
        if gateway == "webpush":
            return json.dumps({"endpoint": f"{url}/push/{number:012d}", "keys": self.keys})
        return f"{number:012d}:APA91b{'x' * 133}"


TOKENS = Tokens()


def write_credentials(gateway: str, dialect: Any, url: str) -> Mapping[str, str]:
    if gateway == "apns":
        from cryptography.hazmat.primitives.asymmetric import ec

        key = write_pem(ec.generate_private_key(ec.SECP256R1()))
        return {"key": key, "key_id": TEN, "team_id": TEN}
    if gateway == "webpush":
        return {**dialect.make_credentials(), "test_browser": ""}
    from providers.vendors.fcm import wire_auth

    email, token = "bench@bench.invalid", f"{url}/token"
    text = wire_auth.write_service_account("bench", email, wire_auth.make_key(), token)
    return {"service_account": text}


ADDRESSES = {"fcm": "api", "apns": "gateway"}  # a browser names its own push service
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "apns": {"topic": TOPIC},
    "webpush": {"contact": "mailto:bench@example.org"},
}


GRANTED = {"fcm": {"requests_per_second": 100_000}}


def make_app(gateway: Gateway, size: int, url: str, limits: Mapping[str, int] | None = None) -> Any:
    """An app with so many devices, all of which are reached at `url`, within `limits`, or as fast
    as its vendor may be said to have granted."""
    from campaigns.models import Account, Route
    from campaigns.selectors.routes import find_dialect
    from providers import vault

    dialect = find_dialect(gateway.key)
    slug = f"{gateway.key}-{size}-{time.monotonic_ns()}"
    app = engine.make_app(
        slug, size, gateway.platform, lambda _slug, number: TOKENS.write(gateway.key, url, number)
    )
    name = ADDRESSES.get(gateway.key)
    account = Account.objects.create(
        workspace=app.workspace,
        name=slug,
        dialect=gateway.key,
        credentials=vault.encrypt(dict(write_credentials(gateway.key, dialect, url))),
        base_urls={name: url} if name else {},
        options=dict(OPTIONS.get(gateway.key, {})),
        limits=dict(GRANTED.get(gateway.key, {}) if limits is None else limits),
    )
    Route.objects.create(
        app=app,
        platform=gateway.platform,
        account=account,
        options=dict(OPTIONS.get(gateway.key, {})),
    )
    return app


def read_cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def read_peak(pid: int) -> int:
    """Megabytes of memory that a process had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024


def read_server_cpu() -> float:
    """Seconds of CPU that the database's processes have used, those that have ended included."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    parent = _read_parent(backend)
    total = 0.0
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            total += _read_of_server(int(path.name), parent)
    return total


def _read_parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _read_of_server(pid: int, server: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended meanwhile
    if pid == server:
        return sum(map(int, fields[11:15])) / TICK
    return (int(fields[11]) + int(fields[12])) / TICK if int(fields[1]) == server else 0.0


@dataclass(slots=True)
class Workers:
    """Processes that send, and what they have used."""

    processes: Sequence[subprocess.Popen[bytes]]

    @property
    def cpu(self) -> float:
        return sum(read_cpu(process.pid) for process in self.processes)

    @property
    def peaks(self) -> list[int]:
        return [read_peak(process.pid) for process in self.processes]

    def look(self) -> None:
        """Raises where one of them has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise SystemExit("A worker has ended.")


@contextmanager
def working(count: int, sink: Sink, streams: int = 0) -> Iterator[Workers]:
    """So many workers, `streams` in flight at most in each where that is given."""
    processes = []
    for number in range(count):
        name = f"w{number}"
        command = [*engine.MANAGE, "dispatch", "--name", name]
        if streams:
            command = [sys.executable, str(PEERS / "gateway_worker.py"), str(streams), name]
        processes.append(subprocess.Popen(command, env={**os.environ, **sink.trust}))
    try:
        yield Workers(processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


@dataclass(slots=True)
class Sending:
    """One transfer while it is sent: the clock and the CPU from its first call on."""

    transfer: Any
    size: int
    workers: Workers
    cpu: float = 0.0
    server_cpu: float = 0.0
    settled: dict[str, int] = field(default_factory=dict)

    def wait_for_first(self) -> None:
        from campaigns.models import Attempt

        calls = Attempt.objects.filter(batch__transfer=self.transfer)
        while not calls.exists():
            self.workers.look()
            time.sleep(0.005)
        self.cpu, self.server_cpu = self.workers.cpu, read_server_cpu()

    def wait_for_end(self) -> None:
        until = time.monotonic() + max(LOAD, self.size / 500)
        while self.transfer.finished_at is None:
            self.workers.look()
            if time.monotonic() > until:
                raise SystemExit(f"{self.transfer} does not end: {self._describe()}")
            time.sleep(0.1)
            self.transfer.refresh_from_db(fields=["finished_at", "status"])

    def _describe(self) -> str:
        from campaigns.models import Attempt, Counter

        counts = Counter.objects.filter(part__transfer=self.transfer)
        words = Attempt.objects.filter(batch__transfer=self.transfer).exclude(words="")
        return f"{list(counts.values_list('outcome', 'reason', 'count'))} {words.first()}"

    def measure(self) -> Run:
        """From the first call that was written down to the last outcome that was."""
        self.wait_for_first()
        self.wait_for_end()
        cpu = self.workers.cpu - self.cpu
        server_cpu = read_server_cpu() - self.server_cpu
        return Run(self._count_sent(), self._find_seconds(), cpu, server_cpu)

    def _count_sent(self) -> int:
        from campaigns.models import Counter

        rows = Counter.objects.filter(part__transfer=self.transfer)
        self.settled = {row.outcome: row.count for row in rows}
        if self.settled != {"sent": self.size}:
            raise SystemExit(f"Of {self.size} became {self.settled}.")
        return self.size

    def _find_seconds(self) -> float:
        from django.db.models import Max, Min

        from campaigns.models import Attempt, Delivery

        calls = Attempt.objects.filter(batch__transfer=self.transfer)
        rows = Delivery.objects.filter(part__transfer=self.transfer)
        began = calls.aggregate(at=Min("started_at"))["at"]
        ended = rows.aggregate(at=Max("at"))["at"]
        return float((ended - began).total_seconds())


def freeze(app: Any, gateway: Gateway) -> Any:
    from campaigns.dispatch.freeze import freeze_transfer

    transfer = engine.start_transfer(app, dict(gateway.content))
    freeze_transfer(transfer, now=datetime.now(UTC))
    transfer.refresh_from_db()
    return transfer


def send(app: Any, size: int, gateway: Gateway, sink: Sink, *, workers: int = 1) -> Run:
    """A campaign to all of an app, frozen before the clock starts."""
    transfer = freeze(app, gateway)
    with working(workers, sink) as processes:
        return Sending(transfer, size, processes).measure()
