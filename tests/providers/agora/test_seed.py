"""The vendor's own examples: our routes read each call and write each answer."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from providers import registry
from providers.commands import Accepted, PushPart, SendPush
from providers.inbound import Call
from providers.message import IosContent, PushMessage
from providers.outcomes import Outcome, Result
from providers.recipients import Audience, PersonKind, Targets
from providers.routing import find_route
from providers.vendors.agora import wire, wire_sends
from tests.fixtures.agora import (
    CALLS,
    CHECKSUM,
    PAGE,
    World,
    list_blocks,
    read_answers,
    read_blocks,
    read_examples,
)

EXAMPLES, ANSWERS = read_examples(), read_answers()
ROUTES = registry.get("agora").routes


def make_call(name: str) -> Call:
    example = EXAMPLES[name]
    _route, pieces = find_route(ROUTES, example.method, example.path)
    return Call(body=example.body, path=pieces, headers=example.headers)


def read(name: str) -> SendPush:
    example = EXAMPLES[name]
    route, _pieces = find_route(ROUTES, example.method, example.path)
    command = route.read(make_call(name))
    assert isinstance(command, SendPush)
    return command


def normalise_call(body: dict[str, Any]) -> dict[str, Any]:
    """What may differ when a call is written again: one spelling of the subtitle."""
    message = dict(body["pushMessage"])
    if "sub_title" in message:
        message["subTitle"] = message.pop("sub_title")
    return {**body, "pushMessage": message}


def normalise_answer(body: dict[str, Any]) -> dict[str, Any]:
    """What may differ when an answer is written again: the time, how long it took, and the raw
    answer of a push service, which is not passed on."""
    data = body["data"]
    if isinstance(data, list):
        data = [{key: value for key, value in entry.items() if key != "data"} for entry in data]
    return {"timestamp": 0, "data": data, "duration": 0}


def test_the_document_is_unchanged() -> None:
    assert sha256(PAGE.read_bytes()).hexdigest() == CHECKSUM


def test_only_the_listed_places_differ_from_the_document() -> None:
    marks = World(
        base="\x01b", org="\x01o", app="\x01a", token="\x01t", quote="\x01q", shown="\x01s"
    )
    text = "\x00".join(read_blocks(marks).values())

    originals = ("http://XXXX/XXXX/XXXX", "<YourAppToken>", '"', "")
    for mark, original in zip(
        ("\x01b/\x01o/\x01a", "\x01t", "\x01q", "\x01s"), originals, strict=True
    ):
        text = text.replace(mark, original)

    assert text == "\x00".join(list_blocks(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", CALLS)
def test_every_call_shows_a_token_that_is_understood(name: str) -> None:
    assert wire.read_authorization(make_call(name)).key == World().token


@pytest.mark.parametrize("name", CALLS)
def test_every_call_names_its_app(name: str) -> None:
    assert read(name).app == "acme#shop"


def test_the_call_for_one_user_is_read_field_by_field() -> None:
    message = PushMessage(
        title="Agora push",
        body="Hello and welcome",
        ios=IosContent(subtitle="Agora"),
        channel="own_first",
    )
    targets = (Targets(PersonKind.EXTERNAL_USER_ID, ("test1",)),)

    push = read("sync")

    assert push.parts == (PushPart(message, targets),)
    assert (push.wait, push.kind) == (20.0, "")


def test_the_call_for_users_keeps_a_block_of_a_push_service() -> None:
    push = read("single")

    (part,) = push.parts
    assert part.targets == (Targets(PersonKind.EXTERNAL_USER_ID, ("test2",)),)
    assert part.message.extras == {"agora": {"vivo": {}}}
    assert (part.message.channel, push.wait) == ("", 0.0)


def test_the_call_for_a_label_is_a_task_for_who_carries_it() -> None:
    push = read("label")

    (part,) = push.parts
    assert (part.targets, part.audience) == ((), Audience(labels=("post-90s",)))
    assert (part.message.channel, push.kind, push.due_at) == ("vendor", "task", None)


def test_the_call_for_everyone_is_a_task_for_everyone() -> None:
    push = read("task")

    (part,) = push.parts
    assert (part.targets, part.audience, push.kind) == ((), Audience(), "task")
    assert (part.message.title, part.message.body) == ("Hello1234", "Hello")


WRITERS = {
    "sync": wire_sends.write_sync,
    "single": wire_sends.write_single,
    "label": wire_sends.write_labels,
    "task": wire_sends.write_task,
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_written_as_it_stands(name: str) -> None:
    assert WRITERS[name](read(name)) == normalise_call(EXAMPLES[name].body)


def rewrite_sync(data: Any) -> Any:
    receipt = wire_sends.read_synced(data, {})
    results = receipt.results or (Result(0, receipt.outcome),)
    return wire_sends.write_synced(Accepted("9", results=results))


def rewrite_single(data: Any) -> Any:
    assert wire_sends.read_taken(data, {}, ["test2"]).results == ()
    return wire_sends.write_taken(Accepted("9"), ["test2"], has_waited=False)


def rewrite_label(data: Any) -> Any:
    return wire_sends.write_label_task(wire_sends.read_label_task(data))


def rewrite_task(data: Any) -> Any:
    return wire_sends.write_whole_task(wire_sends.read_whole_task(data))


@pytest.mark.parametrize(
    ("name", "rewrite"),
    [
        ("sync.sent", rewrite_sync),
        ("sync.unbound", rewrite_sync),
        ("sync.unknown", rewrite_sync),
        ("single.taken", rewrite_single),
        ("label.task", rewrite_label),
        ("task.task", rewrite_task),
    ],
)
def test_every_answer_is_written_as_it_stands(name: str, rewrite: Any) -> None:
    answer = ANSWERS[name]

    data = rewrite(wire.read_envelope(answer))

    assert wire.write_envelope(data, 0) == normalise_answer(answer)


def test_an_answer_to_one_user_may_be_an_object_as_the_table_says() -> None:
    (entry,) = ANSWERS["sync.unbound"]["data"]

    assert wire_sends.read_synced(entry, {}) == wire_sends.read_synced([entry], {})


def test_a_sent_answer_is_accepted() -> None:
    receipt = wire_sends.read_synced(ANSWERS["sync.sent"]["data"], {})

    assert (receipt.outcome, receipt.results) == (Outcome.ACCEPTED, ())
