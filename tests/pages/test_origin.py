"""A transfer's page says who asked for it, in which words, and what its vendor chooses itself."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from campaigns.dispatch.freeze import freeze_transfer
from campaigns.models import Counter, Delivery, Message, Submission, Transfer
from campaigns.services.campaigns import create_campaign, launch_campaign
from providers import registry
from tests import builders

DOORS = [item for item in registry.all_dialects() if item.has_door]
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def send(owner, app, audience):
    body = {
        "app": app.slug, "audience": audience, "message": {"title": "Hi", "body": "There"}
    }  # fmt: skip
    campaign = create_campaign(owner, body, actor="owner", now=NOW)
    launch_campaign(campaign, actor="owner", now=NOW)
    transfer = campaign.transfers.get()
    freeze_transfer(transfer, now=NOW)
    return transfer


@pytest.fixture
def transfer(owner, app):
    builders.make_device(app, "token-1", person=builders.make_person(app.workspace))
    builders.make_route(app, "android")
    return send(owner, app, {"all": True})


def read_page(client, transfer):
    return client.get(reverse("transfer", args=[transfer.pk])).content.decode()


def test_a_scripts_transfer_names_its_door_and_the_answer_that_it_got(client, owner, app, transfer):
    client.force_login(owner)
    plain = read_page(client, transfer)
    call = Submission.objects.create(
        workspace=app.workspace, app=app, door="native", reference="ref-4711",
        client_key="mine-7", created_at=NOW,
    )  # fmt: skip
    Transfer.objects.filter(pk=transfer.pk).update(submission=call)
    pages = {}

    for door in ("native", *(dialect.key for dialect in DOORS)):
        Submission.objects.update(door=door)
        pages[door] = read_page(client, transfer)

    assert "A script has asked for it" not in plain
    assert "in the words of the native API" in pages.pop("native")
    assert [door for door in pages if registry.get(door).label not in pages[door]] == []
    assert all("ref-4711" in page and "mine-7" in page for page in pages.values())


def test_a_vendor_that_chooses_recipients_itself_is_said_to_have_been_told_whom(client, owner, app):
    client.force_login(owner)
    dialect = next(item for item in registry.all_dialects() if item.prefers_audience)
    builders.make_device(app, "token-1")
    builders.make_route(app, "android", dialect=dialect.key)

    transfer = send(owner, app, {"all": True})

    told = client.get(reverse("transfer", args=[transfer.pk])).context["declared"]
    assert [(line.account, line.platforms) for line in told] == [
        (dialect.key.title(), ("Android",))
    ]
    assert "This vendor chooses the recipients itself" in read_page(client, transfer)


def test_what_waits_in_the_apps_inbox_has_gone_by_the_own_channel(client, owner, app, transfer):
    client.force_login(owner)
    device = app.devices.get()
    part = transfer.parts.get()
    Delivery.objects.create(
        part=part, recipient=device.pk, at=NOW, cohort_id=0, outcome="sent", reason="retained"
    )
    Counter.objects.create(
        part=part, platform="android", outcome="sent", reason="retained", count=1
    )

    row = client.get(reverse("recipients", args=[transfer.pk])).context["rows"][0]
    answer = client.get(reverse("recipients_csv", args=[transfer.pk]))

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert row["account"] == "Own channel"
    assert [line["account"] for line in csv.DictReader(lines)] == ["Own channel"]


def test_a_scripts_transfer_shows_what_it_says_and_is_called_by_it(client, owner, app, transfer):
    client.force_login(owner)
    call = Submission.objects.create(
        workspace=app.workspace, app=app, door="native", reference="ref-1", created_at=NOW
    )
    content = {"android": {"title": "Only on Android", "body": "Said there"}}
    Transfer.objects.filter(pk=transfer.pk).update(submission=call, name="")
    Message.objects.filter(parts__transfer=transfer).update(content=content)

    page = read_page(client, transfer)

    assert f"Only on Android #{transfer.pk}" in page
    assert "It says:" in page
    assert "Said there" in page
