"""How long the live count of a segment takes as the page asks for it, and how exact it is.

`python benchmarks/segments.py [--devices N] [--postgres]` fills an app with so many devices of 7
persons for each 10, a label on every ninth person, custom attributes on both, and posts typical
expressions to the address that the segment page posts to: once with an empty cache (the sample is
drawn, too), then the median of three. What takes more than a second is marked. Appends to
benchmarks/segments.txt.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import engine

RESULTS = Path(__file__).with_suffix(".txt")
CHUNK = 50_000
ROUNDS = 3
MOST_SECONDS = 1.0
LANGUAGES = ("en", "de", "fr", "es", "")
COUNTRIES = ("US", "DE", "FR", "ES", "MX", "GB", "BR")
PLANS = ("free", "free", "free", "plus", "gold")
PLATFORMS = ("android", "android", "ios", "web")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    engine.serve_postgres(options.postgres)
    with TemporaryDirectory(prefix="pa-bench-") as folder:
        engine.prepare(folder, "http://127.0.0.1:1")
        lines = list(measure(options.devices))
    engine.report(lines, RESULTS)


def measure(size: int) -> Iterator[str]:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import setup_test_environment
    from django.urls import reverse

    setup_test_environment()
    call_command("collectstatic", interactive=False, verbosity=0)
    began = time.monotonic()
    app = fill(size)
    yield f"{size:,} devices, {connection.vendor}, filled in {time.monotonic() - began:.0f} s"
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    client.get(reverse("segments"))  # what a process loads for the first page it draws
    for name, body in list_expressions().items():
        yield measure_count(client, app, name, body)
    seconds = promote(app)
    yield f"custom attributes plan (device) and orders (person) promoted in {seconds:.1f} s"
    for name, body in list_expressions().items():
        if "custom" in name:
            yield measure_count(client, app, f"{name}, promoted", body)
    yield measure_combine(app)


def fill(size: int) -> Any:
    """The app; every count below follows from the numbers of the rows."""
    from campaigns.models import App, Device, Group, Label, LabelMember, Person, Workspace
    from campaigns.models.bulk import append_rows, reserve_ids

    workspace = Workspace.objects.create(name="Bench", slug="bench")
    app = App.objects.create(
        workspace=workspace, name="Crowd", slug="crowd", platforms=sorted(set(PLATFORMS))
    )
    Group.objects.create(app=app, name="General")
    now = datetime.now(UTC)
    owners = size * 7 // 10
    persons: list[int] = []

    def add_persons(numbers: range) -> None:
        ids = reserve_ids(Person, len(numbers))
        persons.extend(ids)
        columns, rows = write_rows(Person(workspace=workspace), make_persons(ids, numbers, now))
        append_rows(Person, columns, rows)

    def add_devices(numbers: range) -> None:
        blank = Device(app=app, platform="android")
        append_rows(Device, *write_rows(blank, make_devices(persons, numbers, now)))

    in_chunks(owners, add_persons)
    label = Label.objects.create(app=app, name="VIP")
    carriers = [(label.pk, person, now) for person in persons[::9]]
    append_rows(LabelMember, ("label", "person", "added_at"), carriers)
    Label.objects.update(member_count=len(carriers))
    in_chunks(size, add_devices)
    engine.analyze()
    return app


def in_chunks(size: int, add: Any) -> None:
    from django.db import transaction

    for start in range(0, size, CHUNK):
        with transaction.atomic():
            add(range(start, min(start + CHUNK, size)))


def write_rows(blank: Any, rows: Iterator[dict[str, Any]]) -> tuple[list[str], Iterator[list[Any]]]:
    """Columns, and each row with what a new one has where nothing is said."""
    made = list(rows)
    fields = {field.name: field.attname for field in blank._meta.fields}
    columns = [
        name for name, column in fields.items()
        if name in made[0] or getattr(blank, column) is not None
    ]  # fmt: skip
    rest = {name: getattr(blank, fields[name]) for name in columns}
    return columns, [[{**rest, **row}[name] for name in columns] for row in made]


def make_persons(ids: list[int], numbers: range, now: datetime) -> Iterator[dict[str, Any]]:
    for pk, number in zip(ids, numbers, strict=True):
        yield {
            "id": pk,
            "external_user_id": f"user-{number:08d}",
            "email": f"user-{number:08d}@example.org",
            "language": LANGUAGES[number % 4],
            "country": COUNTRIES[number % 7],
            "attributes": json.dumps({"orders": number % 100, "tier": PLANS[number % 5]}),
            "opted_out_at": None if number % 50 else now,
            "created_at": now,
            "updated_at": now,
        }


def make_devices(persons: list[int], numbers: range, now: datetime) -> Iterator[dict[str, Any]]:
    from campaigns.models.audience import hash64, pack_version

    for number in numbers:
        token = f"{number:012d}{'x' * 100}"
        version = f"{number % 6}.{number % 10}.{number % 3}"
        yield {
            "person": persons[number % len(persons)],
            "platform": PLATFORMS[number % 4],
            "token": token,
            "token_hash": hash64(token),
            "token_state": "active" if number % 33 else "missing",
            "language": LANGUAGES[number % 5],
            "country": COUNTRIES[number % 7],
            "app_version": version,
            "app_version_number": pack_version(version),
            "attributes": json.dumps({"plan": PLANS[number % 5], "score": number % 1000}),
            "last_seen_at": now,
            "created_at": now,
            "updated_at": now,
        }


def list_expressions() -> dict[str, Any]:
    def holds(field: str, op: str, value: Any) -> dict[str, Any]:
        return {"field": field, "op": op, "value": value}

    return {
        "everyone": {"and": []},
        "platform": holds("device.platform", "eq", "ios"),
        "country and language": {
            "and": [holds("device.country", "eq", "DE"), holds("device.language", "eq", "de")]
        },
        "version from 2.1 below 4": {
            "and": [
                holds("device.app_version", "gte", "2.1"), holds("device.app_version", "lt", "4")
            ]
        },
        "label": holds("person.label", "eq", "VIP"),
        "not label": {"not": holds("person.label", "eq", "VIP")},
        "person country": holds("person.country", "eq", "BR"),
        "person e-mail": holds("person.email", "eq", "user-00000007@example.org"),
        "not (web or Mexico)": {
            "not": {
                "or": [holds("device.platform", "eq", "web"), holds("device.country", "eq", "MX")]
            }
        },
        "custom of the device": holds("device.custom.plan", "eq", "gold"),
        "custom of the person": holds("person.custom.orders", "gte", 98),
        "custom, label and country": {
            "and": [
                holds("device.custom.plan", "in", ["plus", "gold"]),
                holds("person.label", "eq", "VIP"),
                holds("device.country", "in", ["DE", "FR"]),
            ]
        },
        "model contains": holds("device.model", "contains", "Pixel"),
    }  # fmt: skip


def measure_count(client: Any, app: Any, name: str, body: Any) -> str:
    from django.core.cache import cache
    from django.urls import reverse

    form = {"app": app.pk, "view": "json", "json": json.dumps(body)}

    def ask() -> tuple[float, Any]:
        began = time.monotonic()
        answer = client.post(reverse("segment_count"), form)
        return time.monotonic() - began, answer.context["count"]

    cache.clear()
    first, _count = ask()
    asked = [ask() for _round in range(ROUNDS)]
    seconds = statistics.median(taken for taken, _count in asked)
    return describe(name, first, seconds, asked[-1][1])


def measure_combine(app: Any) -> str:
    """As compose's check asks: some segments and labels, and some spared."""
    from campaigns.selectors.audience import read_audience
    from campaigns.selectors.headcount import take_headcount

    body = {
        "combine": {
            "include": [
                {"labels": ["VIP"]},
                {"expression": {"field": "device.country", "op": "eq", "value": "DE"}},
            ],
            "exclude": [{"expression": {"field": "device.platform", "op": "eq", "value": "web"}}],
        }
    }
    audience = read_audience(app, body, principal=None)
    times = []
    for _round in range(ROUNDS + 1):
        began = time.monotonic()
        count = take_headcount(app, audience)
        times.append(time.monotonic() - began)
    return describe("combine", times[0], statistics.median(times[1:]), count)


def describe(name: str, first: float, seconds: float, count: Any) -> str:
    how = "estimated" if count.is_total_estimated else "exact"
    split = "estimated" if count.is_split_estimated else "exact"
    mark = "OVER" if max(first, seconds) > MOST_SECONDS else ""
    return (
        f"{seconds * 1e3:6.0f} ms, first {first * 1e3:6.0f} {mark:4} {name:<34}"
        f"{count.total:>9,} {how}, split {split}"
    )


def promote(app: Any) -> float:
    """Have both indexes made, as the job does."""
    from campaigns.services.job_work import drain_jobs
    from campaigns.services.promoted import promote_attribute

    began, now = time.monotonic(), datetime.now(UTC)
    for owner, name in (("device", "plan"), ("person", "orders")):
        promote_attribute(app, owner, name, actor="bench", now=now)
    drain_jobs()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
