"""The list of a transfer's recipients: pages, odd places, the whole as a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from campaigns.models import (
    Cohort,
    Counter,
    Delivery,
    Device,
    Group,
    Message,
    Part,
    ReceiptCount,
    ReceiptRow,
    Transfer,
)
from campaigns.pages import recipients
from campaigns.pages.reason_words import explain_reason, name_reason
from providers.outcomes import Reason
from tests import builders

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def transfer(app):
    """120 settled devices, more than two pages hold."""
    group, _is_new = Group.objects.get_or_create(app=app, name="General")
    transfer = Transfer.objects.create(
        app=app, group=group, status=Transfer.Status.SENT, status_since=NOW, due_at=NOW,
        created_at=NOW, finished_at=NOW,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    part = Part.objects.create(transfer=transfer, message=message)
    cohort = Cohort.objects.create(app=app, platform="android")
    devices = [builders.make_device(app, f"token-{number}") for number in range(120)]
    Delivery.objects.bulk_create(
        Delivery(part=part, recipient=device.pk, at=NOW, cohort_id=cohort.pk, outcome="sent")
        for device in devices
    )
    Counter.objects.create(part=part, platform="android", outcome="sent", count=120)
    return transfer


def test_every_reason_is_said_in_words():
    assert [one.value for one in Reason if not explain_reason(one)] == []


def test_pages_go_on_where_the_last_one_ended(client, owner, transfer):
    client.force_login(owner)
    address = reverse("recipients", args=[transfer.pk])
    first = client.get(address)

    second = client.get(address, {"after": first.context["after"]})
    third = client.get(address, {"after": second.context["after"]})

    pages = [page.context["rows"] for page in (first, second, third)]
    listed = [row["recipient"] for rows in pages for row in rows]
    assert [len(rows) for rows in pages] == [50, 50, 20]
    assert listed == sorted(Delivery.objects.values_list("recipient", flat=True))
    assert third.context["after"] == ""


@pytest.mark.parametrize("place", ["x", "1-", "9" * 30 + "-1", "1.2", "-"])
def test_a_place_that_is_none_is_the_beginning(client, owner, transfer, place):
    client.force_login(owner)

    answer = client.get(reverse("recipients", args=[transfer.pk]), {"after": place})

    assert answer.status_code == 200
    assert len(answer.context["rows"]) == recipients.PAGE


def test_the_file_holds_everybody_once(client, owner, transfer, monkeypatch):
    monkeypatch.setattr(recipients, "CHUNK", 50)
    client.force_login(owner)

    answer = client.get(reverse("recipients_csv", args=[transfer.pk]))

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 121
    assert len({line.split(",")[0] for line in lines}) == 121


def test_what_came_back_leads_to_who_it_came_from(client, owner, transfer):
    part = transfer.parts.get()
    everybody = list(Delivery.objects.order_by("recipient").values_list("recipient", flat=True))
    opened = everybody[3::40]
    ReceiptRow.objects.bulk_create(
        ReceiptRow(part=part, recipient=recipient, kind=kind, at=NOW)
        for kind, some in (("opened", opened), ("delivered", everybody))
        for recipient in some
    )
    for kind, count in (("opened", 3), ("delivered", 120)):
        ReceiptCount.objects.create(part=part, hour=NOW, platform="android", kind=kind, count=count)
    client.force_login(owner)
    address = reverse("recipients", args=[transfer.pk]) + "?receipt=opened"

    page = client.get(reverse("transfer", args=[transfer.pk])).content.decode()
    report = client.get(
        reverse("reports"), {"by": "transfer", "date_from": "2026-11-01", "date_to": "2026-11-30"}
    ).content.decode()
    listed = client.get(address)
    file = client.get(reverse("recipients_csv", args=[transfer.pk]) + "?receipt=opened")

    assert f'href="{address}"' in page
    assert f'href="{address}"' in report
    assert [row["recipient"] for row in listed.context["rows"]] == opened
    assert listed.context["total"] == 3
    assert [kind for kind, _word in listed.context["form"].fields["receipt"].choices] == [
        "", "delivered", "opened",
    ]  # fmt: skip
    assert len(b"".join(file.streaming_content).splitlines()) == 1 + len(opened)


def test_a_list_of_who_opened_says_when_they_did(client, owner, transfer):
    part = transfer.parts.get()
    recipient = Delivery.objects.order_by("recipient")[7].recipient
    Delivery.objects.filter(recipient=recipient).update(reason="token")
    opened, delivered = NOW + timedelta(hours=3), NOW + timedelta(minutes=1)
    for kind, at in (("opened", opened), ("delivered", delivered)):
        ReceiptRow.objects.create(part=part, recipient=recipient, kind=kind, at=at)
        ReceiptCount.objects.create(part=part, hour=NOW, platform="android", kind=kind, count=1)
    client.force_login(owner)
    address = reverse("recipients", args=[transfer.pk])

    pages = [client.get(address, {"receipt": kind}) for kind in ("opened", "delivered", "")]
    files = [
        b"".join(client.get(reverse("recipients_csv", args=[transfer.pk]), asked).streaming_content)
        for asked in ({"receipt": "opened"}, {"outcome": "sent"})
    ]

    told = re.compile(
        r'<td data-label="(\w+ at|At)"><time datetime="([^"]+)"'
        r'(?:[^<]*</time><p[^>]*>(\w+) <time datetime="([^"]+)")?'
    )
    shown = [told.findall(page.content.decode()) for page in pages]
    assert shown[0] == [("Opened at", opened.isoformat(), "Sent", NOW.isoformat())]
    assert shown[1] == [("Delivered at", delivered.isoformat(), "Sent", NOW.isoformat())]
    assert f'<p class="pa-small">{name_reason("token")}</p>' in pages[0].content.decode()
    assert set(shown[2]) == {("At", NOW.isoformat(), "", "")}
    head, line = files[0].decode().splitlines()
    assert head.endswith(",channel,opened_at")
    assert line.endswith(opened.isoformat())
    assert files[1].decode().splitlines()[0].endswith(",channel")


def test_languages_stand_by_name_on_the_page(client, owner, transfer):
    Cohort.objects.update(language="de")
    client.force_login(owner)

    page = client.get(reverse("recipients", args=[transfer.pk])).content.decode()

    assert '<td data-label="Language">German</td>' in page
    assert ">de<" not in page


def test_viewers_get_no_whole_tokens(client, transfer):
    token = "whole-token-" + "z" * 40
    Device.objects.filter(pk=Device.objects.order_by("pk")[0].pk).update(token=token)
    device = Device.objects.get(token=token)
    pages = [
        reverse("recipients", args=[transfer.pk]),
        reverse("recipients_csv", args=[transfer.pk]),
        reverse("admin:campaigns_device_change", args=[device.pk]),
    ]
    seen = {}
    for role in ("viewer", "composer"):
        client.force_login(builders.make_member(role, transfer.app.workspace, role=role))
        seen[role] = [b"".join(client.get(page)).decode() for page in pages]

    assert [token in page for page in seen["viewer"]] == [False, False, False]
    assert all("whol…zzzz" in page for page in seen["viewer"])
    assert [token in page for page in seen["composer"][1:]] == [True, True]
