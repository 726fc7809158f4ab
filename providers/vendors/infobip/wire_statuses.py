"""Statuses and delivery errors, each with its group (wire facts, section 5). What is wrong with the
application, the target or the content of a message is a status under 200, not a refused call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.outcomes import Outcome, Reason
from providers.reports import OutcomeRow

GROUPS = {
    0: "ACCEPTED",
    1: "PENDING",
    2: "UNDELIVERABLE",
    3: "DELIVERED",
    4: "EXPIRED",
    5: "REJECTED",
}
ERROR_GROUPS = {0: "OK", 1: "HANDSET_ERRORS", 2: "USER_ERRORS", 3: "OPERATOR_ERRORS"}


@dataclass(frozen=True, slots=True)
class Code:
    """A status or an error of the vendor's registry."""

    id: int
    group: int
    name: str
    description: str
    is_permanent: bool = False


_STATUSES = (
    Code(2, 3, "DELIVERED_TO_OPERATOR", "Message delivered to operator"),
    Code(3, 1, "PENDING_WAITING_DELIVERY", "Message sent, waiting for delivery report"),
    Code(4, 2, "UNDELIVERABLE_REJECTED_OPERATOR", "Message rejected by operator"),
    Code(5, 3, "DELIVERED_TO_HANDSET", "Message delivered to handset"),
    Code(7, 1, "PENDING_ENROUTE", "Message sent to next instance"),
    Code(9, 2, "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered"),
    Code(15, 4, "EXPIRED_EXPIRED", "Message expired"),
    Code(23, 5, "REJECTED_DUPLICATE_MESSAGE_ID", "Message with the same ID has been sent before"),
    Code(26, 1, "PENDING_ACCEPTED", "Message accepted, pending for delivery"),
    Code(29, 4, "EXPIRED_DLR_UNKNOWN", "No delivery report has been received"),
    Code(31, 2, "UNDELIVERABLE_NOT_SENT", "Message was not sent"),
    Code(51, 5, "MISSING_TO", "Message has no destination"),
    Code(52, 5, "REJECTED_DESTINATION", "Destination is not valid"),
    Code(65, 5, "REJECTED_NO_APPLICATION", "Application was not found"),
    Code(66, 2, "UNDELIVERABLE_NO_DESTINATION", "No device matches the destination"),
    Code(68, 5, "REJECTED_PAYLOAD_TOO_BIG", "Message has more than 4000 characters"),
    Code(69, 5, "REJECTED_NO_CONTENT", "Message has no content"),
    Code(70, 5, "REJECTED_INVALID_VALIDITY_PERIOD", "Validity period is less than 30 seconds"),
    Code(71, 5, "REJECTED_INVALID_QUERY", "Destination query is not valid"),
    Code(73, 5, "REJECTED_INVALID_INBOX_TOPIC", "Inbox topic does not exist"),
    Code(74, 5, "REJECTED_INVALID_PRIMARY_BUTTON_ACTION", "Type and resource go together"),
)
STATUSES = {status.id: status for status in _STATUSES}
ENROUTE, ACCEPTED, DELIVERED, WAITING, OPERATOR = 7, 26, 5, 3, 2
DUPLICATE, NOT_SENT, NO_APPLICATION, NO_DESTINATION = 23, 31, 65, 66
TOO_BIG, NO_CONTENT, BAD_VALIDITY, BAD_QUERY, BAD_TOPIC, BAD_ACTION = 68, 69, 70, 71, 73, 74

_ERRORS = (
    Code(0, 0, "NO_ERROR", "No Error"),
    Code(8001, 1, "EC_DEVICE_APP_UNINSTALL", "Application was uninstalled", is_permanent=True),
    Code(8002, 1, "EC_FCM_MISMATCH_SENDER_ID", "Sender ID does not match", is_permanent=True),
    Code(8003, 1, "EC_NO_APPLICATION_FOUND", "Application was not found", is_permanent=True),
    Code(8004, 1, "EC_NO_REGISTRATION_ID_FOUND", "Registration was not found", is_permanent=True),
    Code(8005, 3, "EC_SYS_ERROR_FROM_CLOUD", "System error of the cloud"),
    Code(8006, 3, "EC_INVALID_FCM_AUTH_DATA", "Cloud credentials are not valid"),
    Code(8007, 3, "EC_INVALID_APNS_CERT", "Cloud certificate is not valid"),
    Code(8008, 3, "EC_APPLICATION_CLOUD_TYPE_DISABLED", "Cloud is disabled for the application"),
    Code(8009, 3, "EC_INTERNAL_ERROR", "Internal error"),
    Code(8010, 3, "EC_PAYLOAD_REJECTED", "Cloud rejected the payload"),
    Code(8011, 3, "EC_PAYLOAD_TOO_BIG", "Payload is too big for the cloud"),
    Code(8012, 3, "EC_PUSH_CLOUD_TEMP_UNAVAILABLE", "Cloud is temporarily unavailable"),
    Code(8013, 3, "EC_REGISTRATION_ID_DISABLED", "Registration is disabled"),
)
ERRORS = {error.id: error for error in _ERRORS}

