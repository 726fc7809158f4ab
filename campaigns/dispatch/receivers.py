"""Calls to addresses of scripts, and the check of one that is set for a door."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.models import Door
from campaigns.models.access import find_installation
from providers import http, vault
from providers.contract import Dialect
from providers.inbound import CallbackRequest, DoorCallback
from providers.outcomes import Failure, Reason
from providers.reports import OutcomeRow

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0
CHECKED = "The address has answered the check."
NO_ECHO = "The address has not answered the check with the text that it was sent."
CHECK_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Receiver:
    """The address that is set for a door, and all else that is: `options` hold its secrets."""

    door: Door
    spoken: DoorCallback
    options: Mapping[str, Any] = field(repr=False)

    @property
    def url(self) -> str:
        return str(self.options[self.spoken.url])

    @property
    def is_checked(self) -> bool:
        return self.door.checked_address == self.url

    def write(self, rows: tuple[OutcomeRow, ...], now: datetime) -> CallbackRequest | None:
        """A call about targets."""
        nonce = str(secrets.randbelow(10**12))
        return self.spoken.write(self.options, rows, now, nonce)


def find_receiver(app: int, dialect: Dialect) -> Receiver | None:
    """Who is called about pushes through an app's door; None for nobody. Raises `VaultError`."""
    spoken = dialect.door_callback
    if spoken is None:
        return None
    door = Door.objects.filter(app=app, dialect=dialect.key).first()
    if door is None or not door.options.get(spoken.url):
        return None
    return Receiver(door, spoken, {**vault.decrypt(door.secrets), **door.options})


def check_receiver(app: int, dialect: Dialect) -> str:
    """Check the address that is set, if there is one; as `check_address`."""
    receiver = find_receiver(app, dialect)
    return check_address(receiver) if receiver else ""


def check_address(receiver: Receiver) -> str:
    """Ask the address for a text, and note in words what that came to; "" when it is good."""
    text = str(secrets.choice("123456789")) + "".join(
        secrets.choice("0123456789") for _digit in range(CHECK_DIGITS - 1)
    )
    request = receiver.spoken.write_check(receiver.url, text)
    hop = (find_installation().installation_id, 1)
    answer, words = make_call(request, hop, ANSWER_SECONDS)
    # Digits are read as a number; what is none is another text.
    if not words and (type(answer) is not int or str(answer) != text):
        words = NO_ECHO
    Door.objects.filter(pk=receiver.door.pk).update(
        checked_address="" if words else receiver.url, check_words=words or CHECKED
    )
    return words


def make_call(request: CallbackRequest, hop: tuple[str, int], seconds: float) -> tuple[Any, str]:
    """Make the call: the answer and "" when it was taken, else why not. No transaction is open."""
    with http.recording() as exchanges, http.hopping(*hop):
        try:
            answer = http.call(
                http.get_session(),
                request.method,
                request.url,
                headers=request.headers,
                json=request.body,
                allows_empty=True,
                allows_text=True,
                connect_seconds=CONNECT_SECONDS,
                read_seconds=seconds,
            )
        except Failure as failure:
            return None, _explain(failure, exchanges[-1].status if exchanges else None)
    return answer, ""


def _explain(failure: Failure, status: int | None) -> str:
    """In words of ours: the answer is the receiver's, and the address may hold its secrets."""
    if status is not None:
        kind = "redirects, which is not followed" if 300 <= status < 400 else "answers"
        return f"The address {kind}: HTTP {status}."
    if failure.reason is Reason.CREDENTIAL:
        return "The address cannot be called: it is private, or none at all."
    if failure.reason is Reason.NO_ANSWER:
        return "No whole answer came in time."
    return "The address cannot be reached."
