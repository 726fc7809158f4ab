"""Calls in detail: strategies, targets, times, labels, devices, days, and the words of outcomes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from providers.audience_calls import DeviceRow, DeviceRows, SaveDevice
from providers.commands import Accepted, Fault, FaultKind, SendPush, TransferState, TransferStatus
from providers.inbound import Call
from providers.message_fields import Platform
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind, Result
from providers.receipts import ReceiptKind
from providers.reports import PlatformDay, PlatformDays, Totals
from providers.vendors.agora import wire, wire_devices, wire_labels, wire_sends, wire_stats

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MESSAGE = {"title": "Hello", "content": "World"}


def call(body: Any = None, query: dict[str, str] | None = None, **options: Any) -> Call:
    path = {"org_name": "acme", "app_name": "shop", **options.pop("path", {})}
    return Call(body=body, path=path, query=query or {}, options=options, now=NOW)


def read_task(**fields: Any) -> SendPush:
    return wire_sends.read_task(call({"pushMessage": MESSAGE, **fields}))


def read_single(targets: Any, **fields: Any) -> SendPush:
    return wire_sends.read_single(call({"targets": targets, "pushMessage": MESSAGE, **fields}))


def refuse(read: Callable[..., Any], *given: Any, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(*given, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("strategy", "channel"),
    [
        (None, ""), (0, "vendor_first"), (1, "own"), (2, "vendor"), (3, "own_first"),
        (4, "own_online"), ("3", "own_first"),
    ],
)  # fmt: skip
def test_a_strategy_is_a_channel(strategy: Any, channel: str) -> None:
    assert read_task(strategy=strategy).parts[0].message.channel == channel


@pytest.mark.parametrize("strategy", [5, -1, "x", "", True, 1.5, [1], {}])
def test_no_other_strategy_is_known(strategy: Any) -> None:
    refusal = refuse(read_task, strategy=strategy)

    assert (refusal.kind, refusal.field) == (RefusalKind.INVALID, "strategy")


def test_what_the_own_channel_keeps_lives_as_long_as_the_door_says() -> None:
    body = {"pushMessage": MESSAGE}
    lives = {
        strategy: wire_sends.read_task(call({**body, "strategy": strategy})).expires_in
        for strategy in range(5)
    }
    longer = wire_sends.read_task(call({**body, "strategy": 1}, retention_days=2)).expires_in

    assert lives == {0: None, 1: 604_800, 2: None, 3: 604_800, 4: None}
    assert longer == 172_800


@pytest.mark.parametrize(("targets", "values"), [("u1", ("u1",)), (["b", "a", "b"], ("b", "a"))])
def test_targets_are_a_list_or_one_text(targets: Any, values: tuple[str, ...]) -> None:
    assert read_single(targets).parts[0].targets[0].values == values


def test_a_hundred_users_are_taken_and_no_more() -> None:
    names = [f"u{number}" for number in range(101)]

    assert len(read_single(names[:100]).parts[0].targets[0].values) == 100
    assert refuse(read_single, names).field == "targets"


@pytest.mark.parametrize("targets", [None, [], "", 5, ["a", 5], ["a", ""], ["a\0"], ["x" * 256]])
def test_targets_that_are_none_are_refused(targets: Any) -> None:
    assert refuse(read_single, targets).field == "targets"


def test_five_labels_are_taken_and_no_more() -> None:
    def read(labels: Any) -> SendPush:
        return wire_sends.read_labels(call({"targets": labels, "pushMessage": MESSAGE}))

    audience = read(list("abcde")).parts[0].audience
    assert audience is not None
    assert audience.labels == tuple("abcde")
    assert refuse(read, list("abcdef")).field == "targets"


@pytest.mark.parametrize(("flag", "wait"), [(True, 0.0), (False, 20.0), (None, 0.0), (0, 0.0)])
def test_a_client_that_wants_no_async_waits(flag: Any, wait: float) -> None:
    assert read_single(["u1"], **{"async": flag}).wait == wait


@pytest.mark.parametrize(
    ("text", "zone", "due_at"),
    [
        ("2026-11-21 13:00:00", "", NOW + timedelta(hours=1)),
        ("2026-12-21 12:00:00", "", NOW + timedelta(days=30)),
        ("2026-11-21 21:00:00", "Asia/Shanghai", NOW + timedelta(hours=1)),
    ],
)
def test_a_start_is_read_in_the_doors_zone(text: str, zone: str, due_at: datetime) -> None:
    push = wire_sends.read_task(call({"pushMessage": MESSAGE, "startDate": text}, zone=zone))

    assert push.due_at == due_at
    assert wire_sends.write_task(push, zone or "UTC")["startDate"] == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 12:59:58", "2026-12-21 12:00:01", "2026-11-21T13:00:00", "tomorrow",
        "2026-13-01 00:00:00", "9999-12-31 23:59:59", "2026-11-21 13:00:00Z", 5,
    ],
)  # fmt: skip
def test_a_start_outside_of_its_window_is_refused(text: Any) -> None:
    refusal = refuse(read_task, startDate=text)

    assert (refusal.kind, refusal.field) == (RefusalKind.INVALID, "startDate")


def test_both_forms_of_a_path_name_an_app() -> None:
    by_id = Call(path={"org_name": "app-id", "app_name": "c0de"})

    assert wire.read_app(call()) == "acme#shop"
    assert wire.read_app(by_id) == "c0de"
    assert wire.write_app_path({"org_name": "a/b", "app_name": "c"}) == "a%2Fb/c"
    assert wire.write_app_path({"org_name": "", "app_id": "c0de"}) == "app-id/c0de"


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_malformed(body: Any) -> None:
    assert refuse(wire_sends.read_task, call(body)).kind is RefusalKind.MALFORMED


@pytest.mark.parametrize(
    ("result", "entry"),
    [
        (None, {"pushStatus": "ERROR", "desc": "timeout"}),
        (Result(0, Outcome.ACCEPTED), {"pushStatus": "SUCCESS"}),
        (Result(0, Outcome.DELIVERED), {"pushStatus": "SUCCESS"}),
        (
            Result(0, Outcome.ACCEPTED, Reason.RETAINED),
            {"pushStatus": "SUCCESS", "desc": "retained"},
        ),
        (
            Result(0, Outcome.FAILED, Reason.TOKEN),
            {"pushStatus": "FAIL", "desc": "bad device token"},
        ),
        (
            Result(0, Outcome.FAILED, Reason.NO_TOKEN),
            {"pushStatus": "FAIL", "desc": "no push binding"},
        ),
        (
            Result(0, Outcome.FAILED, Reason.UNKNOWN_ID),
            {"pushStatus": "FAIL", "desc": "appUser not exists"},
        ),
        (
            Result(0, Outcome.FAILED, Reason.PAYLOAD, "Too big"),
            {"pushStatus": "FAIL", "desc": "Too big"},
        ),
        (Result(0, Outcome.FAILED, Reason.OPTED_OUT), {"pushStatus": "FAIL", "desc": "failed"}),
        (Result(0, Outcome.FAILED, Reason.VENDOR, "Down"), {"pushStatus": "ERROR", "desc": "Down"}),
        (
            Result(0, Outcome.FAILED, Reason.CREDENTIAL, "Bad key"),
            {"pushStatus": "ERROR", "desc": "Bad key"},
        ),
        (Result(0, Outcome.EXPIRED), {"pushStatus": "ERROR", "desc": "timeout"}),
        (Result(0, Outcome.UNKNOWN), {"pushStatus": "ERROR", "desc": "timeout"}),
    ],
)
def test_every_outcome_has_the_vendors_words(result: Result | None, entry: dict[str, str]) -> None:
    assert wire_sends.write_status(result) == entry


def test_a_user_without_an_outcome_is_a_timeout_among_the_others() -> None:
    accepted = Accepted("9", results=(Result(1, Outcome.ACCEPTED),))

    assert wire_sends.write_taken(accepted, ["a", "b"], has_waited=True) == [
        {"id": "a", "pushStatus": "ERROR", "desc": "timeout"},
        {"id": "b", "pushStatus": "SUCCESS"},
    ]


def test_the_state_of_a_task_says_why_it_failed() -> None:
    status = TransferStatus(
        transfer="9",
        group="",
        tag="",
        state=TransferState.FAILED,
        created_at=NOW,
        faults=(Fault(FaultKind.NO_ROUTE), Fault(FaultKind.OTHER, detail="Bad luck")),
    )

    assert wire_sends.write_task_status(status) == {
        "taskId": 9,
        "status": "FAILED",
        "createdAt": 1795262400000,
        "errors": ["no_route", "Bad luck"],
    }


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "9" * 20, "²"])
def test_a_task_that_is_no_number_is_not_there(text: str) -> None:
    refusal = refuse(wire_sends.read_fetch_task, call(path={"task": text}))

    assert refusal.kind is RefusalKind.NOT_FOUND


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 64])
def test_a_labels_name_may_be(name: str) -> None:
    assert wire_labels.read_create_label(call({"name": name})).name == name


@pytest.mark.parametrize("name", [None, "", "a b", "ä", "x" * 65, 5, "a/b"])
def test_a_labels_name_may_not_be(name: Any) -> None:
    assert refuse(wire_labels.read_create_label, call({"name": name})).field == "name"


def test_a_description_has_at_most_255_characters() -> None:
    at_limit = wire_labels.read_create_label(call({"name": "a", "description": "x" * 255}))

    assert len(at_limit.description) == 255
    refusal = refuse(wire_labels.read_create_label, call({"name": "a", "description": "x" * 256}))
    assert refusal.field == "description"


@pytest.mark.parametrize(("text", "limit"), [("", 100), ("1", 1), ("100", 100)])
def test_a_page_has_up_to_a_hundred_rows(text: str, limit: int) -> None:
    query = {"limit": text} if text else {}

    assert wire_labels.read_list_labels(call(query=query)).limit == limit


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "ZWFzZW1vYg"}],
)
def test_a_page_that_is_asked_wrongly_is_refused(query: dict[str, str]) -> None:
    assert refuse(wire_labels.read_list_labels, call(query=query)).field in query


def test_a_cursor_looks_like_the_vendors() -> None:
    assert wire_labels.write_cursor("968120369184112182") == (
        "ZWFzZW1vYjpwdXNoOmxhYmVsOmN1cnNvcjo5NjgxMjAzNjkxODQxMTIxODI"
    )


def test_a_hundred_members_are_taken_and_no_more() -> None:
    names = [f"u{number}" for number in range(101)]
    path = {"label": "vip"}

    assert len(wire_labels.read_add_members(call({"usernames": names[:100]}, path=path)).add) == 100
    refusal = refuse(wire_labels.read_remove_members, call({"usernames": names}, path=path))
    assert refusal.field == "usernames"


HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("token", "platform"),
    [
        (HEX, Platform.IOS),
        (HEX.upper(), Platform.IOS),
        (HEX[:-1], Platform.ANDROID),
        ("f:APA91", Platform.ANDROID),
    ],
)
def test_a_token_tells_whose_phone_it_is(token: str, platform: Platform) -> None:
    body = {"device_id": "d1", "notifier_name": "n", "device_token": token}

    device = wire_devices.read_binding(call(body, path={"user": "u1"}))

    assert (device.platform, device.token, device.must_exist) == (platform, token, False)


@pytest.mark.parametrize("token", [None, ""])
def test_an_empty_token_unbinds_a_device_that_is_there(token: Any) -> None:
    device = wire_devices.read_binding(
        call({"device_id": "d1", "device_token": token}, path={"user": "u1"})
    )

    assert device == SaveDevice(
        app="acme#shop",
        kind="agora_device_id",
        id="d1",
        token="",
        external_user_id="u1",
        must_exist=True,
    )


def test_a_users_bindings_are_the_devices_that_have_a_token() -> None:
    rows = (
        DeviceRow(id=1, platform="ios", token="t", ids={"agora_device_id": "d1"}),
        DeviceRow(id=2, platform="ios", token=""),
        DeviceRow(id=3, platform="ios", token="u", attributes={"notifier_name": "n"}),
        None,
    )

    assert wire_devices.write_bindings(DeviceRows(rows)) == [
        {"device_id": "d1", "device_token": "t", "notifier_name": ""},
        {"device_id": "3", "device_token": "u", "notifier_name": "n"},
    ]


def read_days(begin: str, end: str, **query: str) -> Any:
    return wire_stats.read_fetch_days(call(query=query, path={"begin": begin, "end": end}))


@pytest.mark.parametrize(
    ("service", "platform"),
    [
        ("ALL", ""),
        ("apns", "ios"),
        ("ANDROID", "android"),
        ("HUAWEIPUSH", "hmos"),
        ("OPPOPUSH", "oppopush"),
    ],
)
def test_a_push_service_is_a_platform(service: str, platform: str) -> None:
    command = read_days("2026-11-01", "2026-11-02", platform=service)

    assert (command.platform, command.date_from, command.date_to) == (
        platform, date(2026, 11, 1), date(2026, 11, 2),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "end", "query"),
    [
        ("2026-11-02", "2026-11-01", {}),
        ("20261101", "2026-11-02", {}),
        ("2026-11-01", "x", {}),
        ("2026-11-01", "2026-11-02", {"platform": "PIGEON"}),
    ],
)
def test_days_that_are_asked_wrongly_are_refused(
    begin: str, end: str, query: dict[str, str]
) -> None:
    assert refuse(read_days, begin, end, **query).kind is RefusalKind.INVALID


def test_what_nobody_reports_is_left_out_of_the_counts() -> None:
    total = Totals(targets=9, sent=5, failed={Reason.TOKEN: 1, Reason.PAYLOAD: 2}, skipped=1)
    arrived = Totals(sent=1, receipts={ReceiptKind.DELIVERED: 0})
    day = date(2026, 11, 20)
    rows = (
        PlatformDay(day, "android", total),
        PlatformDay(day, "ios", arrived),
        PlatformDay(day, "web", total),
    )

    assert wire_stats.write_days(PlatformDays(rows)) == {
        "status": "OK",
        "data": {
            "2026-11-20": {
                "ANDROID": {"successCount": 5, "failCount": 3},
                "APNS": {"successCount": 1, "failCount": 0, "arriveCount": 0},
            }
        },
    }
