"""What the service worker is told: read back as it was written."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from providers.message import Button, PushMessage
from providers.message_fields import Platform
from providers.vendors.webpush import DIALECT
from providers.vendors.webpush.wire_messages import Template, read_message, write_message
from providers.vendors.webpush.wire_subscriptions import read_subscription, write_subscription
from tests.providers.webpush.browsers import Browser
from tests.vendor_cases.strategies import messages, normalize

# They travel as headers of the request; browsers see nothing of them.
HEADERS = {"time_to_live": None, "urgency": None}


def name_buttons(message: PushMessage) -> PushMessage:
    """Buttons without an id have their place for one."""
    buttons = tuple(
        replace(one, id=one.id or str(place)) for place, one in enumerate(message.web.buttons or ())
    )
    return replace(message, web=replace(message.web, buttons=buttons or None, **HEADERS))


@given(message=messages(DIALECT, Platform.WEB))
def test_what_we_write_we_can_read(message):
    written = json.loads(Template(message).whole)

    assert written == write_message(message)
    assert normalize(read_message(written), Platform.WEB) == name_buttons(
        normalize(message, Platform.WEB)
    )


@given(message=messages(DIALECT, Platform.WEB), reference=st.from_regex(r"\A[0-9a-z.]{1,64}\Z"))
def test_a_receipt_token_is_spliced_in_as_if_it_had_been_written(message, reference):
    spliced = json.loads(Template(message).render(reference))

    assert spliced == {**write_message(message), "receipt": reference}


def test_a_message_without_anything_still_carries_its_token():
    assert json.loads(Template(PushMessage()).render("1.a.b.c")) == {"receipt": "1.a.b.c"}


def test_half_a_character_does_not_break_a_push():
    assert json.loads(Template(PushMessage(title="a\ud800")).whole) == {"title": "a?"}


def test_buttons_and_options_come_back():
    message = PushMessage(
        title="t", body="b", buttons=(Button("Go", "https://a.example", "go"),),
        extras={"webpush": {"silent": True}},
    ).resolve(Platform.WEB)  # fmt: skip

    assert read_message(write_message(message)) == message


def test_a_subscription_is_read_as_it_was_written():
    subscription = read_subscription(Browser().token)

    assert read_subscription(json.dumps(write_subscription(subscription))) == subscription
    assert subscription.origin == "https://fcm.googleapis.com"
