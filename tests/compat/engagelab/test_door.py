"""The vendor's page word for word, who is let in, and our own client through our own door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import RequestsClient

from campaigns.models import ApiKey, App, AppGroup, Transfer
from campaigns.services import access
from campaigns.services.doors import ensure_door
from providers import http, registry
from providers.commands import PushPart, SendPush
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Audience, Targets
from providers.reports import Metric, VendorTotal
from providers.vendors.engagelab import DIALECT, wire
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.engagelab.conftest import add_device, read_error
from tests.fixtures.engagelab import World, read_example

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PUSH = {
    "to": {"registration_id": ["rid-0", "rid-1"]},
    "body": {"platform": ["android"], "notification": {"alert": "Hi"}},
}


@pytest.fixture
def group(app: App) -> tuple[AppGroup, str, App]:
    """A group of two apps, the second of which has a browser; and its secret."""
    other = builders.make_app(app.workspace, "other")
    found = AppGroup.objects.create(
        workspace=app.workspace, name="Both", slug="both", group_key=access.make_group_key()
    )
    found.apps.set([app, other])
    add_device(other, 7, "web")
    return found, access.regenerate_group_secret(found, actor="owner", now=NOW), other


def write_key(app: App, dialect: str = "") -> tuple[ApiKey, str]:
    key, text = make_key(app, dialect)
    return key, wire.write_authorization(text)


@pytest.mark.parametrize("prefix", ["", "group-"])
def test_the_vendors_page_works_word_for_word(
    client: Any, group: tuple[AppGroup, str, App], app: App, prefix: str
) -> None:
    found, secret, other = group
    names = [ensure_door(member, DIALECT, NOW).identifiers["member_app_key"]
             for member in (app, other)]  # fmt: skip
    world = World(url="/compat/engagelab", group_key=prefix + found.group_key, group_secret=secret)
    example = read_example(world)

    answer = client.generic(
        example.method, example.url, example.content, headers=example.headers,
        content_type="application/json",
    )  # fmt: skip

    told = answer.json()
    assert answer.status_code == 200
    assert set(told) == {*names, "group_msgid"}
    assert told["group_msgid"]
    # The first app has no browser: its own error stands beside the other's id.
    assert told[names[0]]["error"]["code"] == 21011
    assert (
        set(told[names[1]]) == {"request_id", "msg_id"} == set(next(iter(example.success.values())))
    )
    assert told[names[1]]["request_id"] == "12345678"
    assert Transfer.objects.get(pk=told[names[1]]["msg_id"]).app == other


def test_a_groups_failure_is_the_pages_own(client: Any, app: App) -> None:
    example = read_example(World(url="/compat/engagelab", group_key="group-" + "0" * 24))

    answer = client.generic("POST", example.url, example.content, headers=example.headers)

    assert (answer.status_code, answer.json()) == (401, example.failure)


def test_who_is_let_in(call: Any, app: App, phones: list[str]) -> None:
    _key, good = write_key(app)
    expired, old = write_key(app)
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    _key, others = write_key(app, "sandbox")
    shown = {
        good: (200, 0),
        "": (401, 21004),
        "Bearer x": (401, 21004),
        "Basic !": (401, 21004),
        wire.write_basic("key", ""): (401, 27001),
        wire.write_basic("0" * 24, "wrong"): (401, 21004),
        wire.write_basic("group-short", "x"): (400, 21037),
        wire.write_basic("group-" + "0" * 24, "x"): (401, 21004),
        old: (401, 21004),
        others: (401, 21038),
    }

    answers = {text: call("POST", "v4/push", text, PUSH) for text in shown}

    found = {
        text: (200, 0) if answer.status_code == 200 else read_error(answer)
        for text, answer in answers.items()
    }
    assert found == shown


def test_a_group_push_needs_a_groups_key(
    call: Any, app: App, group: tuple[AppGroup, str, App]
) -> None:
    found, secret, _other = group
    _key, mine = write_key(app)
    groups = wire.write_basic(f"group-{found.group_key}", secret)
    push = {"to": "all", "body": PUSH["body"]}
    trigger = {"single": {"time": "2030-01-01 09:00:00"}}
    schedule = {"name": "x", "enabled": True, "trigger": trigger, "push": push}

    assert read_error(call("POST", "v4/grouppush", mine, push)) == (400, 21037)
    assert read_error(call("POST", "v4/schedules", groups, schedule)) == (400, 21003)
    assert read_error(call("GET", "v4/schedules", groups)) == (400, 21003)


def test_a_push_is_answered_as_it_is_documented(call: Any, app: App, phones: list[str]) -> None:
    _key, good = write_key(app)

    plain = call("POST", "v4/push", good, PUSH).json()
    named = call("POST", "v4/push", good, {**PUSH, "request_id": "12345678"}).json()
    nobody = call("POST", "v4/push", good, {**PUSH, "to": {"registration_id": ["nobody"]}})

    assert set(plain) == {"msg_id"}
    assert set(named) == {"request_id", "msg_id"}
    assert plain["msg_id"].isdigit()
    assert read_error(nobody) == (400, 21011)


def test_a_message_is_withdrawn_once(call: Any, app: App, phones: list[str]) -> None:
    _key, good = write_key(app)
    message = call("POST", "v4/push", good, PUSH).json()["msg_id"]

    first = call("DELETE", f"v4/push/withdraw/{message}", good)
    again = call("DELETE", f"v4/push/withdraw/{message}", good)

    assert (first.status_code, first.json()) == (200, {"msg_id": message})
    assert read_error(again) == (400, 21003)


def test_changes_are_answered_with_the_bare_word(call: Any, app: App, phones: list[str]) -> None:
    _key, good = write_key(app)
    members = {"registration_ids": {"add": phones}}

    answer = call("POST", "v4/tags/vip", good, members)

    assert (answer.status_code, answer.content) == (200, b"success")
    assert answer["Content-Type"] == "application/json"


def test_a_tag_of_40_bytes_is_kept_and_a_longer_one_is_not(
    call: Any, app: App, phones: list[str]
) -> None:
    _key, good = write_key(app)
    members = {"registration_ids": {"add": phones}}

    kept = call("POST", f"v4/tags/{'a' * 40}", good, members)
    refused = call("POST", f"v4/tags/{'a' * 41}", good, members)

    assert kept.status_code == 200
    assert read_error(refused) == (400, 21016)


@pytest.fixture
def connect(app: App):
    """Our own client, led through our own door."""
    session = RequestsClient()

    def open_client(**options: Any) -> Any:
        _key, text = make_key(app)
        app_key, _dot, secret = text.partition(".")
        return DIALECT.connect(AccountConfig(
            public_id="acc-1",
            credentials={
                "app_key": app_key,
                "master_secret": secret,
                "group_secret": options.pop("group_secret", ""),
            },
            base_urls={"push": "http://testserver/compat/engagelab"},
            options=options,
        ))  # fmt: skip

    with session, http.using_session(session):
        yield open_client


def make_push(key: str = "17", audience: Audience | None = None, **fields: Any) -> SendPush:
    targets = () if audience else (Targets("registration_id", ("rid-0", "rid-1")),)
    message = PushMessage(title="Shop", body="Hi").resolve(fields.pop("platform", Platform.ANDROID))
    return SendPush(parts=(PushPart(message, targets, audience),), client_key=key, **fields)


def test_our_client_drives_our_door(connect: Any, app: App, phones: list[str]) -> None:
    client = connect()

    client.ensure_label("vip", tuple(phones), ())
    check = client.check()
    first, again = (client.send(client.write(make_push(tag="spring"))) for _try in range(2))
    to_label = client.send(client.write(make_push("18", Audience(labels=("vip",)))))
    totals = client.fetch_totals(first.reference, "2026-11-20")
    client.cancel(first.reference)

    transfer = Transfer.objects.get(pk=first.reference)
    assert check.is_good
    assert "1 tags" in check.words
    assert first == again
    assert first.outcome is Outcome.ACCEPTED
    assert to_label.reference != first.reference
    assert (transfer.tag, transfer.status) == ("spring", Transfer.Status.CANCELLED)
    assert totals[0] == VendorTotal(Metric.SENT, 0)


def test_our_client_pushes_to_a_group(connect: Any, group: tuple[AppGroup, str, App]) -> None:
    found, secret, other = group
    client = connect(group_key=found.group_key, group_secret=secret)

    receipt = client.send(client.write(make_push(audience=Audience(), platform=Platform.WEB)))

    codes = [entry["error"]["code"] for entry in receipt.raw.values() if "error" in entry]
    assert receipt.outcome is Outcome.ACCEPTED
    assert codes == [21011]
    assert Transfer.objects.get().app == other


def test_our_client_reads_what_our_door_refuses(connect: Any, app: App, phones: list[str]) -> None:
    client = connect()
    nobody = Targets("registration_id", ("nobody",))
    push = make_push()

    with pytest.raises(Failure) as caught:
        client.send(client.write(SendPush(
            parts=(PushPart(push.parts[0].message, (nobody,)),), client_key="19"
        )))  # fmt: skip

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.UNKNOWN_ID, True)
    assert registry.get("engagelab") is DIALECT
