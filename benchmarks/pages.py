"""What every page costs when the database is full: time, queries and bytes of HTML.

`python benchmarks/pages.py [--devices N] [--campaigns N] [--deliveries N] [--postgres] [--drill]`
fills a database of its own by sets of rows and asks for every operator page that the URL resolver
knows and every list that the admin's registry knows, as a superuser and as a member of one app: one
turn to warm up, then the median of five; reports by every dimension, the audit log filtered and
drafts too, one of them in fifty languages of 3,000 letters, and recipients of the largest transfer
by every filter (with `--drill` these alone). All of it is of one app, which has all the devices;
each campaign reached `--cohorts` kinds of them (of platform, language, country and version), and
campaigns lie evenly over 400 days; beside them stand `--sends` calls of scripts in the last 30.
With `--reports` reports alone are asked for. What takes more than 100 ms or 300 kB is marked.
`cold` is the first turn, with nothing in the cache. What counts an audience for a page that stands
is measured apart. Appends to benchmarks/pages.txt.

Time is the server's, without the network. What is marked is CPU, because others may be using the
machine: that of this process, in which SQLite works too, and on PostgreSQL that of the connection's
own process beside it. Django's test environment is not set up: it would copy
the whole context of each template that is drawn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import drill
import engine
import page_history
import page_rows
import scale

RESULTS = Path(__file__).with_suffix(".txt")
ROUNDS = 5
MOST_MS, MOST_BYTES = 100, 300_000
CHUNK = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--campaigns", type=int, default=10_000)
    parser.add_argument("--deliveries", type=int, default=2_000_000)
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the audit log")
    parser.add_argument("--sends", type=int, default=10_000, help="of scripts, in 30 days")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--drill", action="store_true", help="only pages of recipients")
    parser.add_argument("--reports", action="store_true", help="only reports")
    parser.add_argument("--cohorts", type=int, default=40, help="kinds of devices of a campaign")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with TemporaryDirectory(prefix="pa-bench-") as folder:
        engine.prepare(folder, "http://127.0.0.1:1")
        lines = list(measure(options))
    engine.report(lines, RESULTS)


def measure(options: Any) -> Iterator[str]:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from campaigns.dispatch.collector import relax

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("demo", verbosity=0)
    began = time.monotonic()
    app = fill(options)
    seconds = time.monotonic() - began
    yield (
        f"{options.devices:,} devices, {options.campaigns:,} campaigns, {options.deliveries:,} "
        f"deliveries of the largest, {options.cohorts} cohorts, {options.entries:,} audit entries, "
        f"{options.sends:,} sends of scripts, "
        f"{connection.vendor}, filled in {seconds:.0f} s"
    )
    fill_house(app, options.entries)
    import_module(settings.ROOT_URLCONF)
    relax()  # as a server does
    for name, user in make_users(app).items():
        yield from measure_as(name, user, list_pages(app, options))
        if not (options.drill or options.reports):
            yield from measure_counts(name, user, app)


def list_pages(app: Any, options: Any) -> list[str]:
    """The addresses that are asked for."""
    from campaigns.models import Transfer

    if options.reports:
        return [*list_reports(app)]
    narrowed = [*drill.list_drill(Transfer.objects.get(pk=find_newest("transfers")))]
    if options.drill:
        return narrowed
    return [*list_operator_pages(), *list_more(app), *narrowed, *list_changelists()]


def fill(options: Any) -> Any:
    """An app with all of it; gives the app."""
    from campaigns.models import Transfer

    now = datetime.now(UTC)
    transfer = scale.fill_transfer(options.deliveries, options.devices)
    app = transfer.app
    page_history.make_cohorts(app, options.cohorts)
    for first in range(0, options.campaigns, CHUNK):
        numbers = range(first, min(first + CHUNK, options.campaigns))
        page_history.fill_campaigns(transfer, numbers, now, options.campaigns)
    page_history.fill_scripts(transfer, options.sends, now)
    # The largest is looked at as the newest.
    Transfer.objects.filter(pk=transfer.pk).update(created_at=now)
    drill.fill_drill(transfer, options.deliveries, now)
    page_rows.fill_kinds(app)
    engine.analyze()
    return app


def fill_house(app: Any, entries: int) -> None:
    """What piles up beside campaigns: the audit log, jobs that have ended, suppressions."""
    from campaigns.models import AuditEntry, Job, Suppression
    from campaigns.models.bulk import append_rows

    now, workspace = datetime.now(UTC), app.workspace
    columns = ["workspace", "at", "actor", "verb", "target_type", "target_id", "fields"]
    for first in range(0, entries, engine.DEVICES_PER_INSERT):
        last = min(entries, first + engine.DEVICES_PER_INSERT)
        rows = [
            [workspace.pk, now, f"user {number % 30}", "change", "campaign", str(number), "[]"]
            for number in range(first, last)
        ]
        append_rows(AuditEntry, columns, rows)
    wanted = {"what": "people", "format": "csv"}
    ended = {"status": "done", "status_since": now, "created_at": now, "finished_at": now}
    Job.objects.bulk_create(
        Job(workspace=workspace, app=app, kind="export", created_by="bench", params=wanted, **ended)
        for _number in range(entries // 100)
    )
    Suppression.objects.bulk_create(
        Suppression(workspace=workspace, kind="email", seal=f"{number:032}", masked="a…@…",
                    reason="bounced", created_at=now, created_by="bench")
        for number in range(entries // 10)
    )  # fmt: skip
    engine.analyze()


def make_users(app: Any) -> dict[str, Any]:
    from django.contrib.auth import get_user_model

    from campaigns.models import Membership

    users = get_user_model().objects
    member = users.create_user("member", password="bench", is_staff=True)
    Membership.objects.create(
        user=member, workspace=app.workspace, app=app, role=Membership.Role.SENDER
    )
    root = users.create_superuser("bench", "bench@example.org", "bench")
    return {"superuser": root, "member": member}


def measure_as(name: str, user: Any, pages: list[str]) -> Iterator[str]:
    from django.core.cache import cache
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    slow, others = [], []
    for path in pages:
        cache.clear()
        began = time.monotonic()
        answer = client.get(path)
        cold = time.monotonic() - began
        is_page = answer.status_code not in (302, 403, 404, 405)
        if not is_page or "html" not in answer.headers["Content-Type"]:
            others.append(f"{path} {answer.status_code}")
            continue
        is_slow, words = measure_page(client, path)
        slow += [path] if is_slow else []
        yield f"{name:<9} {words}, cold {cold * 1e3:.0f} ms"
    bounds = f"{MOST_MS} ms or {MOST_BYTES // 1000} kB"
    yield f"{name}: {len(slow)} over {bounds}: {', '.join(slow) or '-'}"
    yield f"{name}: files, changes and what is not theirs, not measured: {', '.join(others)}"


def measure_counts(name: str, user: Any, app: Any) -> Iterator[str]:
    """What a page that stands asks for, anew and again: by the clock, as somebody waits for it."""
    from django.core.cache import cache
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    for what, path, posted in page_rows.list_counts(app, client):
        times = []
        for _round in range(ROUNDS):
            cache.clear()
            began = time.monotonic()
            answer = client.get(path) if posted is None else client.post(path, posted)
            times.append((time.monotonic() - began) * 1e3)
            assert answer.status_code == 200, (path, answer.status_code)
        middle = statistics.median(times)
        yield f"{name:<9} counts beside a page, {what}: {middle:.0f} ms, nothing kept from before"


def measure_page(client: Any, path: str) -> tuple[bool, str]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times, own, other = zip(*(ask(client, path) for _round in range(ROUNDS)), strict=True)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    middle, size = statistics.median(times) * 1e3, len(answer.content)
    cpu, of_server = statistics.median(own) * 1e3, statistics.median(other) * 1e3
    is_slow = cpu + of_server > MOST_MS or size > MOST_BYTES or answer.status_code >= 500
    mark = "OVER" if is_slow else ""
    both = f"{cpu:4.0f} + {of_server:3.0f}" if connection.vendor == "postgresql" else f"{cpu:4.0f}"
    words = f"{middle:6.0f} ms ({both} CPU) {len(queries):4} queries {size / 1e3:6.0f} kB"
    words = f"{words} {mark:4} {path}"
    return is_slow, words if answer.status_code < 300 else f"{words} ({answer.status_code})"


def ask(client: Any, path: str) -> tuple[float, float, float]:
    """Seconds by the clock, of this process's CPU, and of the database server's for it."""
    began, cpu, server = time.monotonic(), time.process_time(), read_server_cpu()
    client.get(path)
    spent = time.process_time() - cpu
    return time.monotonic() - began, spent, read_server_cpu() - server


def read_server_cpu() -> float:
    """Seconds of CPU that PostgreSQL's process of this connection has had; 0 on SQLite."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def list_operator_pages() -> Iterator[str]:
    """Every address of the resolver, with the newest row of its kind."""
    from django.urls import reverse
    from django.urls.converters import IntConverter

    from campaigns.pages.urls import urlpatterns

    for pattern in urlpatterns:
        if pattern.name in page_rows.COUNTING:
            continue
        address = str(pattern.pattern)
        newest = find_newest(address.partition("/")[0])
        if address.startswith("reports/background/"):
            newest = page_rows.find_newest_job("report")
        converters = pattern.pattern.converters
        values = {
            name: newest if isinstance(kind, IntConverter) else "x"
            for name, kind in converters.items()
        }
        yield reverse(pattern.name, kwargs=values)


