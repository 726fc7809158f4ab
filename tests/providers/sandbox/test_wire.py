"""The sandbox's JSON as docs/vendors/sandbox.md describes it."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from providers import registry
from providers.commands import Accepted
from providers.message import AndroidContent
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason, Receipt, Refusal, Result
from providers.receipts import ReceiptKind
from providers.simulator import Behaviour
from providers.vendors.sandbox import wire
from providers.vendors.sandbox.outbound import Sandbox

DIALECT = registry.get("sandbox")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "vendors" / "sandbox.md"
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.S)]
GOOD = EXAMPLES[0]


def change(**values: object) -> dict[str, object]:
    return {**GOOD, **values}


def change_push(**values: object) -> dict[str, object]:
    return {**GOOD, "pushes": [{**GOOD["pushes"][0], **values}]}


def change_targets(**values: object) -> dict[str, object]:
    targets = GOOD["pushes"][0]["recipients"][0]
    return change_push(recipients=[{**targets, **values}])


def test_the_pages_example_of_a_send_is_read():
    push = wire.read_send(GOOD)

    [part] = push.parts
    assert (push.client_key, push.tag, push.expires_in) == ("17-4", "news", 3600)
    assert part.message.android == AndroidContent(priority=1)
    assert part.targets[0].values == ("t1", "t2")
    assert part.targets[0].references == ("1.a.1.x", "1.a.2.y")
    assert json.loads(json.dumps(wire.write_send(push))) == GOOD


def test_the_pages_example_of_an_answer_is_read_and_written():
    words = "The token is not registered."
    result = Result(1, Outcome.FAILED, Reason.TOKEN, words)

    receipt = wire.read_sent(EXAMPLES[1], 2)

    assert receipt == Receipt(
        "9", Outcome.ACCEPTED, (result,), raw={"transfer": "9", "exceptions": 1}
    )
    assert wire.write_sent(Accepted("9", "", (result,), 1)).body == EXAMPLES[1]


def test_the_pages_example_of_receipts_is_read_and_written():
    page = wire.read_receipts(EXAMPLES[2])

    assert page.events[0].kind is ReceiptKind.DELIVERED
    assert wire.write_receipts(page).body == EXAMPLES[2]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "the body"),
        (None, "the body"),
        ({}, "pushes"),
        (change(pushes=[]), "pushes"),
        (change(pushes={}), "pushes"),
        (change(pushes=["x"]), "pushes[0]"),
        (change(tag=5), "tag"),
        (change(idempotency_key=["k"]), "idempotency_key"),
        (change(expires_in="3600"), "expires_in"),
        (change(expires_in=True), "expires_in"),
        (change(expires_in=-1), "expires_in"),
        (change_push(message=None), "pushes[0].message"),
        (change_push(message={"titel": "Hi"}), "pushes[0].message.titel"),
        (change_push(message={"android": {"priority": 9}}), "pushes[0].message.android.priority"),
        (change_push(recipients=[]), "pushes[0].recipients"),
        (change_targets(ids=[]), "pushes[0].recipients[0].ids"),
        (change_targets(ids=["a", 5]), "pushes[0].recipients[0].ids"),
        (change_targets(ids="ab"), "pushes[0].recipients[0].ids"),
        (change_targets(references=["a"]), "pushes[0].recipients[0]"),
        (change_targets(kind=None, ids=[None]), "pushes[0].recipients[0].ids"),
    ],
)
def test_a_malformed_send_is_refused_with_the_fields_name(body, field):
    with pytest.raises(Refusal) as caught:
        wire.read_send(body)

    assert field in caught.value.message


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "x", "٣", "9" * 5000, ""])
def test_a_page_has_a_bounded_length(limit):
    with pytest.raises(Refusal):
        wire.read_receipts_query({"limit": limit})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"transfer": 9},
        {"transfer": ""},
        {"transfer": "9", "exceptions": [5]},
        {"transfer": "9", "exceptions": [{"index": 0}]},
        {"transfer": "9", "exceptions": [{"index": 0, "outcome": "maybe"}]},
        {"transfer": "9", "exceptions": [{"index": "0", "outcome": "failed"}]},
        {"transfer": "9", "exceptions": [{"index": True, "outcome": "failed"}]},
        {"transfer": "9", "exceptions": [{"index": -1, "outcome": "failed"}]},
        {"transfer": "9", "exceptions": [{"index": 2, "outcome": "failed"}]},
        {"transfer": "9", "exceptions": [{"index": 0, "outcome": "failed"}] * 2},
        {"transfer": "9", "exceptions": [{"index": 0, "outcome": "failed", "retry_after": "1"}]},
        {
            "transfer": "9",
            "exceptions": [{"index": 0, "outcome": "failed", "retry_after": float("nan")}],
        },
        {"transfer": "9", "accepted": 2, "exceptions": [{"index": 0, "outcome": "failed"}]},
        {"transfer": "9", "accepted": 1},
        {"transfer": "9", "accepted": None},
    ],
)
def test_an_answer_of_another_form_raises_what_the_caller_expects(body):
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        wire.read_sent(body, 2)


def test_a_key_used_for_another_body_is_our_own_mistake():
    failure = wire.read_error(409, {"error": {"message": "used"}})

    assert (failure.reason, failure.was_sent) == (Reason.OURS, True)


def test_every_option_of_an_account_is_one_of_the_simulators():
    known = {field.name for field in fields(Behaviour)}

    assert {spec.name for spec in DIALECT.account_options} <= known


def test_options_travel_in_a_header_and_unset_ones_do_not():
    account = AccountConfig(
        public_id="a", credentials={}, options={"decay_percent": 2, "latency_ms": None}
    )

    assert Sandbox(account).headers["X-Simulate"] == '{"decay_percent": 2}'


def test_without_a_sandbox_nothing_is_sent(settings):
    settings.SANDBOX_URL = ""
    client = Sandbox(AccountConfig(public_id="a", credentials={"api_key": "k"}))

    with pytest.raises(Failure) as caught:
        client.check()

    assert (caught.value.reason, caught.value.was_sent) == (Reason.CREDENTIAL, False)
