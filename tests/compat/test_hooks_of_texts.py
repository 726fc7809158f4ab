"""What vendors tell of texts: their recipients are persons, and no device with such a number."""

from __future__ import annotations

import pytest

from campaigns.dispatch import events
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import Device, Part, ReceiptRow
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent, ReceiptEvent, ReceiptKind
from tests import builders
from tests.compat.test_hooks import NOW, account, find_outcomes, list_devices, make_part, part

__all__ = ["account", "part"]
pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def texts(part) -> Part:
    """Its four recipients are persons, whose numbers four devices of the same app have."""
    Part.objects.update(kind=Part.Kind.PERSON, channel="sms")
    for device in list_devices(part):
        builders.make_person(part.transfer.app.workspace, device.token, pk=device.pk)
    return Part.objects.get()


def list_states() -> set[str]:
    return set(Device.objects.values_list("token_state", flat=True))


def test_a_text_that_failed_switches_no_token_off(account, texts):
    gone = write_receipt_token(texts.pk, list_devices(texts)[0].pk)
    failed = OutcomeEvent(outcome=Outcome.FAILED, at=NOW, reference=gone, reason=Reason.TOKEN)
    unregistered = ReceiptEvent(gone, ReceiptKind.UNREGISTERED, NOW)

    events.keep_events([failed], account, NOW)
    events.keep_events([unregistered], account, NOW)

    assert find_outcomes(texts)[0] == "failed"
    assert list_states() == {Device.TokenState.ACTIVE}
    assert check_books().faults == []


@pytest.mark.parametrize("tell", ["outcome", "receipt"])
def test_a_push_switches_off_tokens_of_its_app_alone(account, app, workspace, tell):
    """Whatever number is told."""
    pushed = make_part(app, account, {"sent": 1})
    foreign = list_devices(pushed)[0]
    Device.objects.update(app=builders.make_app(workspace, "other"))
    gone = write_receipt_token(pushed.pk, foreign.pk)
    event = {
        "outcome": OutcomeEvent(
            outcome=Outcome.FAILED, at=NOW, reference=gone, reason=Reason.TOKEN
        ),
        "receipt": ReceiptEvent(gone, ReceiptKind.UNREGISTERED, NOW),
    }[tell]

    events.keep_events([event], account, NOW)

    assert list_states() == {Device.TokenState.ACTIVE}


def test_a_token_names_nobody_in_a_call_for_texts(account, texts):
    device = list_devices(texts)[0]
    event = ReceiptEvent(
        "", ReceiptKind.OPENED, NOW, transfer="call-1", target_kind="token", target=device.token
    )

    events.keep_events([event], account, NOW)

    assert not ReceiptRow.objects.exists()
