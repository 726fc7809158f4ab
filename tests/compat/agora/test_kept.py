"""Messages that a script keeps with us, and sends to everyone later."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Transfer
from tests import builders
from tests.compat.agora.conftest import MESSAGE, NOW, Clock, Script, read_data, read_error
from tests.compat.conftest import make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
KEPT = {**MESSAGE, "sub_title": "Sub", "vivo": {"pushMode": 1}}


@pytest.fixture
def number(script: Script, clock: Clock) -> int:
    kept = read_data(script.call("POST", "push/message", KEPT))
    clock.move(2)
    return kept


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_message_is_shown_as_it_was_kept(script: Script, number: int, method: str) -> None:
    shown = read_data(script.call(method, f"push/message/{number}"))

    moment = round(NOW.timestamp() * 1000)
    assert shown == {**KEPT, "appkey": "acme#shop", "timestamp": moment}


def test_a_kept_message_is_sent_to_everyone(script: Script, people: Any, number: int) -> None:
    body = {"pushMsgId": number, "strategy": 3}

    task = read_data(script.call("POST", "push/task/broadcast", body))

    transfer = Transfer.objects.get(pk=task)
    message = transfer.parts.get().message.read()
    assert (message.title, message.ios.subtitle, message.channel) == ("Hello", "Sub", "own_first")
    assert message.extras == {"agora": {"vivo": {"pushMode": 1}}}
    assert transfer.parts.get().audience is not None


def test_a_broadcast_counts_among_the_three_tasks(
    script: Script, people: Any, number: int, clock: Clock
) -> None:
    for _call in range(3):
        read_data(script.call("POST", "push/task/broadcast", {"pushMsgId": number}))
        clock.move(2)

    refused = script.call("POST", "push/task/broadcast", {"pushMsgId": number})

    assert read_error(refused) == (403, "LimitException", "limit request")


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("push/message", {"title": "a" * 33}, (400, "MessageException")),
        ("push/message", [1], (400, "json_parse")),
        ("push/message/999", None, (404, "service_resource_not_found")),
        ("push/message/x", None, (404, "service_resource_not_found")),
        ("push/task/broadcast", {"pushMsgId": 999}, (404, "service_resource_not_found")),
        ("push/task/broadcast", {}, (400, "IllegalArgumentException")),
        ("push/task/broadcast", {"pushMsgId": 1, "strategy": 9}, (400, "IllegalArgumentException")),
    ],
)
def test_what_cannot_be_kept_or_is_not_there_is_refused(
    script: Script, path: str, body: Any, refused: Any
) -> None:
    assert read_error(script.call("POST", path, body))[:2] == refused
    assert not Transfer.objects.exists()


def test_a_message_of_somebody_else_is_not_there(script: Script, number: int) -> None:
    other = builders.make_app(builders.make_workspace("others"), "shop")
    script.text, script.base = make_key(other)[1], "others/shop"

    refused = script.call("GET", f"push/message/{number}")

    assert read_error(refused)[:2] == (404, "service_resource_not_found")


def test_one_call_about_kept_messages_a_second(script: Script) -> None:
    read_data(script.call("POST", "push/message", KEPT))

    assert read_error(script.call("POST", "push/message", KEPT))[:2] == (429, "reach_limit")
