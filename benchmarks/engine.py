"""How fast an audience is sent, with a durable row per recipient, and what each costs in CPU.

`python benchmarks/engine.py [--send N] [--postgres]` uses a database of its own in a temporary
folder (a file of SQLite, or a PostgreSQL server of its own), a simulator and worker
processes (`--workers`, 2), and appends what it found to benchmarks/engine.txt.
`--dialect` limits it to one vendor.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_suffix(".txt")
MANAGE = [sys.executable, str(ROOT / "manage.py")]
DEVICES_PER_INSERT = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--send", type=int, default=100_000)
    parser.add_argument("--dialect", default="")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    serve_postgres(options.postgres)
    with tempfile.TemporaryDirectory(prefix="pa-bench-") as folder, simulating(folder) as url:
        prepare(folder, url)
        lines = list(measure_sends(options, url))
    report(lines, RESULTS)


def serve_postgres(is_wanted: bool) -> None:
    """Start the script again on a server of its own, if that is wanted and not yet so."""
    sys.path.insert(0, str(ROOT))
    if is_wanted and "DATABASE_URL" not in os.environ:
        command = [sys.executable, "-m", "tests.postgres", "--durable", sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


@contextmanager
def simulating(folder: str) -> Iterator[str]:
    """A well-behaved vendor of every dialect in a process of its own."""
    environment = {**os.environ, "PUSHADMIN_VAR": folder}
    command = [*MANAGE, "simulator", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def prepare(folder: str, url: str) -> None:
    """Point this process and its children at the folder and the simulator; make the tables."""
    os.environ |= {
        "PUSHADMIN_VAR": folder,
        "PUSHADMIN_SANDBOX_URL": url,
        "PUSHADMIN_OUTBOUND_ALLOW": url,
        "PUSHADMIN_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "pushadmin.settings",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def name_token(slug: str, number: int) -> str:
    return f"{slug}-{number:012d}-{'x' * 100}"


def make_app(
    slug: str,
    size: int,
    platform: str = "android",
    write_token: Callable[[str, int], str] = name_token,
) -> Any:
    """An app with so many devices."""
    from django.db import transaction

    from campaigns.models import App, Device, Group, Workspace
    from campaigns.models.audience import hash64
    from campaigns.models.bulk import append_rows

    workspace, _is_new = Workspace.objects.get_or_create(name="Bench", slug="bench")
    app = App.objects.create(workspace=workspace, name=slug, slug=slug, platforms=[platform])
    Group.objects.create(app=app, name="General")
    blank = Device(app=app, platform=platform, app_version_number=3 << 36)
    columns = list_columns(blank)
    now = datetime.now(UTC)
    languages, countries = ["en", "de", "fr", "es"], ["US", "DE", "FR", "ES", "MX"]

    def make_row(number: int) -> list[Any]:
        token = write_token(slug, number)
        values = {
            "app": app.pk,
            "token": token,
            "token_hash": hash64(token),
            "language": languages[number % 4],
            "country": countries[number % 5],
            "attributes": "{}",
            "created_at": now,
            "updated_at": now,
        }
        return [values.get(name, getattr(blank, name, None)) for name in columns]

    for start in range(0, size, DEVICES_PER_INSERT):
        rows = [make_row(number) for number in range(start, min(size, start + DEVICES_PER_INSERT))]
        with transaction.atomic():
            append_rows(Device, columns, rows)
    analyze()
    return app


def list_columns(blank: Any) -> list[str]:
    """What of a device is written, so that all others are empty."""
    left = {"id", "person", "is_secure", "notifications_enabled"}
    empty = {field.name for field in type(blank)._meta.fields
             if field.null and getattr(blank, field.attname) is None}  # fmt: skip
    left |= empty - {"token_hash"}
    return [field.name for field in type(blank)._meta.fields if field.name not in left]


def analyze() -> None:
    """As autovacuum does for any table that has stood for a minute, and on SQLite the scheduler."""
    from django.db import connection

    from campaigns.models.statistics import learn_tables

    learn_tables()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def route_through(app: Any, dialect: Any, url: str) -> None:
    """Send the app's pushes through the simulator's form of one vendor."""
    from campaigns.models import Account, Route
    from providers import vault

    account = Account.objects.create(
        workspace=app.workspace,
        name=app.slug,
        dialect=dialect.key,
        credentials=vault.encrypt({spec.name: "good" for spec in dialect.credentials}),
        base_urls={spec.name: f"{url}/{dialect.key}" for spec in dialect.base_urls},
    )
    options = {spec.name: 5 for spec in dialect.route_options}
    Route.objects.create(app=app, platform="android", account=account, options=options)


CONTENT = {"title": "Hi", "body": "There"}


def start_transfer(app: Any, content: dict[str, Any] = CONTENT) -> Any:
    from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
    from campaigns.models import Campaign, Message, Transfer

    message = Message.objects.create(app=app, content=content)
    now = datetime.now(UTC)
    campaign = Campaign.objects.create(
        workspace=app.workspace,
        app=app,
        name="bench",
        message=message,
        audience={"all": True},
        status=Campaign.Status.SENDING,
        status_since=now,
        created_at=now,
        created_by="bench",
    )
    plan = NewTransfer(
        app=app, group=app.groups.get(), parts=(NewPart(message),), campaign=campaign
    )
    transfer: Transfer = create_transfer(plan, actor="bench", now=now)
    return transfer


def measure_sends(options: argparse.Namespace, url: str) -> Iterator[str]:
    from providers import registry

    for dialect in registry.all_dialects():
        takes_many = dialect.connect and not dialect.fans_out  # gateways.py has the others
        if takes_many and options.send and options.dialect in ("", dialect.key):
            app = make_app(f"send-{dialect.key}", options.send)
            route_through(app, dialect, url)
            transfer = start_transfer(app)
            yield f"send {dialect.key}: {measure_send(transfer, options.send, options.workers)}"


def measure_send(transfer: Any, size: int, count: int) -> str:
    """From the frozen audience to the folded end. The groups' pace is lifted, not the vendor's."""
    from campaigns.dispatch.freeze import freeze_transfer
    from campaigns.models import Allowance, Attempt, Counter
    from campaigns.models.apps import MAX_SEND_RATE

    freeze_transfer(transfer, now=datetime.now(UTC))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    workers = [subprocess.Popen([*MANAGE, "dispatch", "--name", f"w{n}"]) for n in range(count)]
    while not Attempt.objects.filter(batch__transfer=transfer).exists():
        time.sleep(0.01)
    began = time.monotonic()
    while transfer.finished_at is None:
        time.sleep(0.05)
        # Groups keep at most 5000 a second; what is asked here is what the engine can.
        Allowance.objects.filter(scope="group").update(level=MAX_SEND_RATE)
        transfer.refresh_from_db()
    seconds = time.monotonic() - began
    for worker in workers:
        worker.terminate()
        worker.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    sent = Counter.objects.get(part__transfer=transfer, outcome="sent").count
    calls = Attempt.objects.filter(batch__transfer=transfer).count()
    return (
        f"{sent:,} of {size:,} recipients in {seconds:.1f} s, "
        f"{sent / seconds:,.0f}/s, {calls} calls, {count} workers, "
        f"{cpu / size * 1e6:.0f} us CPU per recipient (start of the workers included)"
    )


def find_version() -> tuple[int, ...]:
    """The version of the database."""
    from django.db import connection

    version: tuple[int, ...] = connection.get_database_version()
    return version


def find_model() -> str:
    """What the processors call themselves."""
    said = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = (line.partition(":") for line in said.splitlines())
    found = (value.strip() for name, _colon, value in lines if name.strip() == "model name")
    return next(found, platform.processor() or platform.machine())


def report(lines: list[str], results_file: Path) -> None:
    """Append what was found, with the date and the machine."""
    from django.db import connection

    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = ".".join(map(str, find_version()))
    where = (
        f"{os.cpu_count()} vCPU of {find_model()}, {size:.0f} GiB, {connection.vendor} {version}, "
        f"Python {platform.python_version()}"
    )
    text = "\n".join([f"{stamp} ({where}, load {load:.1f})", *(f"  {line}" for line in lines)])
    with results_file.open("a") as results:
        results.write(f"{text}\n\n")
    print(text)


if __name__ == "__main__":
    main()
