"""What vendors tell at a hook, and what anybody else tells there."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from campaigns.dispatch import books, events, folds
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Cohort,
    Correction,
    Delivery,
    Device,
    DeviceIdentifier,
    Message,
    Part,
    ReceiptRow,
    Transfer,
    WaitingEvent,
)
from campaigns.models.audience import hash64
from campaigns.models.packing import pack_cohorts, pack_ids
from providers import registry, vault
from providers.inbound import Call, Hook, Reply
from providers.outbound import AccountConfig
from providers.outcomes import Outcome, Reason, Refusal, RefusalKind
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from tests import builders
from tests.compat.small import make_dialect

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KINDS = [kind.value for kind in ReceiptKind]


def read_rows(call: Call) -> tuple[Any, ...]:
    if not isinstance(call.body, list):
        raise Refusal(RefusalKind.INVALID, "No list.")
    return tuple(read_row(row) for row in call.body)


def read_row(row: Any) -> ReceiptEvent | OutcomeEvent:
    try:
        what, values = row.pop("what"), {name: str(value) for name, value in row.items()}
        if what in KINDS:
            return ReceiptEvent(values.pop("reference", ""), ReceiptKind(what), NOW, **values)
        reason = Reason(values.pop("reason")) if "reason" in values else None
        return OutcomeEvent(outcome=Outcome(what), at=NOW, reason=reason, **values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refusal(RefusalKind.INVALID, "No event.") from error


def verify(call: Call, account: AccountConfig) -> bool:
    return hmac.compare_digest(
        call.headers.get("x-secret", "").encode(), account.credentials["secret"].encode()
    )


def echo(call: Call) -> Reply | None:
    text = call.body.get("echo") if isinstance(call.body, dict) else None
    return Reply(200, str(text)[:8], "text/plain") if text else None


HOOK = Hook(
    method="POST", path="events/{version}", read=read_rows, verify=verify, echo=echo,
    answer=Reply(200, {"ok": True}), max_bytes=5_000,
)  # fmt: skip
SMALL = make_dialect(hooks=(HOOK,))


@pytest.fixture(autouse=True)
def _spoken(monkeypatch):
    monkeypatch.setitem(registry._load_dialects(), SMALL.key, SMALL)


@pytest.fixture
def account(workspace) -> Account:
    return Account.objects.create(
        workspace=workspace, name="Small", dialect="small",
        credentials=vault.encrypt({"secret": "s3cret"}),
    )  # fmt: skip


@pytest.fixture
def part(app, account) -> Part:
    """Four devices in one call; two outcomes are known, one is not, one is still owed."""
    return make_part(app, account, {"sent": 2, "unknown": 1}, owed=1)


def make_part(app, account, outcomes: dict[str, int], owed: int = 0) -> Part:
    total = sum(outcomes.values()) + owed
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sending", status_since=NOW, due_at=NOW,
        created_at=NOW, frozen_at=NOW, audience=total,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message, audience=total)
    cohort, _is_new = Cohort.objects.get_or_create(app=app, platform="android")
    names = [f"{app.slug}{part.pk}-{number}" for number in range(total)]
    devices = [builders.make_device(app, name).pk for name in names]
    batch = Batch.objects.create(
        part=part, transfer=transfer, app=app, platform="android", count=total,
        recipients=pack_ids(devices), cohorts=pack_cohorts([cohort.pk] * total), due_at=NOW,
        settled=total - owed, state="ready" if owed else "done",
    )  # fmt: skip
    attempt = Attempt.objects.create(
        batch=batch,
        account=account,
        key="k",
        last=total - 1,
        started_at=NOW,
        answered_at=NOW,
        was_sent=True,
        outcome="accepted",
        reference="call-1",
    )
    page = books.Page(
        part_id=part.pk, platform="android", at=NOW, account_id=account.pk, attempt_id=attempt.pk
    )
    rest = list(devices)
    for outcome, count in outcomes.items():
        members = [(rest.pop(0), cohort.pk) for _number in range(count)]
        books.append_deliveries(page, books.Verdict(outcome), members)
    return part


def list_devices(part: Part) -> list[Device]:
    return list(Device.objects.filter(token__startswith=f"shop{part.pk}-").order_by("pk"))


def name(part: Part, place: int) -> str:
    return write_receipt_token(part.pk, list_devices(part)[place].pk)


def tell(client, account, *rows: dict[str, Any], secret: str = "s3cret", path: str = "events/1"):
    return client.post(
        f"/hooks/{account.public_id}/{path}", json.dumps(rows), content_type="text/plain",
        headers={"X-Secret": secret},
    )  # fmt: skip


def find_outcomes(part: Part) -> list[str]:
    rows = Delivery.objects.filter(part_id=part.pk).order_by("recipient")
    return list(rows.values_list("outcome", flat=True))


def test_a_later_word_of_the_vendor_corrects_the_books(client, account, part):
    answer = tell(
        client, account,
        {"what": "failed", "reference": name(part, 0), "reason": "token", "message": "Gone."},
        {"what": "expired", "reference": name(part, 1)},
        {"what": "accepted", "reference": name(part, 2)},
    )  # fmt: skip

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert find_outcomes(part) == ["failed", "expired", "sent"]
    correction = Correction.objects.get(old="sent", new="failed")
    assert (correction.evidence, correction.actor, correction.reason) == (
        "Gone.",
        "vendor",
        "token",
    )
    assert list_devices(part)[0].token_state == Device.TokenState.DISABLED
    assert check_books().faults == []


def test_what_was_delivered_was_sent_and_is_kept_beside_the_books(client, account, part):
    for _time in range(2):
        tell(client, account, {"what": "delivered", "reference": name(part, 2)})

    assert find_outcomes(part)[2] == "sent"
    assert ReceiptRow.objects.get().kind == "delivered"
    assert check_books().faults == []


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-12:00"])
def test_what_comes_at_no_moment_that_can_be_kept_has_come_now(account, part, text):
    event = ReceiptEvent(name(part, 0), ReceiptKind.SHOWN, datetime.fromisoformat(text))

    events.keep_events([event], account, NOW)

    assert ReceiptRow.objects.get().at == NOW


def test_an_outcome_of_delivered_is_a_receipt_too(account, part):
    event = OutcomeEvent(outcome=Outcome.DELIVERED, at=NOW, reference=name(part, 0))

    events.keep_events([event], account, NOW)

    assert ReceiptRow.objects.get().kind == "delivered"


def test_whom_it_has_reached_nobody_calls_failed(client, account, part):
    tell(client, account, {"what": "opened", "reference": name(part, 0)})
    tell(client, account, {"what": "failed", "reference": name(part, 0)})

    assert find_outcomes(part)[0] == "sent"


@pytest.mark.parametrize("kind", ["token", "small_id", "external_user_id", "email", "phone"])
def test_without_a_reference_the_call_and_the_recipient_are_named(client, account, part, kind):
    device = list_devices(part)[0]
    device.person = builders.make_person(
        account.workspace, "ann", email="Ann@X.example", phone="00491701234567"
    )
    device.save()
    DeviceIdentifier.objects.create(
        app=device.app, device=device, kind="small_id", value="r-1", value_hash=hash64("r-1")
    )
    target = {
        "token": device.token, "small_id": "r-1", "external_user_id": "ann",
        "email": "ann@x.example", "phone": "+491701234567",
    }[kind]  # fmt: skip

    tell(
        client, account,
        {"what": "failed", "transfer": "call-1", "target_kind": kind, "target": target},
        {"what": "failed", "transfer": "call-1", "target_kind": kind, "target": "nobody"},
    )  # fmt: skip

    assert find_outcomes(part) == ["failed", "sent", "unknown"]
    assert not WaitingEvent.objects.exists()


def test_every_order_of_words_and_folding_leaves_the_books_balanced(app, account):
    def fail(part):
        keep(part, Outcome.FAILED)

    def accept(part):
        keep(part, Outcome.ACCEPTED)

    def deliver(part):
        event = ReceiptEvent(name(part, 0), ReceiptKind.DELIVERED, NOW)
        events.keep_events([event, event], account, NOW)

    def fold(part):
        folds.fold_batches(part.transfer, NOW)

    def keep(part, outcome):
        words = [
            OutcomeEvent(outcome=outcome, at=NOW, reference=name(part, place)) for place in (0, 1)
        ]
        events.keep_events([*words, words[0]], account, NOW)

    found = set()
    for order in permutations((fail, accept, deliver, fold)):
        part = make_part(app, account, {"sent": 1, "unknown": 1})
        for step in order:
            step(part)
        found.add(tuple(find_outcomes(part)))

    assert check_books().faults == []
    assert found <= {("failed", "failed"), ("failed", "sent"), ("sent", "failed"), ("sent", "sent")}


def test_a_word_that_comes_before_our_books_waits_for_them(client, account, part):
    tell(client, account, {"what": "failed", "reference": name(part, 3)})
    early = {"what": "failed", "transfer": "call-2", "target_kind": "token"}
    tell(client, account, {**early, "target": list_devices(part)[0].token})
    batch, attempt = Batch.objects.get(), Attempt.objects.get()
    member = (list_devices(part)[3].pk, Cohort.objects.get().pk)
    page = books.Page(
        part_id=part.pk, platform="android", at=NOW, account_id=account.pk, attempt_id=attempt.pk
    )
    Batch.objects.filter(pk=batch.pk).update(settled=4, state="done")
    books.append_deliveries(page, books.Verdict("sent"), [member])
    Attempt.objects.update(reference="call-2")

    did = events.retry_step(lambda: datetime.now(UTC) + timedelta(seconds=5))

    assert did
    assert find_outcomes(part) == ["failed", "sent", "unknown", "failed"]
    assert not WaitingEvent.objects.exists()
    assert check_books().faults == []


def test_what_never_means_anybody_is_given_up(client, account, part, caplog):
    tell(client, account, {"what": "failed", "transfer": "strange", "target": "x\0y"})
    tell(client, account, {"what": "failed", "transfer": "strange", "target": "x"})
    now = datetime.now(UTC)
    days = [now + timedelta(days=number) for number in range(1, 9)]

    did = [events.retry_step(lambda day=day: day) for day in days]

    assert did == [True] * len(events.WAITS) + [False] * (8 - len(events.WAITS))
    assert not WaitingEvent.objects.exists()
    assert "mean nobody" in caplog.text


def test_another_tenant_can_say_nothing_about_our_calls(client, account, part):
    other = builders.make_workspace("other")
    theirs = Account.objects.create(
        workspace=other, name="Small", dialect="small", credentials=account.credentials
    )
    own = Account.objects.create(
        workspace=account.workspace, name="Second", dialect="small", credentials=account.credentials
    )

    for stranger in (theirs, own):
        answer = tell(
            client, stranger,
            {"what": "failed", "reference": name(part, 0)},
            {"what": "failed", "transfer": "call-1", "target_kind": "token",
             "target": list_devices(part)[0].token},
        )  # fmt: skip
        assert answer.status_code == 200
    tell(client, theirs, {"what": "opened", "reference": name(part, 1)})

    assert find_outcomes(part) == ["sent", "sent", "unknown"]
    assert not ReceiptRow.objects.exists()


def test_a_forged_or_cut_reference_means_nobody(client, account, part):
    token = name(part, 0)
    forged = [token[:-1], token[:5], "1.1.1.000000000000", f"{token}0", "\u0661" + token]

    rows = [{"what": what, "reference": text} for text in forged for what in ("failed", "opened")]
    answer = tell(client, account, *rows)

    assert answer.status_code == 200
    assert find_outcomes(part) == ["sent", "sent", "unknown"]
    assert not ReceiptRow.objects.exists()
    assert not WaitingEvent.objects.exists()


def test_who_does_not_know_the_secret_is_refused(client, account, part):
    row = {"what": "failed", "reference": name(part, 0)}

    answers = [tell(client, account, row, secret=secret) for secret in ("", "s3cre", "S3CRET")]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert find_outcomes(part)[0] == "sent"


def test_an_unknown_account_and_an_unknown_hook_are_answered_alike(client, account):
    nobody = Account(public_id="0" * 24)
    quiet = Account.objects.create(workspace=account.workspace, name="Quiet", dialect="gone")

    answers = [
        tell(client, nobody), tell(client, Account(public_id="a\0")), tell(client, quiet),
        tell(client, account, path="nowhere"), client.get(f"/hooks/{account.public_id}/events/1"),
    ]  # fmt: skip

    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    assert answers[0].json()["code"] == "not_found"


def test_the_check_of_the_address_is_answered_with_its_own_text(client, account):
    where = f"/hooks/{account.public_id}/events/1"

    answer = client.post(where, b'{"echo": "abcdefghij"}', content_type="text/plain")

    assert (answer.content, answer["Content-Type"]) == (b"abcdefgh", "text/plain")


def test_a_body_over_the_cap_or_no_json_is_refused(client, account):
    where = f"/hooks/{account.public_id}/events/1"

    answers = [
        client.post(where, body, content_type="text/plain", headers={"X-Secret": "s3cret"})
        for body in (b" " * 5_001, b"{", b"{}")
    ]

    assert [answer.status_code for answer in answers] == [413, 400, 400]


def test_credentials_that_cannot_be_read_are_no_fault_of_the_caller(client, account):
    Account.objects.update(credentials="spoilt")

    answer = tell(client, account)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


@examples(max_examples=60)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["what", "reference", "transfer", "target", "reason", "echo"]),
            inner | st.sampled_from(["failed", "delivered", "token"]), max_size=4,
        ),
        max_leaves=10,
    )
)  # fmt: skip
def test_no_body_makes_a_hook_fail(client, account, part, body):
    answer = client.post(
        f"/hooks/{account.public_id}/events/1", json.dumps(body), content_type="text/plain",
        headers={"X-Secret": "s3cret"},
    )  # fmt: skip

    assert answer.status_code in (200, 400)


REAL = [(dialect, hook) for dialect in registry.all_dialects() for hook in dialect.hooks]


@examples(max_examples=40)
@given(body=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
))  # fmt: skip
def test_no_body_makes_a_vendors_own_hook_fail(client, workspace, body):
    assert REAL
    for dialect, hook in REAL:
        account, _is_new = Account.objects.get_or_create(
            workspace=workspace, name=dialect.label, dialect=dialect.key,
            defaults={"credentials": vault.encrypt({})},
        )  # fmt: skip
        path = hook.path.replace("{", "").replace("}", "")

        answer = client.generic(hook.method, f"/hooks/{account.public_id}/{path}", json.dumps(body))

        assert answer.status_code < 500


def test_what_waits_of_two_turns_is_not_locked_in_one_transaction(client, account):
    tell(client, account, {"what": "failed", "transfer": "strange", "target": "x"})
    events.retry_step(lambda: datetime.now(UTC) + timedelta(days=1))
    tell(client, account, {"what": "failed", "transfer": "strange", "target": "y"})
    later = datetime.now(UTC) + timedelta(days=2)

    events.retry_step(lambda: later)

    assert WaitingEvent.objects.filter(due_at__lte=later).count() == 1
