"""Our own client of the vendor, led through our own door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import ScriptSchedule, Transfer
from providers import registry
from providers.audience import And, Condition, Not, Op
from providers.commands import PushPart, SendPush
from providers.message import AndroidContent, PushMessage, Text
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Audience

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DIALECT = registry.get("pushexpress")
AUDIENCE = Audience(
    expression=And(
        (
            Condition("device.country", Op.IN, ("DE", "AT")),
            Not(Condition("device.language", Op.EQ, "fr")),
        )
    )
)
MESSAGE = PushMessage(
    title="Hi", body="There", translations={"de": Text("Na", "Du")},
    android=AndroidContent(deeplink="shop://cart"),
)  # fmt: skip
PUSH = SendPush(parts=(PushPart(MESSAGE, audience=AUDIENCE),), name="News")


@pytest.fixture
def client(connect, app):
    client, led = connect(DIALECT, default_lang="en")
    with led:
        yield client


def test_its_check_names_our_app(client, app):
    result = client.check()

    assert result.is_good
    assert app.name in result.words


def test_what_it_sends_is_due_in_two_minutes_to_whom_it_means(client, app):
    receipt = client.send(client.write(PUSH))

    transfer = Transfer.objects.get()
    part = transfer.parts.get()
    assert receipt.outcome is Outcome.ACCEPTED
    assert ScriptSchedule.objects.get().pk == int(receipt.reference)
    assert timedelta(minutes=1) < transfer.due_at - datetime.now(UTC) <= timedelta(minutes=2)
    assert part.message.content["translations"] == {"de": {"title": "Na", "body": "Du"}}
    assert part.message.content["android"]["deeplink"] == "shop://cart"
    assert part.audiences != [{"all": True}]


def test_what_it_sends_later_is_planned_for_that_minute(client, app):
    due = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)

    receipt = client.send(client.write(SendPush(parts=PUSH.parts, name="News", due_at=due)))

    schedule = ScriptSchedule.objects.get()
    assert schedule.pk == int(receipt.reference)
    assert Transfer.objects.get().due_at == due


def test_it_tells_why_our_door_refuses_it(connect, app):
    client, led = connect(DIALECT, default_lang="en", app_id=999_999)

    with led, pytest.raises(Failure) as told:
        client.send(client.write(PUSH))

    assert (told.value.reason, told.value.was_sent) == (Reason.CREDENTIAL, True)
    assert not Transfer.objects.exists()