def list_reports(app: Any) -> Iterator[str]:
    """Reports of the last 30 days by everything, and narrowed."""
    from django.urls import reverse

    from campaigns.selectors.questions import Dimension

    for dimension in Dimension:
        yield f"{reverse('reports')}?by={dimension.value}"
    for narrowed in (f"by=tag&app={app.pk}", "by=transfer&language=de", "by=group&of_sends=1"):
        yield f"{reverse('reports')}?{narrowed}"


def list_more(app: Any) -> Iterator[str]:
    """Addresses that say more than the newest row of a kind."""
    from django.urls import reverse

    from campaigns.models import Transfer

    yield from list_reports(app)
    yield f"{reverse('audit')}?workspace={app.workspace.slug}"
    yield f"{reverse('audit')}?workspace={app.workspace.slug}&actor=user+7"
    yield f"{reverse('jobs')}?workspace={app.workspace.slug}"
    yield f"{reverse('suppressions')}?workspace={app.workspace.slug}"
    newest = Transfer.objects.get(pk=find_newest("transfers"))
    yield f"{reverse('trace', args=[newest.pk])}?who=nobody@example.org"
    yield from (reverse(one, args=[newest.campaign_id]) for one in ("campaign", "campaign_status"))
    yield from page_rows.list_draft_pages(app)


def find_newest(segment: str) -> int:
    """The newest row that a first segment of an address is about; 0 where there is none."""
    from django.apps import apps

    from campaigns.models import Transfer

    names = {"people": "person", "exports": "job", "templates": "messagetemplate"}
    word = names.get(segment, segment.replace("-", "").removesuffix("s"))
    known = {
        model._meta.model_name: model for model in apps.get_app_config("campaigns").get_models()
    }
    if word not in known:
        return 0
    if word == "transfer":
        newest = Transfer.objects.order_by("-created_at").first()
        return newest.pk if newest else 0
    row = known[word].objects.order_by("-pk").first()
    return row.pk if row else 0


def list_changelists() -> Iterator[str]:
    from django.contrib import admin
    from django.urls import reverse

    for model in admin.site._registry:
        meta = model._meta
        yield reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


if __name__ == "__main__":
    main()
