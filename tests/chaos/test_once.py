"""Many callers with one key at one instant: it is done once, through every door."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import requests

from providers import registry
from providers.commands import CreateGroup, PushPart, SendPush
from providers.contract import Dialect, Idempotency
from providers.inbound import DoorApp
from providers.message import AndroidContent, PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig, Request
from providers.outcomes import Refusal, RefusalKind
from providers.recipients import Targets
from tests.chaos.conftest import IS_FULL, on
from tests.chaos.machine import Machine
from tests.vendor_cases.accounts import make_account

CALLERS = 100 if IS_FULL else 40
# Those whose client ids count within a report group; the others have tests of their own.
SPEAKING = [
    dialect
    for dialect in registry.all_dialects()
    if dialect.has_groups
    and dialect.has_door
    and dialect.connect
    and dialect.idempotency is not Idempotency.NONE
]


def call_together(call: Callable[[], requests.Response]) -> tuple[Counter[int], set[str]]:
    """The same call from many threads at one instant: statuses, and bodies of those who got in."""
    start = Barrier(CALLERS)

    def wait_and_call(_number: int) -> requests.Response:
        start.wait()
        return call()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(wait_and_call, range(CALLERS)))
    # A kept answer comes back with its keys in the database's order.
    bodies = {json.dumps(answer.json(), sort_keys=True) for answer in answers if answer.ok}
    return Counter(answer.status_code for answer in answers), bodies


def post(machine: Machine, made: dict[str, Any], path: str, body: Any, key: str) -> Any:
    headers = {"Authorization": made["authorization"], "Idempotency-Key": key}
    return requests.post(f"{machine.url}/api/v1/{path}", json=body, headers=headers, timeout=60)


def count_rows(machine: Machine, table: str) -> int:
    found: int = machine.ask(f"SELECT count(*) FROM campaigns_{table}")[0][0]
    return found


@on("sqlite")
def test_one_key_is_one_campaign_and_one_transfer(machine, tell):
    machine.start_web()
    made = machine.fill(recipients=10)
    body = {"audience": {"all": True}, "message": {"title": "Once", "body": "And only once"}}

    created, _bodies = call_together(lambda: post(machine, made, "campaigns/", body, "create"))
    (campaign,) = (pk for (pk,) in machine.ask("SELECT id FROM campaigns_campaign"))
    verb = f"campaigns/{campaign}/launch/"
    launched, bodies = call_together(lambda: post(machine, made, verb, {}, "launch"))
    changed = post(machine, made, "campaigns/", {**body, "tag": "other"}, "create")

    found = count_rows(machine, "campaign"), count_rows(machine, "transfer")
    tell(
        f"R8 {machine.database.kind}: {CALLERS} callers with one key made {found[0]} campaign "
        f"{dict(created)} and {found[1]} transfer {dict(launched)}; another body: "
        f"{changed.status_code}"
    )
    assert found == (1, 1)
    assert created == {201: CALLERS}
    assert launched == {200: CALLERS}
    assert len(bodies) == 1
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    assert "0 faults" in machine.manage("verify")


def open_client(machine: Machine, dialect: Dialect, made: dict[str, Any]) -> Any:
    """Our own client of a vendor, pointed at our own door."""
    usual = make_account(dialect, f"{machine.url}/compat")
    key = made["authorization"].removeprefix("Bearer ")
    account = AccountConfig(
        public_id="acc-1",
        credentials=dict.fromkeys(usual.credentials, key),
        base_urls=usual.base_urls,
        options={
            **usual.options,
            **dialect.door_identifiers(DoorApp(id=made["app"], slug="", workspace="")),
        },
    )
    return dialect.connect(account)


def make_push(client: Any, dialect: Dialect) -> SendPush:
    kinds = [kind for kind in dialect.identifier_kinds if kind.platform is Platform.ANDROID]
    message = PushMessage(android=AndroidContent(title="Once", body="And only once"))
    return SendPush(
        parts=(PushPart(message, (Targets(kinds[0].name, ("shop-0000001",)),)),),
        group=client.ensure_group(CreateGroup("", "News", 500)) if dialect.has_groups else "",
        tag="spring",
        client_key="77",
    )


def send_raw(request: Request) -> requests.Response:
    return requests.request(
        request.method, request.url, headers=dict(request.headers), data=request.body, timeout=60
    )


@on("postgres")
def test_one_client_id_is_one_transfer_in_every_dialect_with_groups(machine, settings, tell):
    settings.OUTBOUND_ALLOW = [machine.url]
    machine.start_web()
    made = machine.fill(recipients=10)
    found = {}
    for number, dialect in enumerate(SPEAKING, start=1):
        client = open_client(machine, dialect, made)
        push = make_push(client, dialect)
        request, other = client.write(push), client.write(replace(push, tag="autumn"))
        answers, bodies = call_together(lambda request=request: send_raw(request))
        time.sleep(1.1)  # a quota of the dialect begins anew
        changed = send_raw(other).status_code
        conflict, throttled = (
            dialect.write_refusal(Refusal(kind, "")).status
            for kind in (RefusalKind.CONFLICT, RefusalKind.THROTTLED)
        )
        found[dialect.key] = (answers.keys() <= {200, throttled}, len(bodies), changed == conflict)
        tell(
            f"R8 {machine.database.kind}, {dialect.label}: {CALLERS} callers with one id "
            f"{dict(answers)}, {count_rows(machine, 'transfer') - number + 1} transfer; another "
            f"body: {changed}"
        )
    assert found == {dialect.key: (True, 1, True) for dialect in SPEAKING}
    assert SPEAKING
    assert count_rows(machine, "transfer") == len(SPEAKING)
    assert "0 faults" in machine.manage("verify")
