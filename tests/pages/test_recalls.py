"""Operators and scripts ask back what is sent, and read what came of it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.dispatch.engine import drain
from campaigns.models import Attempt
from campaigns.pages.recall_words import describe_recalls, is_asking
from campaigns.selectors.recalls import Recall
from tests.api.conftest import make_client
from tests.campaigns.dispatch.conftest import make_campaign, routed, simulator, start
from tests.campaigns.dispatch.test_recalls import clock, now, offer, send_some

__all__ = ["clock", "make_campaign", "now", "offer", "routed", "simulator", "start"]


def describe(calls, *, can_cancel=True, taken=0, left=0, seconds=None):
    recall = Recall(
        account="Shop", can_cancel=can_cancel, calls=calls, taken=taken, left=left, seconds=seconds
    )
    [note] = describe_recalls([recall])
    return " ".join(note.sentences), is_asking([recall])


@pytest.mark.parametrize(
    ("fields", "words", "is_open"),
    [
        ({"calls": {"waiting": 2, "asking": 1}}, "3 calls are being asked back", True),
        ({"calls": {"asked": 1}, "left": 4}, "does not say whom that still stopped", False),
        ({"calls": {"asked": 1}, "left": 4}, "4 recipients stay as they are counted", False),
        ({"calls": {"taken": 2}, "taken": 1500}, "Taken back from 1,500 recipients", False),
        ({"calls": {"late": 1}, "seconds": 3600}, "takes a call back for 1 h", False),
        ({"calls": {"refused": 1}}, "1 call: it refuses", False),
        ({"calls": {"unknown": 5}}, "5 calls: it was asked, and nobody knows", False),
        ({"calls": {}, "can_cancel": False}, "has no call that takes a push back", False),
    ],
)
def test_everything_that_can_come_of_it_is_said(fields, words, is_open):
    said, asking = describe(**fields)

    assert words in said
    assert asking is is_open


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_what_is_sent_is_asked_back_on_its_page_and_the_answer_stands_there(
    client, owner, offer, start, clock
):
    offer()
    transfer = start()
    send_some(transfer, clock, 3)
    client.force_login(owner)
    script = make_client(transfer.app.workspace)
    page, piece = (reverse(name, args=[transfer.pk]) for name in ("transfer", "transfer_status"))
    progress = f"/api/v1/transfers/{transfer.pk}/progress/"
    quiet = client.get(page).content.decode()
    nothing = script.get(progress).json()["recalls"]

    pressed = client.post(reverse("change_transfer", args=[transfer.pk, "recall"]))
    asked = client.get(piece)
    again = script.post(f"/api/v1/transfers/{transfer.pk}/cancel/")
    drain()
    told = client.get(piece)
    story = client.get(reverse("transfer_story", args=[transfer.pk]))

    assert "Take back" in quiet
    assert (pressed.status_code, again.status_code, nothing) == (302, 409, [])
    assert "3 calls are being asked back." in asked.content.decode()
    assert (asked.status_code, told.status_code) == (200, 286)
    assert "Taken back from 5 recipients" in told.content.decode()
    assert "Take back" not in told.content.decode()
    assert "Vendors are asked to take it back." in story.content.decode()
    assert "5 recipients corrected from Sent" in story.content.decode()
    assert set(Attempt.objects.values_list("recalled", flat=True)) == {"taken"}
    assert script.get(progress).json()["recalls"] == [
        {
            "account": Attempt.objects.first().account.name, "can_cancel": True,
            "calls": {"taken": 3}, "taken": 5, "left": 0, "seconds": 86400.0,
        }
    ]  # fmt: skip
