"""Tokens are switched off by their own faults alone, and switched on again many at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.dispatch import piles
from campaigns.models import (
    Account,
    AuditEntry,
    Campaign,
    Delivery,
    Device,
    Group,
    Job,
    Membership,
    Transfer,
)
from campaigns.services import token_jobs
from campaigns.services.job_work import drain_jobs
from providers import registry
from tests import builders
from tests.api.conftest import make_client
from tests.campaigns.dispatch.hostile import RECIPIENTS, Rehearsal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
Role = Membership.Role
TYPED = "%Y-%m-%dT%H:%M"


@pytest.fixture
def rehearsal(app, simulator, settings):
    settings.OUTBOUND_ALLOW = [simulator.url]
    return Rehearsal(app, registry.get("sandbox"), simulator, simulator.url)


def list_disabled():
    rows = Device.objects.filter(token_state="disabled")
    return set(rows.exclude(token_evidence="").values_list("pk", flat=True))


def rot(rehearsal, percent=50):
    Account.objects.update(options={"decay_percent": percent})
    return rehearsal.send()


def test_a_broadcast_of_faulty_messages_disables_nobody_and_pauses(rehearsal, monkeypatch):
    monkeypatch.setattr(piles, "MAX_BATCH", 5)
    Account.objects.update(options={"payload_percent": 100})

    rehearsal.send(resumes=False)

    assert set(Device.objects.values_list("token_state", "token_evidence")) == {("active", "")}
    assert Delivery.objects.filter(outcome="failed", reason="payload").count() == 5
    assert Campaign.objects.get().status == Campaign.Status.PAUSED


def test_whom_the_vendor_calls_dead_is_disabled_and_enabled_again_from_the_page(
    rehearsal, app, client, monkeypatch
):
    monkeypatch.setattr(token_jobs, "PAGE", 2)
    transfer = rot(rehearsal)
    failed = Delivery.objects.filter(outcome="failed", reason="token")
    disabled = list_disabled()
    left = sorted(disabled)[:1]
    Device.objects.filter(pk__in=left).update(token_evidence=Device.SIGNED_OFF)
    sender = builders.make_member("sue", app.workspace, app=app, role=Role.SENDER)
    client.force_login(sender)
    address = reverse("enable_tokens") + f"?transfer={transfer.pk}"

    linked = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    form = client.get(address).content.decode()
    begun = client.post(address, {"since": f"{transfer.created_at:{TYPED}}"})
    drain_jobs()

    job = Job.objects.get()
    entries = AuditEntry.objects.filter(verb="enable_token", actor="sue")
    assert 0 < len(disabled) < RECIPIENTS
    assert disabled == set(failed.values_list("recipient", flat=True))
    assert address in linked
    assert f"{len(disabled)} recipients failed here" in form
    assert begun["Location"] == reverse("job", args=[job.pk])
    assert (job.status, job.counts) == ("done", {"enabled": len(disabled) - 1, "kept": 0})
    assert list_disabled() == set(left)
    assert {int(entry.target_id) for entry in entries} == disabled - set(left)
    assert {tuple(entry.fields) for entry in entries} == {(f"job: {job.pk}", "token_state")}
    assert AuditEntry.objects.get(verb="start_enable_tokens").actor == "sue"


def test_only_those_on_whose_last_fault_the_word_stands_are_enabled(rehearsal, app):
    transfer = rot(rehearsal, 100)
    other = Account.objects.create(workspace=app.workspace, name="Other", dialect="sandbox")
    devices = sorted(list_disabled())
    Delivery.objects.filter(recipient=devices[0]).update(account_id=other.pk)
    before = transfer.created_at - timedelta(days=9)
    Device.objects.filter(pk=devices[1]).update(token_state_at=before)
    script = make_client(app.workspace)
    asked = {"since": transfer.created_at.isoformat(), "account": rehearsal.account.pk}

    begun = script.post("/api/v1/devices/enable/", asked, format="json")
    drain_jobs()

    assert begun.status_code == 202
    assert Job.objects.get().counts == {"enabled": RECIPIENTS - 2, "kept": 1}
    assert list_disabled() == set(devices[:2])

    Account.objects.update(options={})
    again = rehearsal.send()

    sent = Delivery.objects.filter(part__transfer=again, outcome="sent")
    assert set(sent.values_list("recipient", flat=True)) == set(devices[2:])


def test_it_is_refused_to_who_may_not_send_and_for_what_makes_no_sense(rehearsal, app, client, now):
    stranger = builders.make_workspace("strange")
    theirs = Account.objects.create(workspace=stranger, name="Theirs", dialect="sandbox")
    group = Group.objects.get(app=builders.make_app(stranger, "strange"))
    foreign = Transfer.objects.create(
        app=group.app, group=group, due_at=now, created_at=now, status_since=now
    )
    address = reverse("enable_tokens")
    given = {"place": f"a{app.pk}", "account": theirs.pk, "since": "2999-01-01T00:00"}
    client.force_login(builders.make_member("cy", app.workspace, app=app, role=Role.COMPOSER))
    low = client.post(address, given)
    client.force_login(builders.make_member("sue", app.workspace, app=app, role=Role.SENDER))

    wrong = client.post(address, given)
    future = client.post(address, {**given, "account": rehearsal.account.pk})
    script = make_client(app.workspace)
    reader = make_client(app.workspace, scopes=["read"])
    asked = {"since": now.isoformat()}
    bad = [
        script.post("/api/v1/devices/enable/", {**asked, **more}, format="json")
        for more in ({}, {"account": theirs.pk}, {"transfer": foreign.pk})
    ]

    assert (low.status_code, wrong.status_code, future.status_code) == (403, 422, 422)
    assert "Choose a time that is past." in future.content.decode()
    assert [answer.status_code for answer in bad] == [400, 400, 400]
    assert reader.post("/api/v1/devices/enable/", asked, format="json").status_code == 403
    assert client.get(address + "?transfer=x").status_code == 404
    assert client.get(address + f"?transfer={foreign.pk}").status_code == 404
    assert not Job.objects.exists()
