"""What the dialect says of itself is what its wire and client do."""

from __future__ import annotations

import pytest

from providers.contract import Addressing, Fate, Idempotency
from providers.inbound import DoorApp
from providers.message import AndroidContent, Attachment, IosContent, PushMessage, WebContent
from providers.vendors.pushexpress import DIALECT, wire_devices, wire_pushes

CODE = "0123456789abcdef0123456789abcdef"
BLOCKS = {
    "android": AndroidContent(banner="B", image="I", deeplink="L"),
    "ios": IosContent(attachments=(Attachment(file_url="B"),), url="L"),
    "web": WebContent(image="B", icon="I", url="L"),
}


def test_a_lost_answer_is_never_followed_by_another_try() -> None:
    assert (DIALECT.idempotency, DIALECT.blind_resend) == (Idempotency.NONE, False)


def test_nothing_is_reported_cancelled_or_grouped() -> None:
    flags = ("can_report", "can_cancel", "has_groups", "has_labels", "has_receipts")

    assert not any(getattr(DIALECT, flag) for flag in flags)


def test_recipients_are_chosen_by_the_vendor_only() -> None:
    assert DIALECT.limits.addressing == {Addressing.FILTER, Addressing.EVERYONE}


def test_only_what_devices_call_is_open() -> None:
    is_open = {route.path: route.is_open for route in DIALECT.routes}

    assert {path for path, value in is_open.items() if value} == {
        path for path in is_open if path.startswith("api/r/")
    }


def test_an_app_on_a_device_names_its_app_by_what_nobody_can_guess() -> None:
    names = DIALECT.door_identifiers(DoorApp(id=7, slug="a", workspace="w", code=CODE))

    assert names == {"app_id": 7, "pushexpress_id": CODE}
    assert wire_devices.SDK_ID.fullmatch(CODE)
    assert not wire_devices.SDK_ID.fullmatch("7")


@pytest.mark.parametrize("platform", list(BLOCKS))
def test_every_field_that_is_carried_is_written_under_the_name_that_is_told(platform: str) -> None:
    message = PushMessage(title="T", body="W", **{platform: BLOCKS[platform]})

    [item] = wire_pushes.write_push(message, "en")["translations"]

    written = {"image": "B", "icon": "I", "link": "L"}
    told = {
        DIALECT.carries[path].name
        for path in DIALECT.carries
        if path.startswith(f"{platform}.") and DIALECT.carries[path].name in written
    } | {"image" for path in DIALECT.carries if path == f"{platform}.attachments"}
    assert {name: item[name] for name in written if name in item} == {
        name: written[name] for name in told
    }


def test_what_the_vendor_has_no_word_for_is_not_carried() -> None:
    lost = {"android.sound", "ios.badge", "android.time_to_live", "android.silent", "web.extras"}

    assert not lost & set(DIALECT.carries)
    assert {carry.fate for carry in DIALECT.carries.values()} == {
        Fate.CARRIED, Fate.RENAMED, Fate.TRUNCATED,
    }  # fmt: skip
