"""What our client writes for the engine, and what it makes of answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.audience import Condition, Op
from providers.commands import (
    Accepted,
    AcceptedMany,
    PushPart,
    Recalled,
    RecallPush,
    SendPush,
)
from providers.contract import Addressing
from providers.inbound import Call
from providers.message import AndroidContent, Button, IosContent, PushMessage, Text, WebContent
from providers.message_fields import Platform
from providers.message_texts import resolve_for
from providers.outbound import AccountConfig
from providers.outcomes import AppPart, Failure, Outcome, Reason, Refusal
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from providers.recipients import Audience, Targets
from providers.reports import Metric, VendorTotal
from providers.vendors.engagelab import DIALECT, wire_callbacks
from providers.vendors.engagelab.outbound import EngageLab
from providers.vendors.engagelab.wire_errors import Code, Refused
from tests.providers.conftest import open_vendor
from tests.vendor_cases.doors import entering_door

__all__ = ["open_vendor"]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ONE = (Targets("registration_id", ("1104a8",)),)


def make_account(**options: Any) -> AccountConfig:
    return AccountConfig(
        public_id="acc-1",
        credentials={
            "app_key": "35c424abde12f475566ca8af",
            "master_secret": "m",
            "group_secret": "g",
            "callback_secret": "c",
        },
        base_urls={"push": "http://vendor.example/engagelab/"},
        options=options,
    )


def make_push(message: PushMessage, **fields: Any) -> SendPush:
    part = PushPart(message, fields.pop("targets", ONE), fields.pop("audience", None))
    return SendPush(parts=(part,), client_key="17", **fields)


def write(push: SendPush, **options: Any) -> dict[str, Any]:
    return json.loads(EngageLab(make_account(**options)).write(push).body)


ANDROID = PushMessage(title="Shop", body="Hi").resolve(Platform.ANDROID)


def test_a_push_names_its_one_platform_and_carries_our_id() -> None:
    body = write(make_push(ANDROID, tag="spring", expires_in=60))

    assert body == {
        "to": {"registration_id": ["1104a8"]},
        "body": {
            "platform": ["android"],
            "notification": {"android": {"title": "Shop", "alert": "Hi"}},
            "options": {"cid": "17", "time_to_live": 60},
        },
        "custom_args": {"tag": "spring"},
    }


@pytest.mark.parametrize(
    ("chosen", "left", "sent"),
    [(None, 60, 60), (30, 60, 30), (90, 60, 60), (2_000_000, None, None)],
)
def test_the_vendor_keeps_it_no_longer_than_the_send_lives(
    chosen: int | None, left: int | None, sent: int | None
) -> None:
    message = PushMessage(body="Hi", android=AndroidContent(time_to_live=chosen))

    body = write(make_push(message.resolve(Platform.ANDROID), expires_in=left))

    assert body["body"]["options"]["time_to_live"] == (sent or 15 * 86_400)


def test_an_apple_push_says_which_environment_it_is_for() -> None:
    message = PushMessage(
        title="Shop", body="Hi", ios=IosContent(subtitle="New", sound_name="bell.caf", badge=3)
    ).resolve(Platform.IOS)

    body = write(make_push(message), apns_production=False)["body"]

    assert body["options"] == {"cid": "17", "apns_production": False}
    assert body["notification"]["ios"] == {
        "alert": {"title": "Shop", "subtitle": "New", "body": "Hi"},
        "badge": 3,
        "sound": "bell.caf",
    }


def test_a_silent_push_wakes_the_app_and_shows_nothing() -> None:
    android = PushMessage(body="x", android=AndroidContent(silent=True, data='{"a":1}'))
    ios = PushMessage(body="x", ios=IosContent(silent=True, data="plain"))

    phone = write(make_push(android.resolve(Platform.ANDROID)))["body"]
    apple = write(make_push(ios.resolve(Platform.IOS)))["body"]

    assert phone["message"] == {"msg_content": "x", "extras": {"a": 1}}
    assert "notification" not in phone
    assert apple["notification"] == {
        "ios": {"content-available": True, "extras": {"data": "plain"}}
    }


def test_buttons_of_a_browser_are_options_two_at_most_and_read_again() -> None:
    three = tuple(Button(f"B{number}", f"https://example.com/{number}") for number in range(3))
    web = PushMessage(body="Hi", buttons=three).resolve(Platform.WEB)
    [route] = [route for route in DIALECT.routes if route.path == "v4/push"]

    sent = write(make_push(web))
    [part] = route.read(Call(body=sent)).parts

    assert sent["body"]["options"]["web_buttons"] == [
        {"text": "B0", "url": "https://example.com/0"},
        {"text": "B1", "url": "https://example.com/1"},
    ]
    assert part.message.web is not None
    assert part.message.web.buttons == three[:2]


def test_buttons_that_no_field_holds_stay_as_they_came() -> None:
    drawn = [{"text": "Open", "icon": "https://example.com/i.png"}]
    options = {"web_buttons": drawn}
    came = {"from": "s", "to": "all", "body": {
        "platform": "web", "notification": {"web": {"alert": "Hi"}}, "options": options,
    }}  # fmt: skip
    [route] = [route for route in DIALECT.routes if route.path == "v4/push"]

    [part] = route.read(Call(body=came)).parts

    assert part.message.web is not None
    assert part.message.web.buttons is None
    sent = write(make_push(part.message.resolve(Platform.WEB)))
    assert sent["body"]["options"]["web_buttons"] == drawn


def test_a_browser_stands_alone_and_harmony_gets_what_it_demands() -> None:
    web = PushMessage(body="Hi", web=WebContent(url="https://example.com/"))
    extras = {"engagelab": {"hmos_category": "WORK"}}

    browser = write(make_push(web.resolve(Platform.WEB)))["body"]
    harmony = write(
        make_push(PushMessage(title="Shop", body="Hi", extras=extras).resolve(Platform.HMOS))
    )["body"]

    assert browser["platform"] == "web"
    assert browser["notification"]["web"] == {"alert": "Hi", "url": "https://example.com/"}
    assert harmony["platform"] == ["hmos"]
    assert harmony["notification"] == {
        "hmos": {
            "category": "WORK",
            "intent": {"url": "action.system.home"},
            "alert": "Hi",
            "title": "Shop",
        }
    }


def test_what_came_in_by_the_dialect_leaves_by_it_for_its_platform_only() -> None:
    came = {
        "to": "all",
        "custom_args": "business info",
        "body": {
            "platform": "all",
            "notification": {
                "alert": "Hi",
                "android": {"alert": "Phone", "builder_id": 2},
                "ios": {"alert": "Apple", "interruption-level": "active"},
            },
            "options": {
                "classification": 1,
                "enhanc_message": True,
                "multi_language": {"de": {"content": "Hallo"}},
            },
        },
    }
    [route] = [route for route in DIALECT.routes if route.path == "v4/push"]
    [part] = route.read(Call(body=came)).parts

    german = write(make_push(part.message.resolve(Platform.ANDROID, "de")))
    web = write(make_push(part.message.resolve(Platform.WEB)))

    assert part.message.translations == {"de": Text(body="Hallo")}
    assert german["custom_args"] == "business info"
    assert german["body"] == {
        "platform": ["android"],
        "notification": {"android": {"alert": "Hallo", "builder_id": 2}},
        "options": {"classification": 1, "enhanc_message": True, "cid": "17"},
    }
    assert web["body"]["notification"] == {"web": {"alert": "Hi"}}


@pytest.mark.parametrize(
    ("audience", "to"),
    [
        (Audience(), "all"),
        (Audience(labels=("vip", "new")), {"tag_and": ["vip", "new"]}),
        (Audience(segments=("7",)), {"seg": {"id": "7"}}),
        (
            Audience(expression=Condition("device.alias", Op.EQ, "anna")),
            {"alias": ["anna"]},
        ),
        (
            Audience(expression=Condition("person.label", Op.IN, ("vip", "new"))),
            {"tag": ["vip", "new"]},
        ),
        (Audience(expression=Condition("device.platform", Op.IN, ("android",))), "all"),
    ],
)
def test_an_audience_is_said_in_the_vendors_words(audience: Audience, to: Any) -> None:
    assert write(make_push(ANDROID, targets=(), audience=audience))["to"] == to


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": (Targets("google_aid", ("1",)),)},
        {"targets": (), "audience": Audience(segments=("1", "2"))},
        {"targets": (), "audience": Audience(any_segments=("1",))},
        {"targets": (), "audience": Audience(expression=Condition("person.country", Op.EQ, "DE"))},
    ],
)
def test_an_audience_without_words_is_not_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        write(make_push(ANDROID, **fields))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.NOT_ADDRESSABLE, False)


def send_to_group(*entries: Accepted | Refusal) -> tuple[Any, Any]:
    names = tuple(f"{place:024d}" for place in range(len(entries)))
    answer = AcceptedMany(entries=entries, reference="cbou2uum98lps87rtic0", names=names)
    client = EngageLab(make_account(group_key="c96f42e0d2e662e45d035ab1"))
    with entering_door(DIALECT, lambda command: answer) as door:
        request = client.write(make_push(ANDROID, targets=(), audience=Audience()))
        receipt = client.send(request)
    return receipt, (request, door.commands[0])


def test_a_route_with_a_group_key_pushes_to_the_group() -> None:
    receipt, (request, command) = send_to_group(Accepted("1"), Refused(Code.NO_TARGET, "Nobody."))

    shown = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert request.url == "http://vendor.example/engagelab/v4/grouppush"
    assert shown == "group-c96f42e0d2e662e45d035ab1:g"
    assert command.app_group == "c96f42e0d2e662e45d035ab1"
    assert (receipt.reference, receipt.outcome) == ("cbou2uum98lps87rtic0", Outcome.ACCEPTED)
    assert [*receipt.raw] == ["0" * 24, "0" * 23 + "1", "group_msgid"]
    assert receipt.parts == (
        AppPart("0" * 24, reference="1"), AppPart("0" * 23 + "1", words="21011: Nobody."),
    )  # fmt: skip


def test_where_an_app_of_a_group_refuses_nobody_can_see_whose_devices_are_whose() -> None:
    receipt, _sent = send_to_group(Accepted("1"), Refused(Code.BAD_VALUE, "No."))

    assert receipt.outcome is Outcome.UNKNOWN
    assert [part.words for part in receipt.parts] == ["", "21003: No."]


def test_a_group_is_told_of_everyone_on_all_of_a_routes_platforms() -> None:
    platforms = (Platform.ANDROID, Platform.IOS, Platform.HMOS)
    message = resolve_for(PushMessage(title="Shop", body="Hi"), platforms)
    part = PushPart(message, audience=Audience(), platforms=platforms)

    body = write(SendPush(parts=(part,), client_key="17"), group_key="c96f42e0d2e662e45d035ab1")

    assert body["to"] == "all"
    assert body["body"]["platform"] == ["android", "ios", "hmos"]
    assert set(body["body"]["notification"]) >= {"android", "ios", "hmos"}
    assert DIALECT.find_addressing({"group_key": "c9"}) == {Addressing.EVERYONE}
    assert DIALECT.find_addressing({"group_key": ""}) is None


def test_browsers_stand_alone_in_a_call_to_everyone() -> None:
    platforms = (Platform.ANDROID, Platform.WEB)
    message = resolve_for(PushMessage(title="Shop", body="Hi"), platforms)
    part = PushPart(message, audience=Audience(), platforms=platforms)

    with pytest.raises(Failure) as caught:
        write(SendPush(parts=(part,), client_key="17"))

    assert (caught.value.reason, caught.value.was_sent) == (Reason.NOT_ADDRESSABLE, False)


def test_a_group_none_of_whose_apps_takes_it_has_refused_it() -> None:
    with pytest.raises(Failure) as caught:
        send_to_group(Refused(Code.NO_TARGET, "Nobody."), Refused(Code.BAD_VALUE, "No."))

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.UNKNOWN_ID, True)
    assert caught.value.message == "21011: Nobody."


def test_a_message_is_withdrawn_and_a_push_to_a_group_as_a_whole_is_not() -> None:
    with entering_door(DIALECT, lambda command: Recalled()) as door:
        answer = EngageLab(make_account()).cancel("1828256757")
    with pytest.raises(Failure) as caught:
        EngageLab(make_account(group_key="c96f42e0d2e662e45d035ab1")).cancel("cbou2uum98lps87rtic0")

    assert door.commands == [RecallPush("1828256757")]
    assert answer == Recalled()
    assert (caught.value.is_permanent, caught.value.was_sent) == (True, False)


@pytest.mark.parametrize(
    ("product", "path"), [("app", "v4/status/detail"), ("web", "v4/messages/details")]
)
def test_totals_are_asked_for_where_the_product_has_them(
    open_vendor: Any, product: str, path: str
) -> None:
    counts = {"targets": 5, "sent": 4, "delivered": 3, "impressions": 2, "clicks": 1}
    vendor = open_vendor(answer(json.dumps({"2460001": counts})))
    account = make_account(product=product)
    client = EngageLab(AccountConfig(
        public_id="acc-1", credentials=account.credentials, base_urls={"push": vendor.url},
        options=account.options,
    ))  # fmt: skip

    totals = client.fetch_totals("2460001", "2026-11-20")

    assert vendor.requests[0].startswith(f"GET /{path}?message_ids=2460001 ".encode())
    assert totals == (
        VendorTotal(Metric.SENT, 4),
        VendorTotal(Metric.DELIVERED, 3),
        VendorTotal(Metric.SHOWN, 2),
        VendorTotal(Metric.OPENED, 1),
    )


def lead_to(url: str) -> EngageLab:
    credentials = make_account().credentials
    return EngageLab(
        AccountConfig(public_id="acc-1", credentials=credentials, base_urls={"push": url})
    )


def test_a_label_is_kept_when_the_vendor_says_its_bare_word(open_vendor: Any) -> None:
    vendor = open_vendor(answer("success"))

    lead_to(vendor.url).ensure_label("vip/new", ("1104a8",), ())

    assert vendor.requests[0].startswith(b"POST /v4/tags/vip%2Fnew ")
    assert vendor.requests[0].endswith(b'{"registration_ids":{"add":["1104a8"]}}')


@pytest.mark.parametrize("body", ["<html>", "{}", ""])
def test_any_other_word_about_a_label_means_that_nobody_knows(open_vendor: Any, body: str) -> None:
    vendor = open_vendor(answer(body))

    with pytest.raises(Failure) as caught:
        lead_to(vendor.url).ensure_label("vip", ("1104a8",), ())

    assert (caught.value.reason, caught.value.was_sent) == (Reason.NO_ANSWER, None)


def answer(body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


def sign(**changes: str) -> dict[str, str]:
    texts = {"timestamp": "1700000000", "nonce": "n", "username": "u", **changes}
    words = "".join(texts[name] for name in ("timestamp", "nonce", "username")).encode()
    texts.setdefault("signature", hmac.new(b"c", words, hashlib.sha256).hexdigest())
    return {"x-callback-id": ";".join(f"{name}={text}" for name, text in texts.items())}


def test_a_callback_is_believed_who_signs_with_the_secret() -> None:
    account = make_account()
    forgotten = AccountConfig(public_id="acc-1", credentials={"callback_secret": ""})

    assert wire_callbacks.is_signed(Call(headers=sign()), account)
    assert not wire_callbacks.is_signed(Call(headers=sign(signature="0" * 64)), account)
    assert not wire_callbacks.is_signed(Call(headers=sign(signature="é")), account)
    assert not wire_callbacks.is_signed(Call(), account)
    assert not wire_callbacks.is_signed(Call(headers=sign()), forgotten)


def test_the_check_of_the_address_hears_its_own_text() -> None:
    reply = wire_callbacks.write_echo(Call(body={"echostr": "12345678"}))

    assert (reply.status, reply.body) == (200, "12345678")
    assert wire_callbacks.write_echo(Call(body={"rows": []})) is None
    assert wire_callbacks.write_echo(Call(body={"echostr": "x" * 65})) is None


def row(status: Any, **changes: Any) -> dict[str, Any]:
    at = int(NOW.timestamp() * 1000)
    return {"message_id": "17", "to": "1104a8", "itime": at, "status": status, **changes}


def test_rows_say_what_became_of_single_devices() -> None:
    rows = [
        row("delivered"),
        row({"message_status": "clicked"}, itime=int(NOW.timestamp())),
        row({"message_status": "sent_failed", "error_code": 5, "error_detail": {"message": "No"}}),
        row("target_invalid"),
        row("plan"),
        row("delivered", to=None),
        row("delivered", itime="now"),
        row("delivered", itime=10**40),
        row("delivered", message_id="../x"),
    ]

    events = wire_callbacks.read_callback(Call(body={"total": len(rows), "rows": rows}))

    facts = {"transfer": "17", "target_kind": "registration_id", "target": "1104a8"}
    assert events == (
        ReceiptEvent("", ReceiptKind.DELIVERED, NOW, **facts),
        ReceiptEvent("", ReceiptKind.CLICKED, NOW, **facts),
        OutcomeEvent(
            outcome=Outcome.FAILED, at=NOW, reason=Reason.VENDOR, message="5: No", **facts
        ),
        OutcomeEvent(outcome=Outcome.FAILED, at=NOW, reason=Reason.TOKEN, **facts),
    )


@pytest.mark.parametrize("body", [None, {}, {"rows": {}}, {"rows": [5]}])
def test_rows_that_are_none_are_refused(body: Any) -> None:
    with pytest.raises(Refusal):
        wire_callbacks.read_callback(Call(body=body))
