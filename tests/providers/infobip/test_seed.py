"""The samples of the vendor's guide: our door reads each, and what was read writes it again."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from providers.audience import And, Condition, Op, Or
from providers.commands import PushPart, SendPush
from providers.inbound import Call
from providers.message import Attachment
from providers.recipients import Audience, PersonKind, Targets
from providers.scenarios import SaveScenario, Step
from providers.vendors.infobip import wire_omni, wire_scenarios, wire_sends
from tests.fixtures.infobip import (
    CHECKSUM,
    DOCUMENT,
    FRAGMENTS,
    NAMES,
    SUBSTITUTIONS,
    World,
    list_blocks,
    read_examples,
)

EXAMPLES = read_examples()
IOS = Condition("device.platform", Op.EQ, "ios")

# What is written otherwise than it was read, by sample; nothing else may differ.
NORMALISED = {
    # An attribute that stands in both lists is an alternative, so it is written as one.
    "and_or": {
        "$and": [{"platform": "iOS"}],
        "$or": [{"DeviceType": "personal"}, {"DeviceType": "business"}],
        "type": "MULTIPLE",
    },
}


def read_part(name: str) -> PushPart:
    return read_push(name).parts[0]


def read_push(name: str) -> SendPush:
    (push,) = wire_sends.read_send(Call(body=EXAMPLES[name])).pushes
    return push


def list_keys(body: Any) -> Any:
    """A body without what a caller did not say: his bulk's id is ours then."""
    return {key: value for key, value in body.items() if key not in ("options", "bulkId")}


def test_the_document_is_unchanged() -> None:
    assert sha256(DOCUMENT.read_bytes()).hexdigest() == CHECKSUM


def test_only_the_listed_places_differ_from_the_document() -> None:
    blocks = list_blocks(DOCUMENT.read_text(encoding="utf-8"))

    assert len(blocks) == len(NAMES)
    assert sum(item.count for item in SUBSTITUTIONS) == 4
    assert EXAMPLES["failover"]["sms"] == {"text": "This is the SMS failover message"}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_what_was_read_is_written_as_it_was(name: str) -> None:
    example = EXAMPLES[name]
    command = wire_sends.read_send(Call(body=example))

    written = list_keys(wire_sends.write_send(command))

    expected = dict(example["messages"][0])
    if name in NORMALISED:
        expected["destinations"] = [NORMALISED[name]]
    assert written == {"messages": [expected]}


def test_a_registration_is_a_device() -> None:
    assert read_part("registration").targets == (
        Targets("push_registration_id", ("DBE0B0B6-668E-491E-8EE8-2A3DB2C71CBE",)),
    )


def test_an_external_user_id_is_a_person() -> None:
    part = read_part("external_user_id")

    assert part.targets == (Targets(PersonKind.EXTERNAL_USER_ID, ("customer_21234",)),)
    assert part.only_primary is False


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        (
            "or_persons",
            Or(
                (
                    Condition("person.external_user_id", Op.EQ, "customer_21234"),
                    Condition("person.external_user_id", Op.EQ, "customer_21235"),
                )
            ),
        ),
        ("or_platform", Or((IOS,))),
        ("and_phone", And((IOS, Condition("person.phone", Op.EQ, "441134960001")))),
        (
            "and_or",
            And(
                (
                    IOS,
                    Or(
                        (
                            Condition("device.custom.DeviceType", Op.EQ, "personal"),
                            Condition("device.custom.DeviceType", Op.EQ, "business"),
                        )
                    ),
                )
            ),
        ),
    ],
)
def test_a_query_is_an_expression(name: str, expression: Any) -> None:
    assert read_part(name).audience == Audience(expression=expression)


def test_the_scenario_is_read_and_written_as_it_was() -> None:
    world, example = World(), EXAMPLES["scenario"]

    command = wire_scenarios.read_create(Call(body=example))

    assert command == SaveScenario(
        steps=(Step("push", world.sender), Step("sms", world.sms_sender)),
        name="push + SMS scenario",
        is_default=True,
    )
    assert wire_scenarios.write_save(command) == example


def test_the_failover_send_is_read_and_written_as_it_was() -> None:
    world, example = World(), EXAMPLES["failover"]

    command = wire_omni.read_send(Call(body=example))

    (part,) = command.push.parts
    assert command.scenario == world.scenario
    assert part.targets == (Targets(PersonKind.PHONE, (world.phone,)),)
    assert command.addresses == ({"sms": world.phone},)
    assert (part.only_primary, part.message.title) == (True, "This is some title")
    assert (part.message.ios.badge, part.message.ios.category) == (1, "mm_accept_decline")
    assert part.message.ios.attachments == (
        Attachment(file_url="http://www.mydomain.com/images/image1.jpg"),
    )
    assert (part.message.android.deeplink, part.message.in_app.style) == (
        "myApp://some/link",
        "modal",
    )
    assert command.texts["sms"].text == "This is the SMS failover message"
    assert list_keys(wire_omni.write_send(command)) == example
