"""The vendor's page "Group Push API": our door reads its call and writes its answers, our client
sends the call and reads the answers."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from providers import registry
from providers.commands import Accepted, AcceptedMany
from providers.inbound import Call, Route
from providers.message import PushMessage, WebContent
from providers.outcomes import Reason, Refusal, RefusalKind
from providers.recipients import Audience
from providers.vendors.engagelab import wire, wire_errors, wire_groups, wire_sends
from tests.fixtures.engagelab import (
    CHECKSUM,
    PAGE,
    SHOWN,
    SUBSTITUTIONS,
    World,
    list_blocks,
    read_blocks,
    read_example,
)

EXAMPLE = read_example()
[ROUTE] = [route for route in registry.get("engagelab").routes if route.path == "v4/grouppush"]
IDS = ("0c3de43c6a6b68c9f4261b06", "35c424abde12f475566ca8af", "8f02a4fa717a6235734d92de")


def make_call(**headers: str) -> Call:
    return Call(EXAMPLE.body, {}, {}, {**EXAMPLE.headers, **headers})


def test_the_page_is_unchanged() -> None:
    assert sha256(PAGE.read_bytes()).hexdigest() == CHECKSUM


def test_only_the_listed_places_differ_from_the_page() -> None:
    marks = World(**{name: f"\x01{name}\x02" for name in SHOWN})
    text = "\x00".join(read_blocks(marks))

    for item in SUBSTITUTIONS:
        new = item.new
        for name in SHOWN:
            new = new.replace(f"${name}", getattr(marks, name))
        text = text.replace(new.replace("$authorization", marks.authorization), item.old)

    assert text == "\x00".join(list_blocks(PAGE.read_text(encoding="utf-8"))[1::2])


def test_the_page_says_the_same_in_one_line_and_set_out() -> None:
    blocks = list_blocks(PAGE.read_text(encoding="utf-8"))

    assert blocks
    for one_line, set_out in zip(blocks[::2], blocks[1::2], strict=True):
        assert "".join(one_line.split()) == "".join(set_out.split())


def test_the_call_shows_the_key_that_curl_says_to_have_sent() -> None:
    assert EXAMPLE.shown == EXAMPLE.headers["authorization"]


@pytest.mark.parametrize("prefix", ["", "group-"])
def test_the_call_is_read_field_by_field(prefix: str) -> None:
    world = World()
    shown = wire.write_basic(prefix + world.group_key, world.group_secret)

    push = ROUTE.read(make_call(authorization=shown))
    credentials = wire.read_authorization(make_call(authorization=shown))

    [part] = push.parts
    assert (push.app_group, push.client_key, push.tag) == (world.group_key, "", "")
    assert (credentials.key, credentials.secret) == (world.group_key, world.group_secret)
    assert credentials.is_group is bool(prefix)
    assert part.targets == ()
    assert isinstance(part.audience, Audience)
    assert replace(part.message, extras={}) == PushMessage(
        web=WebContent(
            title="web_push",
            body="Hi,MTPush !",
            url="http://www.google.com",
            extras={"web-key1": "web-value1"},
        )
    )


def test_the_call_is_written_as_it_stands() -> None:
    push = ROUTE.read(make_call())

    assert wire_sends.write_push(push) == EXAMPLE.body


def test_the_success_is_written_and_read_as_it_stands() -> None:
    answer = AcceptedMany(
        entries=(Accepted("2460001"),) * 3, reference="cbou2uum98lps87rtic0", names=IDS
    )

    reply = ROUTE.write(answer, make_call())

    assert (reply.status, reply.body) == (200, EXAMPLE.success)
    assert list(reply.body) == list(EXAMPLE.success)
    assert wire_groups.read_group_accepted(EXAMPLE.success) == answer


def test_the_failure_is_written_and_read_as_it_stands() -> None:
    refusal = Refusal(RefusalKind.UNAUTHENTICATED, "The key is unknown, expired or revoked.")

    reply = find_shape(ROUTE)(refusal)
    failure = wire_errors.read_error(401, EXAMPLE.failure)

    assert (reply.status, reply.body) == (401, EXAMPLE.failure)
    assert (failure.reason, failure.is_permanent) == (Reason.CREDENTIAL, True)
    assert failure.message == "21037: group_key is not a 24 size string or does not exist"


def find_shape(route: Route):
    return route.write_refusal or registry.get("engagelab").write_refusal
