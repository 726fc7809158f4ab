"""A transfer's state in the vendor's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.commands import Fault, FaultKind, TransferState, TransferStatus
from providers.vendors.appmetrica.wire_status import (
    read_fault,
    read_status,
    write_fault,
    write_status,
)


def make_status(state: TransferState, **values: Any) -> TransferStatus:
    created_at = datetime(2026, 11, 20, 12, 0, 0, 999_999, tzinfo=UTC)
    return TransferStatus(
        transfer="9", group="2", tag="sale", state=state, created_at=created_at, **values
    )


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (TransferState.ACCEPTED, "pending"),
        (TransferState.SENDING, "in_progress"),
        (TransferState.SENT, "sent"),
        (TransferState.FAILED, "failed"),
        (TransferState.CANCELLED, "failed"),
    ],
)
def test_every_state_has_a_word(state: TransferState, word: str) -> None:
    assert write_status(make_status(state))["transfer"]["status"] == word


def test_every_state_is_written() -> None:
    assert [write_status(make_status(state)) for state in TransferState]


def test_a_cancelled_transfer_says_who_cancelled_it() -> None:
    body = write_status(make_status(TransferState.CANCELLED))

    assert body["transfer"]["errors"] == ["Cancelled by operator"]


def test_a_date_has_seconds_and_an_offset() -> None:
    body = write_status(make_status(TransferState.SENT))

    assert body["transfer"]["creation_date"] == "2026-11-20T12:00:00+00:00"


def test_the_clients_id_is_answered_only_when_it_was_asked_by() -> None:
    with_key = write_status(make_status(TransferState.SENT, client_key="5"))
    without = write_status(make_status(TransferState.SENT))

    assert with_key["transfer"]["client_transfer_id"] == 5
    assert "client_transfer_id" not in without["transfer"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault(FaultKind.CREDENTIALS, "android"),
            "Invalid push credentials for platform android",
        ),
        (
            Fault(FaultKind.NO_MESSAGE, "android", "google_aid"),
            "Identifier type google_aid requires defined message for platform android",
        ),
        (
            Fault(FaultKind.NO_MESSAGE, "ios", "ios_ifa"),
            "Identifier type ios_ifa requires defined message for platform iOS",
        ),
        (Fault(FaultKind.CANCELLED), "Cancelled by operator"),
        (Fault(FaultKind.OTHER, detail="Anything else"), "Anything else"),
    ],
)
def test_a_fault_has_the_documented_words(fault: Fault, words: str) -> None:
    assert write_fault(fault) == words
    assert read_fault(words) == fault


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_of_fault_can_be_told(kind: FaultKind) -> None:
    assert write_fault(Fault(kind, "ios", "ios_ifa", "Detail"))


@pytest.mark.parametrize("state", ["paused", "", None, 5])
def test_a_word_for_a_state_that_is_not_documented_is_not_guessed(state: Any) -> None:
    body = write_status(make_status(TransferState.SENT))
    body["transfer"]["status"] = state

    with pytest.raises(KeyError):
        read_status(body)
