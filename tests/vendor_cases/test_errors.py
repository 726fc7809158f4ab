"""What a vendor's recorded answers mean to us.

`tests/fixtures/<key>/errors.json` holds answers as the vendor's pages or clients show them, each
with what it must be taken for: `ok`, `retry`, `throttle`, `permanent-recipient` (nobody else is
affected), `permanent-config` (a person has to look) or `unknown` (perhaps it was sent).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.commands import SendPush
from providers.contract import Dialect
from providers.outbound import DeviceAnswer
from providers.outcomes import Failure, Outcome, Reason, Receipt, Result
from tests.providers.conftest import open_vendor, session, write_answer
from tests.vendor_cases.accounts import FIXTURES, OUTBOUND, load_own_data, make_account
from tests.vendor_cases.strategies import make_push

__all__ = ["open_vendor", "session"]

CONFIG = {Reason.PAYLOAD, Reason.CREDENTIAL}
FATES = {
    Outcome.ACCEPTED: "ok",
    Outcome.DELIVERED: "ok",
    Outcome.UNKNOWN: "unknown",
    Outcome.EXPIRED: "permanent-recipient",
}


def load_cases(dialect: Dialect) -> list[dict[str, Any]]:
    return json.loads((FIXTURES / dialect.key / "errors.json").read_text())


CASES = [
    pytest.param(dialect, case, id=f"{dialect.key}: {case['case']}")
    for dialect in OUTBOUND
    for case in load_cases(dialect)
]


def classify(answer: Receipt | Failure) -> str:
    if isinstance(answer, Receipt):
        return classify_result(answer.results[0]) if answer.results else FATES[answer.outcome]
    if answer.was_sent is None:
        return "unknown"
    return classify_fault(answer.reason, is_final=answer.is_permanent)


def classify_result(result: Result) -> str:
    known = FATES.get(result.outcome)
    return known or classify_fault(result.reason, is_final=result.retry_after is None)


def classify_fault(reason: Reason | None, *, is_final: bool) -> str:
    if reason in CONFIG:
        return "permanent-config"
    if reason is Reason.OURS:
        return "unknown"  # our key was taken before, so perhaps an earlier call of ours was too
    if is_final:
        return "permanent-recipient"
    return "throttle" if reason is Reason.THROTTLED else "retry"


def ask(dialect: Dialect, vendor: Any) -> Receipt | Failure:
    account = make_account(dialect, vendor.url)
    client = dialect.connect(account)
    try:
        return client.send(client.write(make_push(dialect, group="5")))
    except Failure as failure:
        return failure


def judge(dialect: Dialect, status: int, content: bytes, headers: dict[str, str]) -> Receipt:
    """What a gateway's client, which itself calls nobody, makes of an answer for one device."""
    client = dialect.connect(make_account(dialect, "https://gateway.example"))
    lower = {name.lower(): value for name, value in headers.items()}
    push = name_recipient(dialect, make_push(dialect))
    result = client.write_calls(push).read(DeviceAnswer(0, status, lower, content))
    if result.reason is Reason.VENDOR and result.retry_after is None:
        # Whom a gateway fails is called again although it has not said when.
        result = replace(result, retry_after=0.0)
    return Receipt("", result.outcome, (result,))


def name_recipient(dialect: Dialect, push: SendPush) -> SendPush:
    """The same push to the vendor's own `recipient`, where a token must have a certain form."""
    token = load_own_data(dialect).get("recipient")
    [part] = push.parts
    targets = replace(part.targets[0], values=(token,)) if token else part.targets[0]
    return replace(push, parts=(replace(part, targets=(targets,)),))


@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_a_recorded_answer_is_taken_for_what_it_is(dialect, case, open_vendor, settings):
    body, headers = case["body"], case.get("headers", {})
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    if dialect.fans_out:
        answer = judge(dialect, case["status"], content, headers)
    else:
        vendor = open_vendor(write_answer(case["status"], content, **headers))
        settings.SANDBOX_URL = vendor.url
        answer = ask(dialect, vendor)

    assert classify(answer) == case["means"]


@pytest.mark.parametrize("dialect", OUTBOUND, ids=lambda dialect: dialect.key)
def test_every_kind_of_answer_is_recorded(dialect):
    meanings = {case["means"] for case in load_cases(dialect)}
    # Where each device has a service of its own, being too fast there is no matter of the account.
    alone = load_own_data(dialect).get("throttles_alone", False)

    assert meanings >= {"ok", "permanent-config", "retry" if alone else "throttle", "unknown"}


def test_enough_is_recorded_to_trust_it():
    assert len(CASES) >= 30
