"""Campaigns to tokens that Firebase takes for none of its own: over HTTP/2, by the engine."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import App, Delivery, Device, Transfer
from providers.gateways import GatewayCall, GatewayReply, GatewaySend
from providers.simulator.gateways import GatewayServer
from providers.vendors.fcm import DIALECT
from tests.gateways import server
from tests.providers.fcm.codes import INVALID, NO_TOKEN, answer, violate
from tests.vendor_cases.accounts import make_device_token
from tests.vendor_cases.codes import OF_ADDRESS, OF_MESSAGE, Case
from tests.vendor_cases.gateway_apps import fill_app, start_transfer

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
COUNT = DIALECT.limits.streams + 100
BY_FIELD = answer(*INVALID, OF_ADDRESS, "INVALID_ARGUMENT", "", violate("message.token", "Bad"))
BY_WORDS = answer(*INVALID, OF_ADDRESS, "INVALID_ARGUMENT", NO_TOKEN)
# A fault of the message, in words that seem to be about the token.
ODD = answer(*INVALID, OF_ADDRESS, "", "The message does not suit the registration token")
TOO_BIG = answer(*INVALID, OF_MESSAGE, "INVALID_ARGUMENT", "Android message is too big")


def answer_with(server: GatewayServer, find: Callable[[str], Case | None]) -> None:
    """From now on a token is answered with its case; None is a success."""
    gateway = server.simulator.gateways[DIALECT.key]

    def write(call: GatewayCall, send: GatewaySend) -> GatewayReply:
        case = find(json.loads(call.body)["message"]["token"])
        return case.write() if case else gateway.write_accepted(call, send)

    server.simulator.gateways[DIALECT.key] = replace(gateway, write_accepted=write)


def send(app: App) -> Transfer:
    """A campaign to everybody, until nobody can do more."""
    transfer = start_transfer(app, datetime.now(UTC))
    drain()
    transfer.refresh_from_db()
    assert check_books().faults == []
    return transfer


def count_outcomes(transfer: Transfer) -> Tally[str]:
    rows = Delivery.objects.filter(part__transfer=transfer).values_list("outcome", "reason")
    return Tally(" ".join(filter(None, row)) for row in rows)


@pytest.fixture
def shop(app: App, server: GatewayServer) -> App:
    fill_app(app, DIALECT, server.url, COUNT, datetime.now(UTC) - timedelta(days=1))
    return app


@pytest.mark.parametrize(
    ("case", "ending", "told"),
    [
        (BY_FIELD, "failed not_addressable", "Look at the account of the route"),
        (BY_WORDS, "failed not_addressable", "Look at the account of the route"),
        (ODD, "failed not_addressable", "Look at the account of the route"),
        (TOO_BIG, "failed payload", "refuses the message"),
    ],
    ids=["field", "words", "odd", "message"],
)
def test_a_fault_of_everybody_pauses_after_a_window_and_disables_nobody(
    shop: App, server: GatewayServer, case: Case, ending: str, told: str
) -> None:
    answer_with(server, lambda token: case)

    transfer = send(shop)

    outcomes, note = count_outcomes(transfer), transfer.events.get(new="paused").note
    assert set(outcomes) == {ending}
    assert outcomes.total() <= DIALECT.limits.streams
    assert told in note
    assert case.words[0] in note
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()


def test_tokens_and_messages_that_are_refused_are_told_apart(
    shop: App, server: GatewayServer, settings: Any
) -> None:
    settings.PAUSE_PERCENT = 100
    malformed, unsuited = (make_device_token(DIALECT, server.url, number) for number in (5, 7))
    answer_with(server, {malformed: BY_WORDS, unsuited: TOO_BIG}.get)

    transfer = send(shop)

    expected = {"sent": COUNT - 2, "failed not_addressable": 1, "failed payload": 1}
    assert count_outcomes(transfer) == expected
    assert transfer.status == Transfer.Status.SENT
    assert not Device.objects.exclude(token_state=Device.TokenState.ACTIVE).exists()
