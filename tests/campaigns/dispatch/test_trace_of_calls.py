"""What a trace tells of a call: of several recipients each is told his own part alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatch import engine
from campaigns.models import Account, Attempt, Delivery, Device
from campaigns.selectors.trace import trace_transfer
from providers import vault
from providers.simulator import Simulator
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
DEAD = "The token is not registered."
WHOLE = "In the answer to the whole call, which had 3 recipients: "


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def devices(routed, simulator: Simulator, now):
    """Three who are sent to by one call, on an account that knows nobody's token to be dead."""
    account = Account.objects.get()
    account.credentials = vault.encrypt({"api_key": "good"})
    account.options = {"delivered_percent": 0}
    account.save()
    names = ("ann", "bob", "cy")
    made = [builders.make_device(routed, name, platform="ios") for name in names]
    Device.objects.update(created_at=now - timedelta(days=1))
    return made


@pytest.fixture
def mixed(devices, start, now):
    """What the vendor answered has an exception: the last one's token is dead."""
    transfer = start({"title": "Hi", "body": "There"})
    engine.drain(clock=lambda: now)
    dead = Delivery.objects.filter(recipient=devices[2].pk)
    dead.update(outcome="failed", reason="token")
    Attempt.objects.update(words=DEAD)
    transfer.refresh_from_db()
    return transfer


def read_call(transfer, device, owner, **options):
    [one] = trace_transfer(transfer, f"device {device.pk}", owner, **options).recipients
    return next(line for line in one.lines if line.code == "call")


def test_who_was_sent_to_is_not_told_what_is_said_of_another(mixed, devices, owner):
    plain = read_call(mixed, devices[0], owner)
    full = read_call(mixed, devices[0], owner, may_see_calls=True)

    assert (plain.words, plain.tone) == ("Call to Sandbox: accepted.", "good")
    assert DEAD not in " ".join(plain.details)
    raw = [text for text in full.details if "POST http" in text]
    assert raw
    assert all(text.startswith(f"{WHOLE}POST http") for text in raw)


def test_who_was_refused_in_an_accepted_call_is_told_so(mixed, devices, owner):
    call = read_call(mixed, devices[2], owner)

    assert call.words == (
        "The call to Sandbox was accepted; of this recipient it says: "
        "It failed. The vendor says that the token is dead."
    )
    assert call.tone == "bad"
    assert f"{WHOLE}{DEAD}" in call.details


def test_a_call_that_failed_tells_all_of_them_why(mixed, devices, owner):
    Delivery.objects.update(outcome="failed", reason="vendor")
    Attempt.objects.update(outcome="failed", reason="vendor", words="Overloaded.")

    call = read_call(mixed, devices[0], owner)

    assert (call.words, call.tone) == ("Call to Sandbox: failed.", "bad")
    assert call.details[:2] == (f"{WHOLE}The vendor failed.", f"{WHOLE}Overloaded.")


def test_the_answer_to_a_call_of_one_is_his(mixed, devices, owner):
    Attempt.objects.update(first=2, last=2)

    call = read_call(mixed, devices[2], owner)

    assert DEAD in call.details


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({}, "the common one"),
        ({"title": "Hi, iOS", "body": "There"}, "the one for iOS"),
        ({"title": "Hi, iOS"}, "the common one under the title for iOS"),
        ({"body": "There, iOS"}, "the one for iOS under the common title"),
    ],
)
def test_a_text_of_the_platform_is_not_called_the_common_one(
    start, owner, devices, now, block, said
):
    transfer = start({"title": "Hi", "body": "There", "ios": block})
    engine.drain(clock=lambda: now)

    [one] = trace_transfer(transfer, f"device {devices[0].pk}", owner).recipients

    told = next(line.words for line in one.lines if line.code == "text")
    assert told.startswith(f"The text is {said}")
