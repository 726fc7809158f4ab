"""An audience that is being frozen is long work, too: it is listed with the jobs, and cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.dispatch import freeze
from campaigns.dispatch.engine import drain
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Delivery, Settled, Transfer
from campaigns.selectors.transfer_books import read_books
from tests import builders

pytestmark = pytest.mark.database
DEVICES = 5


@pytest.fixture
def freezing(app, now, monkeypatch):
    """A transfer to five devices, two of which are frozen."""
    monkeypatch.setattr(freeze, "CHUNK_DEVICES", 1)
    builders.make_route(app, "android")
    for number in range(DEVICES):
        builders.make_device(app, f"token-{number}")
    campaign = builders.make_campaign(app, now)
    start_campaign(campaign, actor="owner", now=now)
    transfer = Transfer.objects.get()
    for _piece in range(2):
        freeze.freeze_step(transfer, freeze.ACTOR, now)
    return transfer


def list_freezing(client):
    return [one.transfer for one in client.get(reverse("jobs")).context["freezing"]]


def test_it_is_listed_while_it_goes_on_for_whom_it_is(client, owner, neighbour, app, freezing):
    now = timezone.now()
    own = {"app": app, "group": app.groups.get(), "created_at": now, "status_since": now}
    Transfer.objects.create(**own, due_at=now + timedelta(hours=1))
    Transfer.objects.create(**own, due_at=now, frozen_at=now, status="sending")
    Transfer.objects.create(**own, due_at=now, status="cancelled")
    client.force_login(owner)
    seen = list_freezing(client)
    page = client.get(reverse("jobs")).content.decode()
    polled = client.get(reverse("jobs_status"))
    client.force_login(neighbour)

    assert seen == [freezing]
    assert "Audiences being frozen" in page
    assert reverse("transfer", args=[freezing.pk]) in page
    assert (polled.status_code, b"Audiences being frozen" in polled.content) == (200, True)
    assert list_freezing(client) == []


def test_it_is_cancelled_from_its_page_and_nobody_is_sent_to(client, owner, freezing):
    client.force_login(owner)
    address = reverse("transfer", args=[freezing.pk])
    offered = client.get(address).context["verbs"]
    before = (freezing.frozen_at, read_books(freezing).counters.pending)

    client.post(reverse("change_transfer", args=[freezing.pk, "cancel"]))
    drain()

    freezing.refresh_from_db()
    assert "cancel" in offered
    assert before == (None, 2)
    assert freezing.status == Transfer.Status.CANCELLED
    outcomes = set(Delivery.objects.values_list("outcome", flat=True))
    assert outcomes == {Settled.CANCELLED}
    assert list_freezing(client) == []
