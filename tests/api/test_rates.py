"""A rate that is changed while a campaign runs: by scripts, with its ramp-up, on the page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import AuditEntry, Campaign, Transfer
from tests import builders
from tests.api.test_campaigns import BODY, made, served, transfer

__all__ = ["made", "served", "transfer"]
pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_running_campaign_gets_another_rate(client, made, transfer):
    address = f"/api/v1/campaigns/{made['id']}/rate/"

    faster = client.post(address, {"rate": 500})
    free = client.post(address, {"rate": None})

    transfer.refresh_from_db()
    assert (faster.status_code, faster.json()["rate"]) == (200, 500)
    assert free.json()["rate"] is None
    assert transfer.rate is None
    notes = transfer.events.order_by("pk").values_list("note", flat=True)
    assert [note for note in notes if note] == [
        "At most 500 per second from now on.", "No rate of its own any more.",
    ]  # fmt: skip
    verbs = AuditEntry.objects.filter(verb__contains="rate").values_list("verb", "fields")
    assert [list(entry) for entry in verbs].count(["change_campaign_rate", ["rate"]]) == 2


def test_one_transfer_gets_another_rate(client, made, transfer):
    answer = client.post(f"/api/v1/transfers/{transfer.pk}/rate/", {"rate": 7})

    assert (answer.status_code, answer.json()["rate"]) == (200, 7)
    assert Campaign.objects.get().rate is None


@pytest.mark.parametrize("rate", [0, -1, 100_001, 1.5, "5", True, [], {}])
def test_a_rate_that_is_none_is_refused_in_words(client, made, transfer, rate):
    answer = client.post(f"/api/v1/campaigns/{made['id']}/rate/", {"rate": rate})

    transfer.refresh_from_db()
    assert answer.status_code == 400
    assert "whole number from 1 to 100000" in answer.json()["fields"]["rate"]
    assert transfer.rate is None


@pytest.mark.parametrize("body", [{}, {"rate": 5, "speed": 9}, [5]])
def test_a_body_that_is_no_rate_changes_nothing(client, made, transfer, body):
    answer = client.post(f"/api/v1/campaigns/{made['id']}/rate/", body)

    assert answer.status_code == 400
    assert Campaign.objects.get().rate is None


def test_what_has_ended_has_no_rate_to_change(client, made, transfer):
    client.post(f"/api/v1/campaigns/{made['id']}/cancel/")

    late = client.post(f"/api/v1/campaigns/{made['id']}/rate/", {"rate": 5})
    late_too = client.post(f"/api/v1/transfers/{transfer.pk}/rate/", {"rate": 5})

    assert [(answer.status_code, answer.json()["code"]) for answer in (late, late_too)] == [
        (409, "finished"), (409, "finished"),
    ]  # fmt: skip


def test_a_ramp_up_reaches_the_transfer(client, served):
    made = client.post("/api/v1/campaigns/", {**BODY, "rate": 100, "ramp_up": 600}).json()
    client.post(f"/api/v1/campaigns/{made['id']}/launch/")

    transfer = Transfer.objects.get()
    assert (made["ramp_up"], transfer.rate, transfer.ramp_up) == (600, 100, 600)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"ramp_up": 60}, "ramp_up"),
        ({"rate": 5, "ramp_up": 0}, "ramp_up"),
        ({"rate": 5, "ramp_up": -1}, "ramp_up"),
        ({"rate": 5, "ramp_up": 86_401}, "ramp_up"),
        ({"rate": 5, "ramp_up": "fast"}, "ramp_up"),
        ({"rate": 0, "ramp_up": 60}, "rate"),
        ({"rate": -3}, "rate"),
        ({"rate": 10**12}, "rate"),
    ],
)
def test_a_ramp_up_needs_a_rate_and_both_make_sense(client, served, fields, wrong):
    answer = client.post("/api/v1/campaigns/", BODY | fields)

    assert answer.status_code == 400
    assert wrong in answer.json()["fields"]


@pytest.mark.parametrize("name", ["campaign", "transfer"])
def test_a_sender_changes_the_rate_on_the_page(made, transfer, owner, name):
    pk = made["id"] if name == "campaign" else transfer.pk
    client = Client()
    client.force_login(owner)
    page = client.get(reverse(name, args=[pk])).content.decode()
    refused = client.post(reverse(f"{name}_rate", args=[pk]), {"rate": "0"}, follow=True)
    unchanged = Transfer.objects.get().rate

    client.post(reverse(f"{name}_rate", args=[pk]), {"rate": "40"})

    assert reverse(f"{name}_rate", args=[pk]) in page
    assert "a rate is a whole number from 1 to 100000" in refused.content.decode()
    assert unchanged is None
    assert Transfer.objects.get().rate == 40


def test_a_viewer_changes_no_rate(app, made, transfer):
    viewer = builders.make_member("vic", app.workspace, role="viewer")
    client = Client()
    client.force_login(viewer)

    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    answer = client.post(reverse("transfer_rate", args=[transfer.pk]), {"rate": "40"})

    assert reverse("transfer_rate", args=[transfer.pk]) not in page
    assert answer.status_code == 403
    assert Transfer.objects.get().rate is None
