"""No call of any dialect, and of no vendor, makes us fail: the short form of `make fuzz`.

PUSHADMIN_FUZZ=full runs for PUSHADMIN_FUZZ_SECONDS with a seed of the day and appends to
fuzz_results.txt here what it found.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from campaigns.models import Account, KeyUse
from campaigns.services import intake_wait
from campaigns.services.doors import ensure_door
from providers import vault
from providers.contract import Dialect
from providers.inbound import Route
from providers.outcomes import Refusal, RefusalKind
from tests import builders
from tests.compat.conftest import OPEN, make_key
from tests.compat.fuzzing import Fuzzer, HostileCall
from tests.vendor_cases.accounts import make_account

pytestmark = [pytest.mark.django_db]
IS_FULL = os.environ.get("PUSHADMIN_FUZZ") == "full"
SECONDS = float(os.environ.get("PUSHADMIN_FUZZ_SECONDS", "300"))
SEED = os.environ.get(
    "PUSHADMIN_FUZZ_SEED", f"{datetime.now(UTC):%Y-%m-%d %H:%M}" if IS_FULL else "1"
)
TIMES = 10  # calls of each route in the short form
RESULTS = Path(__file__).resolve().parent / "fuzz_results.txt"
HOOKED = [dialect for dialect in OPEN if dialect.hooks]
for_each = pytest.mark.parametrize("dialect", OPEN, ids=lambda dialect: dialect.key)


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """Answers by their class; the full form keeps them."""
    counts: Counter[str] = Counter()
    yield counts
    if IS_FULL and counts:
        total = counts.total()
        classes = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC seed {SEED!r}: {total} calls, {classes}\n"
        with RESULTS.open("a") as results:
            results.write(line)


@pytest.fixture(autouse=True)
def no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for an outcome does it in no time; nobody works meanwhile."""
    taken: list[float] = []
    monkeypatch.setattr(intake_wait, "sleep", taken.append)
    monkeypatch.setattr(intake_wait, "monotonic", lambda: sum(taken))


@pytest.fixture
def known(app: Any) -> dict[str, Any]:
    """Names of what is there, by what paths and bodies call it."""
    for number in range(3):
        person = builders.make_person(app.workspace, f"person-{number}")
        builders.make_device(app, f"token-{number}", person=person)
    return {"app": app.pk, "group_id": app.groups.get().pk, "user": "person-0"}


def take_half(given: Sequence[Any], turn: int) -> Sequence[Any]:
    """Every second one, and at the next turn the others; all of them in the full form."""
    return given if IS_FULL else given[turn % 2 :: 2]


def list_rounds(ways: list[Any], share: int) -> Iterator[Any]:
    """Each way as often as the form has time for; `share` tests divide the time."""
    until = time.monotonic() + SECONDS / share
    for number in range(10**9 if IS_FULL else TIMES):
        if IS_FULL and number and time.monotonic() > until:
            return
        yield from ways


@for_each
def test_no_call_of_a_script_makes_us_fail(client, app, known, dialect, tally, caplog):
    _key, text = make_key(app)
    door = ensure_door(app, dialect, datetime.now(UTC))
    fuzzer = Fuzzer(dialect, Random(f"{SEED} {dialect.key}"), {**known, **door.identifiers})
    shown = {"Authorization": dialect.write_authorization(text)}
    caplog.set_level(logging.ERROR)

    for route in list_rounds(list(dialect.routes), len(OPEN) + 1):
        KeyUse.objects.all().delete()
        call = fuzzer.make_call(route)
        answer = make_call(client, f"/compat/{dialect.key}/{call.path}", call, shown)
        tally[f"{answer.status_code // 100}xx"] += 1
        fault = find_fault(dialect, route, call, answer)
        assert fault == "", f"{fault}: {call}\n{answer.content[:800]!r}\n{caplog.text[-3000:]}"
        assert caplog.records == [], f"{call}\n{caplog.text[-3000:]}"


def make_call(client: Any, path: str, call: HostileCall, shown: dict[str, str]) -> Any:
    headers = {**shown, **call.headers}
    return client.generic(
        call.method, path, call.content, headers=headers, content_type="text/plain"
    )


def find_fault(dialect: Dialect, route: Route, call: HostileCall, answer: Any) -> str:
    """What is wrong with an answer, "" for nothing."""
    status, content = answer.status_code, answer.content
    if status >= 500:
        return f"status {status}"
    if b"<html" in content.lower()[:200] or "html" in answer.get("Content-Type", ""):
        return "a page"
    if call.method == "HEAD" or (status < 400 and not content):
        return ""
    if answer["Content-Type"].startswith("text/csv"):
        return ""
    try:
        body = json.loads(content)
    except ValueError:
        return "" if status < 400 and content.isascii() else "no JSON"
    return "" if status < 400 or has_shape(dialect, route, body) else "not the dialect's error"


def has_shape(dialect: Dialect, route: Route, body: Any) -> bool:
    writers = {route.write_refusal or dialect.write_refusal, dialect.write_refusal}
    shapes = [write(Refusal(kind, "words")).body for write in writers for kind in RefusalKind]
    return isinstance(body, dict) and any(set(shape) <= set(body) for shape in shapes)


HOOKS = [
    pytest.param((dialect, is_verified), id=f"{dialect.key} {is_verified}")
    for dialect in HOOKED
    for is_verified in (False, True)
]


@pytest.fixture(params=HOOKS)
def hooked(request, app, monkeypatch) -> tuple[Dialect, Account]:
    """An account that its vendor may call, with a signature or, if it is verified, without."""
    dialect, is_verified = request.param
    config = make_account(dialect, "http://vendor.example")
    account = Account.objects.create(
        workspace=app.workspace, name="Hooked", dialect=dialect.key,
        credentials=vault.encrypt(config.credentials),
    )  # fmt: skip
    if is_verified:
        hooks = tuple(replace(hook, verify=lambda call, account: True) for hook in dialect.hooks)
        spoken = replace(dialect, hooks=hooks)
        monkeypatch.setattr("campaigns.compat.hooks.find_dialect", lambda key: spoken)
    return dialect, account


def test_no_call_of_a_vendor_makes_us_fail(client, known, hooked, tally, caplog):
    dialect, account = hooked
    fuzzer = Fuzzer(dialect, Random(f"{SEED} {dialect.key} hooks"), known)
    caplog.set_level(logging.ERROR)

    for hook in list_rounds(list(dialect.hooks) * 10, 4 * len(HOOKED) * (len(OPEN) + 1)):
        call = fuzzer.make_call(hook)
        answer = make_call(client, f"/hooks/{account.public_id}/{call.path}", call, {})
        tally[f"{answer.status_code // 100}xx"] += 1
        assert answer.status_code < 500, f"{call}\n{caplog.text[-3000:]}"
        assert caplog.records == [], f"{call}\n{caplog.text[-3000:]}"
        assert "html" not in answer["Content-Type"]
        if answer.status_code >= 400 and call.method != "HEAD":
            assert set(answer.json()) == {"code", "message"}
