"""Callbacks of our door to the address that is set for it, as the vendor makes them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse

from campaigns.dispatch.callbacks import UNREADABLE
from campaigns.dispatch.engine import drain
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.dispatch.receivers import CHECKED, NO_ECHO, check_receiver
from campaigns.dispatch.verify import check_books
from campaigns.errors import Invalid
from campaigns.models import Account, Device, Door, OutboxRow, Part, TrackedTarget
from campaigns.services.doors import ensure_door, set_options
from providers import http, vault
from providers.inbound import Call
from providers.outbound import AccountConfig
from providers.outcomes import Outcome
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.vendors.engagelab import DIALECT, wire_callbacks
from tests import builders
from tests.compat.engagelab.conftest import call, phones, script
from tests.compat.receiver import receiving
from tests.vendor_cases.conftest import simulator

__all__ = ["call", "phones", "script", "simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SECRET = "canary-of-the-door"
SHARED = AccountConfig(public_id="", credentials={"callback_secret": SECRET})
PUSH = {
    "from": "shop", "to": {"registration_id": ["rid-0", "nobody"]}, "custom_args": {"order": "7"},
    "body": {"platform": ["android"], "notification": {"android": {"alert": "Hi", "title": "Yo"}}},
}  # fmt: skip


@pytest.fixture
def now() -> datetime:
    """Ahead of the clock by which calls are taken: whatever a test is slow with is due by then."""
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture
def receiver(settings: Any) -> Any:
    with receiving() as receiver:
        receiver.echoes = True
        settings.OUTBOUND_ALLOW = [receiver.url]
        yield receiver
    http.get_session().close()


@pytest.fixture
def send(app: Any, simulator: Any, phones: Any, script: Any) -> Any:
    """Make a script's push; gives its part."""
    builders.make_route(app, "android")
    silent = {"delivered_percent": 0}
    Account.objects.update(credentials=vault.encrypt({"api_key": "good"}), options=silent)

    def send(**changes: Any) -> Part:
        answer = script("POST", "v4/push", {**PUSH, **changes})
        assert answer.status_code == 200
        return Part.objects.get(transfer_id=int(answer.json()["msg_id"]))

    return send


def set_address(app: Any, url: str | None, now: datetime, **options: Any) -> Door:
    """Set it as staff do; the check is made at once."""
    values = {"callback_url": url, "callback_username": "shop", "callback_secret": SECRET}
    door = ensure_door(app, DIALECT, now)
    set_options(door, DIALECT, {**values, **options}, actor="owner", now=now)
    door.refresh_from_db()
    return door


def run(now: datetime, *seconds: int) -> None:
    for later in seconds:
        drain(clock=lambda: now + timedelta(seconds=later))  # noqa: B023


def keep_receipt(part: Part, kind: ReceiptKind, now: datetime) -> None:
    device = Device.objects.get(token="t0")
    event = ReceiptEvent(write_receipt_token(part.pk, device.pk), kind, now)
    with transaction.atomic():
        keep_receipts([event], Account.objects.get().pk, now)


def list_states(bodies: list[Any]) -> list[tuple[str, str]]:
    rows = [row for body in bodies for row in body["rows"]]
    return [(row["to"], row["status"]["message_status"]) for row in rows]


def test_a_script_is_told_in_the_form_that_our_own_hook_reads(app, send, receiver, now, caplog):
    caplog.set_level(logging.DEBUG)
    door = set_address(app, receiver.url, now)
    part = send()

    run(now, 1, 2)
    keep_receipt(part, ReceiptKind.DELIVERED, now)
    run(now, 3)
    keep_receipt(part, ReceiptKind.CLICKED, now)
    run(now, 4, 100)

    (check, *bodies), (asked, *heard) = receiver.bodies, receiver.heard
    assert (door.checked_address, door.check_words) == (receiver.url, CHECKED)
    assert len(check["echostr"]) == 8
    assert "X-CALLBACK-ID" not in asked
    assert sorted(list_states(bodies)) == [
        ("nobody", "delivered_failed"),
        ("rid-0", "clicked"),
        ("rid-0", "delivered"),
        ("rid-0", "delivered"),
    ]
    row = bodies[-1]["rows"][-1]
    assert {name: row[name] for name in ("message_id", "from", "custom_args", "server")} == {
        "message_id": str(part.transfer_id), "from": "shop", "custom_args": {"order": "7"},
        "server": "push",
    }  # fmt: skip
    assert all(body["total"] == len(body["rows"]) for body in bodies)
    signed = [Call(headers={"x-callback-id": each["X-CALLBACK-ID"]}) for each in heard]
    assert all(wire_callbacks.is_signed(each, SHARED) for each in signed)
    shown = [wire_callbacks.read_signature(each["X-CALLBACK-ID"]) for each in heard]
    assert {each["username"] for each in shown} == {"shop"}
    assert len({each["nonce"] for each in shown}) == len(heard)
    events = [event for body in bodies for event in wire_callbacks.read_callback(Call(body=body))]
    assert [event.target for event in events] == ["nobody", "rid-0", "rid-0", "rid-0"]
    assert events[0].outcome is Outcome.FAILED
    assert SECRET not in caplog.text
    assert not OutboxRow.objects.exists()
    assert check_books().faults == []


