"""What the door takes as a send, what it refuses at once, and what it judges later."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.commands import Fault, FaultKind, SendPush
from providers.inbound import Call
from providers.message import Attachment
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.appmetrica import wire_sends
from tests.fixtures.appmetrica import read_examples

GOOD: dict[str, Any] = read_examples()["send"].body
UNSET = (None, "", 0)


def read(body: Any) -> SendPush:
    return wire_sends.read_send(Call(body=body))


def make_body(path: str, value: Any) -> Any:
    """The good body with one value changed; `path` is `/`-separated, from the request down."""
    body = copy.deepcopy(GOOD)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    place: Any = body["push_batch_request"]
    for key in parents:
        place = place[key]
    place[last] = value
    return body


def make_content(platform: str, name: str, value: Any) -> Any:
    return make_body(f"batch/0/messages/{platform}/content/{name}", value)


def refuse(body: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(body)
    return caught.value


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_body_that_is_no_object_is_malformed(body: Any) -> None:
    assert refuse(body).kind is RefusalKind.MALFORMED


@pytest.mark.parametrize("value", [*UNSET])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("group_id", "push_batch_request.group_id"),
        ("tag", "push_batch_request.tag"),
        ("batch", "push_batch_request.batch"),
        ("batch/0/messages", "push_batch_request.batch[0].messages"),
        ("batch/0/devices", "push_batch_request.batch[0].devices"),
        ("batch/0/devices/1/id_type", "push_batch_request.batch[0].devices[1].id_type"),
        ("batch/0/devices/1/id_values", "push_batch_request.batch[0].devices[1].id_values"),
    ],
)
def test_a_mandatory_field_that_is_not_set_is_named(path: str, field: str, value: Any) -> None:
    refusal = refuse(make_body(path, value))

    assert (refusal.kind, refusal.field) == (RefusalKind.MISSING, field)


@pytest.mark.parametrize("body", [{}, {"push_batch_request": None}, {"push_batch_request": 0}])
def test_a_body_without_its_request_is_refused(body: Any) -> None:
    assert refuse(body).field == "push_batch_request"


@pytest.mark.parametrize("path", ["batch", "batch/0/devices", "batch/0/devices/0/id_values"])
def test_an_empty_list_is_missing(path: str) -> None:
    assert refuse(make_body(path, [])).kind is RefusalKind.MISSING


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("group_id", "2"),
        ("group_id", 2.5),
        ("group_id", True),
        ("group_id", -1),
        ("group_id", 2**63),
        ("client_transfer_id", "abc"),
        ("client_transfer_id", -5),
        ("client_transfer_id", 2**63),
        ("tag", 5),
        ("tag", ["a"]),
        ("tag", "x" * 256),
        ("tag", "a\x00b"),
        ("tag", "\ud800"),
        ("batch", {}),
        ("batch", "text"),
        ("batch", [5]),
        ("batch/0/messages", []),
        ("batch/0/messages", "text"),
        ("batch/0/messages", {}),
        ("batch/0/messages", {"android": None, "iOS": None}),
        ("batch/0/messages/android", []),
        ("batch/0/messages/android/content", []),
        ("batch/0/messages/android/silent", "yes"),
        ("batch/0/messages/android/silent", 1),
        ("batch/0/messages/android/open_action", "text"),
        ("batch/0/messages/android/open_action", {"deeplink": 5}),
        ("batch/0/devices", {}),
        ("batch/0/devices", [None]),
        ("batch/0/devices/0/id_type", 5),
        ("batch/0/devices/0/id_type", "ios_idfv"),
        ("batch/0/devices/0/id_values", "text"),
        ("batch/0/devices/0/id_values", [5]),
        ("batch/0/devices/0/id_values", [None]),
        ("batch/0/devices/0/id_values", ["a\x00b"]),
        ("batch/0/devices/0/id_values", ["\udfff"]),
        ("batch/0/devices/0/id_values", ["x" * 4097]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(path: str, value: Any) -> None:
    refusal = refuse(make_body(path, value))

    assert refusal.kind is RefusalKind.INVALID
    assert refusal.field.startswith("push_batch_request.")


@pytest.mark.parametrize(
    ("platform", "name", "value"),
    [
        ("android", "title", 5),
        ("android", "text", "a\x00b"),
        ("android", "icon_background", "#FFF"),
        ("android", "led_color", "white"),
        ("android", "priority", 3),
        ("android", "priority", -3),
        ("android", "priority", "2"),
        ("android", "priority", 1.5),
        ("android", "collapse_key", "a"),
        ("android", "vibration", [0, "a"]),
        ("android", "vibration", "0,500"),
        ("android", "time_to_live", -1),
        ("android", "visibility", "open"),
        ("android", "urgency", "urgent"),
        ("iOS", "badge", "many"),
        ("iOS", "badge", -1),
        ("iOS", "badge", True),
        ("iOS", "badge", "9" * 5000),
        ("iOS", "sound", "loud"),
        ("iOS", "mutable_content", 2),
        ("iOS", "mutable_content", "1"),
        ("iOS", "expiration", "1"),
        ("iOS", "attachments", {}),
        ("iOS", "attachments", ["http://a.example"]),
        ("iOS", "attachments", [{"file_type": "png"}]),
        ("iOS", "attachments", [{"file_url": "http://a.example/\x00"}]),
        ("iOS", "media_attachment", 5),
    ],
)
def test_a_content_field_that_is_wrong_is_named(platform: str, name: str, value: Any) -> None:
    refusal = refuse(make_content(platform, name, value))

    path = f"push_batch_request.batch[0].messages.{platform}.content.{name}"
    assert (refusal.kind, refusal.field) == (RefusalKind.INVALID, path)


@pytest.mark.parametrize("value", [*UNSET, []])
@pytest.mark.parametrize(
    ("platform", "name"), [("android", "priority"), ("android", "vibration"), ("iOS", "sound")]
)
def test_what_a_client_serialises_without_meaning_it_is_not_set(
    platform: str, name: str, value: Any
) -> None:
    push = read(make_content(platform, name, value))

    assert getattr(getattr(push.parts[0].message, platform.lower()), name) is None


@pytest.mark.parametrize(
    ("value", "badge"), [(0, 0), ("0", 0), ("7", 7), (7, 7), (None, None), ("", None)]
)
def test_a_badge_may_be_a_text_and_zero_clears_it(value: Any, badge: int | None) -> None:
    push = read(make_content("iOS", "badge", value))

    assert push.parts[0].message.ios.badge == badge


@pytest.mark.parametrize("value", [*UNSET])
def test_a_client_id_that_is_not_set_is_absent(value: Any) -> None:
    assert read(make_body("client_transfer_id", value)).client_key == ""


def test_a_client_id_of_63_bits_is_kept() -> None:
    assert read(make_body("client_transfer_id", 2**63 - 1)).client_key == str(2**63 - 1)


def test_a_platform_that_is_null_is_not_wanted() -> None:
    message = read(make_body("batch/0/messages/android", None)).parts[0].message

    assert message.android is None
    assert message.ios is not None


def test_the_ios_block_may_be_in_lower_case() -> None:
    messages = GOOD["push_batch_request"]["batch"][0]["messages"]
    body = make_body("batch/0/messages", {"ios": messages["iOS"]})

    assert read(body).parts[0].message.ios == read(GOOD).parts[0].message.ios


@pytest.mark.parametrize("name", ["deeplink", "url"])
@pytest.mark.parametrize("platform", ["android", "iOS"])
def test_a_link_has_either_name_on_either_platform(platform: str, name: str) -> None:
    action = {name: "app://sale", "web_url": "ignored"}

    message = read(make_body(f"batch/0/messages/{platform}/open_action", action)).parts[0].message

    block = message.android if platform == "android" else message.ios
    assert "app://sale" in (getattr(block, "deeplink", None), getattr(block, "url", None))


def test_the_old_name_of_an_attachment_is_understood() -> None:
    push = read(make_content("iOS", "media_attachment", "http://a.example/a.png"))

    assert push.parts[0].message.ios.attachments == (Attachment(file_url="http://a.example/a.png"),)


def test_an_attachment_needs_no_type_and_may_have_unknown_keys() -> None:
    items = [{"file_url": "http://a.example/a", "file_type": None, "hidden": 5}]

    push = read(make_content("iOS", "attachments", items))

    assert push.parts[0].message.ios.attachments == (Attachment(file_url="http://a.example/a"),)


@pytest.mark.parametrize(
    "path",
    [
        "unheard_of",
        "batch/0/unheard_of",
        "batch/0/messages/unheard_of",
        "batch/0/messages/android/unheard_of",
        "batch/0/messages/android/content/unheard_of",
        "batch/0/devices/0/unheard_of",
    ],
)
def test_unknown_fields_are_ignored(path: str) -> None:
    assert read(make_body(path, {"any": ["thing"]})) == read(GOOD)


def test_six_groups_of_devices_are_refused() -> None:
    entry = {"id_type": "google_aid", "id_values": ["a"]}

    refusal = refuse(make_body("batch/0/devices", [entry] * 6))

    assert refusal.field == "push_batch_request.batch[0].devices"


def test_250_000_devices_over_all_items_are_taken_and_one_more_is_not() -> None:
    item = copy.deepcopy(GOOD["push_batch_request"]["batch"][0])
    item["devices"] = [{"id_type": "google_aid", "id_values": ["a"] * 125_000}]
    more = {**item, "devices": [{"id_type": "google_aid", "id_values": ["a"] * 125_001}]}

    push = read(make_body("batch", [item, item]))
    refusal = refuse(make_body("batch", [item, more]))

    assert wire_sends.count_devices(push) == 250_000
    assert (refusal.kind, refusal.field) == (RefusalKind.INVALID, "push_batch_request.batch")


def test_ids_of_a_platform_without_a_message_fail_later() -> None:
    push = read(make_body("batch/0/messages/android", None))

    assert wire_sends.find_faults(push) == (Fault(FaultKind.NO_MESSAGE, "android", "google_aid"),)


def test_a_device_id_of_the_vendor_fits_any_message() -> None:
    devices = [{"id_type": "appmetrica_device_id", "id_values": ["15067795415555148880"]}]
    body = make_body("batch/0/messages/android", None)
    body["push_batch_request"]["batch"][0]["devices"] = devices

    assert wire_sends.find_faults(read(body)) == ()


@pytest.mark.parametrize(
    ("platform", "name"), [("android", "title"), ("android", "text"), ("iOS", "text")]
)
def test_a_visible_push_without_its_text_fails_later(platform: str, name: str) -> None:
    push = read(make_content(platform, name, ""))

    assert wire_sends.find_faults(push) == (Fault(FaultKind.NO_TEXT, platform.lower()),)


def test_a_silent_push_needs_no_text() -> None:
    body = make_body("batch/0/messages/android", {"silent": True})

    assert wire_sends.find_faults(read(body)) == ()


def test_a_fault_is_told_once_however_many_items_have_it() -> None:
    item = make_body("batch/0/messages/android", None)["push_batch_request"]["batch"][0]

    faults = wire_sends.find_faults(read(make_body("batch", [item, item])))

    assert len(faults) == 1


@pytest.mark.parametrize(
    ("key", "written"), [("7", "7"), ("007", "7"), (str(2**63 - 1), str(2**63 - 1))]
)
def test_a_key_that_is_a_number_is_written_as_it_is(key: str, written: str) -> None:
    assert wire_sends.write_client_key(key) == written


@given(st.text(min_size=1))
def test_any_other_key_becomes_a_stable_number_of_63_bits(key: str) -> None:
    number = int(wire_sends.write_client_key(key))

    assert 0 < number < 2**63
    assert number == int(wire_sends.write_client_key(key))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["android", "iOS", "content", "id_type", "x"]), inner)
    ),
    max_leaves=5,
)
paths = st.sampled_from(
    [
        "group_id",
        "tag",
        "client_transfer_id",
        "batch",
        "batch/0",
        "batch/0/messages",
        "batch/0/messages/android",
        "batch/0/messages/android/content",
        "batch/0/messages/android/content/vibration",
        "batch/0/messages/iOS/content/badge",
        "batch/0/messages/iOS/content/attachments",
        "batch/0/messages/iOS/open_action",
        "batch/0/devices",
        "batch/0/devices/0",
        "batch/0/devices/0/id_values",
    ]
)


@given(paths, json_values)
def test_whatever_stands_anywhere_is_taken_or_refused(path: str, value: Any) -> None:
    with suppress(Refusal):
        assert wire_sends.write_send(read(make_body(path, value)))