# What a failure of ours is in the vendor's words: a status and an error.
_FAILURES: dict[Reason | None, tuple[int, int]] = {
    Reason.TOKEN: (9, 8001),
    Reason.PAYLOAD: (9, 8010),
    Reason.CREDENTIAL: (9, 8006),
    Reason.THROTTLED: (9, 8012),
    Reason.VENDOR: (9, 8005),
    Reason.OURS: (31, 8009),
    Reason.NO_ANSWER: (31, 8005),
    Reason.NO_ROUTE: (65, 8003),
    Reason.NO_TOKEN: (66, 8004),
    Reason.NO_MESSAGE: (69, 0),
    Reason.NOT_ADDRESSABLE: (52, 0),
    # What two of ours share is read as the second.
    Reason.SUPPRESSED: (9, 8013),
    Reason.OPTED_OUT: (9, 8013),
    Reason.GONE: (66, 0),
    Reason.UNKNOWN_ID: (66, 0),
    Reason.CANCELLED: (31, 0),
    # It had gone and was taken back before anybody had it. The registry has no word for that; that
    # it was not sent (31) would be untrue, "sent not delivered" is what happened.
    Reason.RECALLED: (9, 0),
    None: (9, 0),
}
_BY_CODES = {codes: reason for reason, codes in _FAILURES.items()}
_BY_ERROR = {
    **{error: reason for reason, (_, error) in _FAILURES.items() if error},
    8002: Reason.CREDENTIAL,
    8003: Reason.CREDENTIAL,
    8007: Reason.CREDENTIAL,
    8008: Reason.CREDENTIAL,
    8009: Reason.VENDOR,
    8011: Reason.PAYLOAD,
}
_BY_STATUS = {
    51: Reason.UNKNOWN_ID,
    52: Reason.UNKNOWN_ID,
    NO_APPLICATION: Reason.CREDENTIAL,
    NO_DESTINATION: Reason.UNKNOWN_ID,
    TOO_BIG: Reason.PAYLOAD,
    NO_CONTENT: Reason.PAYLOAD,
    BAD_VALIDITY: Reason.PAYLOAD,
    BAD_QUERY: Reason.PAYLOAD,
    BAD_TOPIC: Reason.PAYLOAD,
    BAD_ACTION: Reason.PAYLOAD,
}


class Rejected(ValueError):
    """A message that the vendor takes under 200 and rejects with the status `id`."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(words or STATUSES[status].description)
        self.id = status


def write_status(status: int) -> dict[str, Any]:
    code = STATUSES[status]
    return {
        "groupId": code.group,
        "groupName": GROUPS[code.group],
        "id": code.id,
        "name": code.name,
        "description": code.description,
    }


def write_error(error: int, words: str = "") -> dict[str, Any]:
    """An error; `words` say more exactly what happened."""
    code = ERRORS[error]
    return {
        "groupId": code.group,
        "groupName": ERROR_GROUPS[code.group],
        "id": code.id,
        "name": code.name,
        "description": words or code.description,
        "permanent": code.is_permanent,
    }


def find_codes(outcome: Outcome | None, reason: Reason | None, *, is_due: bool) -> tuple[int, int]:
    """Status and error of an outcome; `is_due` False: it waits for its time."""
    match outcome:
        case None:
            return (ENROUTE if is_due else ACCEPTED), 0
        case Outcome.ACCEPTED:
            return WAITING, 0
        case Outcome.DELIVERED:
            return DELIVERED, 0
        case Outcome.EXPIRED:
            return 15, 0
        case Outcome.UNKNOWN:
            return 29, 0
    return _FAILURES.get(reason, _FAILURES[None])


def find_row_codes(row: OutcomeRow, *, is_final: bool = False) -> tuple[int, int]:
    """Status and error of a target: whatever came back from a device was delivered to it.

    `is_final`: it is told once, so who was sent to was delivered to the operator, and no more.
    """
    outcome = Outcome.DELIVERED if row.receipts else row.outcome
    if is_final and outcome is Outcome.ACCEPTED:
        return OPERATOR, 0
    return find_codes(outcome, row.reason, is_due=True)


@dataclass(frozen=True, slots=True)
class Said:
    """What the vendor said of one message: `outcome` None is "not known yet"."""

    outcome: Outcome | None
    reason: Reason | None = None
    words: str = ""


def read_said(status: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> Said:
    """The group decides; status and error say why. Raises KeyError and the like."""
    group, number = str(status["groupName"]), int(status.get("id") or 0)
    fault = int((error or {}).get("id") or 0)
    if group == "DELIVERED":
        return Said(Outcome.ACCEPTED if number == OPERATOR else Outcome.DELIVERED)
    if group == "EXPIRED":
        return Said(Outcome.UNKNOWN if number == 29 else Outcome.EXPIRED)
    if group in ("UNDELIVERABLE", "REJECTED"):
        if number == DUPLICATE:
            # Our ids are drawn for one recipient of one part: an earlier try of ours was taken.
            return Said(Outcome.ACCEPTED)
        return Said(Outcome.FAILED, _find_reason(number, fault), _read_words(status, error))
    if group in ("ACCEPTED", "PENDING", "OK"):
        return Said(Outcome.ACCEPTED if number == WAITING else None)
    raise ValueError(f"no group of statuses: {group[:50]}")


def _find_reason(status: int, error: int) -> Reason:
    known = _BY_CODES.get((status, error)) if error else None
    return known or _BY_ERROR.get(error) or _BY_STATUS.get(status) or Reason.VENDOR


def _read_words(status: Mapping[str, Any], error: Mapping[str, Any] | None) -> str:
    said = error if error and error.get("id") else status
    return f"{said.get('name', '')}: {said.get('description', '')}"[:500]