def test_another_installations_hook_takes_what_our_door_writes(
    app, send, live_server, settings, now
):
    settings.OUTBOUND_ALLOW = [live_server.url]
    account = Account.objects.create(
        workspace=app.workspace, name="Vendor", dialect="engagelab",
        credentials=vault.encrypt({"app_key": "k", "callback_secret": "another"}),
    )  # fmt: skip
    url = f"{live_server.url}/hooks/{account.public_id}/{wire_callbacks.HOOK_PATH}"
    door = set_address(app, url, now)
    send()

    run(now, 1, 2)
    refused = set(OutboxRow.objects.exclude(words="").values_list("words", flat=True))
    account.credentials = vault.encrypt({"app_key": "k", "callback_secret": SECRET})
    account.save()
    run(now, 100, 200)

    assert door.check_words == CHECKED
    assert refused == {"The address answers: HTTP 401."}
    assert not OutboxRow.objects.exists()
    told = TrackedTarget.objects.values_list("value", "told")
    assert dict(told) == {"rid-0": "accepted", "nobody": "failed"}


def test_nobody_is_told_before_the_address_has_answered_the_check(app, send, receiver, now):
    receiver.echoes = False
    receiver.size = 8
    first = set_address(app, receiver.url, now)
    send()

    run(now, 1, 2)
    waiting = OutboxRow.objects.exclude(words="").values_list("words", flat=True)
    assert first.check_words == NO_ECHO
    assert set(waiting) == {NO_ECHO}
    assert all(set(body) == {"echostr"} for body in receiver.bodies)

    receiver.echoes = True
    run(now, 100)
    assert list_states([body for body in receiver.bodies if "rows" in body])
    assert Door.objects.get(pk=first.pk).check_words == CHECKED

    moved = receiver.url.replace("told", "moved")
    checks = sum("echostr" in body for body in receiver.bodies)
    assert set_address(app, moved, now).checked_address == moved
    assert sum("echostr" in body for body in receiver.bodies) == checks + 1

    Door.objects.update(secrets="broken")
    send()
    run(now, 300)
    assert OutboxRow.objects.filter(words=UNREADABLE).exists()
    assert set_address(app, moved, now).check_words == CHECKED


def test_a_batch_is_told_of_each_target_and_an_audience_is_not(app, send, script, receiver, now):
    set_address(app, receiver.url, now)
    item = {"platform": "android", "notification": {"android": {"alert": "Hi", "title": "Yo"}}}
    requests = [{"target": f"rid-{number}", **item} for number in range(2)]
    answer = script("POST", "v4/batch/push/regid", {"requests": requests})
    send(to="all")

    run(now, 1, 100, 200)

    told = [row for body in receiver.bodies[1:] for row in body["rows"]]
    entries = answer.json()["results"]
    assert {(row["to"], int(row["message_id"])) for row in told} == {
        (target, entry["msg_id"]) for target, entry in entries.items()
    }
    assert {row["status"]["message_status"] for row in told} == {"sent"}
    assert not OutboxRow.objects.exists()


def test_a_wrong_answer_is_asked_for_again_and_no_address_means_nobody(app, send, receiver, now):
    set_address(app, receiver.url, now)
    receiver.status = 500
    send()

    run(now, 1)
    words = set(OutboxRow.objects.filter(tries=1).values_list("words", flat=True))
    receiver.status = 204
    run(now, 100, 200)
    told = list_states(receiver.bodies[2:])
    set_address(app, None, now)
    count = len(receiver.bodies)
    send()
    run(now, 300)

    assert words == {"The address answers: HTTP 500."}
    assert set(told) == {("nobody", "delivered_failed"), ("rid-0", "sent")}
    assert len(receiver.bodies) == count
    assert TrackedTarget.objects.count() == 2


def test_no_inner_address_no_redirect_and_no_login_is_called(app, receiver, settings, now):
    receiver.status = 307
    receiver.headers = {"Location": "http://169.254.169.254/latest"}
    redirected = set_address(app, receiver.url, now).check_words
    named = receiver.url.replace("http://", "http://u:p@")
    with pytest.raises(Invalid):
        set_address(app, named, now)
    Door.objects.update(options={"callback_url": named})
    by_hand = check_receiver(app.pk, DIALECT)
    settings.OUTBOUND_ALLOW = []
    inner = set_address(app, receiver.url, now)

    assert "redirects, which is not followed" in redirected
    assert "cannot be called" in by_hand
    assert "cannot be called" in inner.check_words
    assert inner.checked_address == ""
    assert len(receiver.heard) == 1


def test_the_secret_is_set_and_never_shown(app, receiver, client, owner, now):
    out = StringIO()
    said = StringIO()
    chosen = [f"callback_url={receiver.url}", f"callback_secret={SECRET}"]
    where = {"app": app.slug, "dialect": "engagelab", "stdout": out}
    call_command("set_door", *chosen, **where, stderr=said)
    call_command("issue_key", **where)
    client.force_login(owner)

    page = client.get(reverse("admin:campaigns_app_change", args=[app.pk])).content.decode()

    door = Door.objects.get(app=app, dialect="engagelab")
    assert json.loads(out.getvalue().splitlines()[0]) == {"callback_url": receiver.url}
    assert CHECKED in said.getvalue()
    assert CHECKED in page
    assert vault.decrypt(door.secrets) == {"callback_secret": SECRET}
    assert SECRET not in out.getvalue() + page + json.dumps(door.options) + door.secrets
