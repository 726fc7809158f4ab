"""What can be exported: offered where the thing is, to whom may, however much there is."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Group, Job, Label, Segment, Transfer
from campaigns.pages import exports
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client, colleague):
    client.force_login(colleague)
    return client


def make_transfer(app, now):
    group = Group.objects.get(app=app)
    times = {"due_at": now, "created_at": now, "status_since": now}
    return Transfer.objects.create(app=app, group=group, status="sent", **times)


def make_segment(app, name="Germans"):
    return Segment.objects.create(app=app, name=name, expression={"and": []})


def list_choices(page):
    return dict(page.context["form"].fields["what"].choices)


def test_everything_of_ones_apps_can_be_chosen_and_nothing_of_others(member, app, now):
    other = builders.make_app(app.workspace, "other")
    make_transfer(other, now)
    make_segment(other)
    Label.objects.create(app=other, name="theirs")
    transfer, segment = make_transfer(app, now), make_segment(app)
    label = Label.objects.create(app=app, name="vip")
    Label.objects.create(app=app, name="put away", archived_at=now)

    choices = list_choices(member.get(reverse("exports")))

    assert choices == {
        f"people-app-{app.pk}": f"People of {app.name}",
        f"devices-app-{app.pk}": f"Devices of {app.name}",
        f"segment-segment-{segment.pk}": f"Segment Germans of {app.name}",
        f"label-label-{label.pk}": f"Label vip of {app.name}",
        f"recipients-transfer-{transfer.pk}": f"Recipients of transfer {transfer.pk} {transfer}",
    }


def test_where_the_thing_is_its_export_is_offered_to_whom_may(client, member, app, now):
    transfer, segment = make_transfer(app, now), make_segment(app)
    label = Label.objects.create(app=app, name="vip")
    wanted = {
        reverse("segment", args=[segment.pk]): f"?segment={segment.pk}",
        reverse("label", args=[label.pk]): f"?label={label.pk}",
        reverse("transfer", args=[transfer.pk]): f"?transfer={transfer.pk}",
        reverse("recipients", args=[transfer.pk]): f"?transfer={transfer.pk}",
    }
    links = {page: f'href="{reverse("exports")}{query}"' for page, query in wanted.items()}

    seen = {page: link in member.get(page).content.decode() for page, link in links.items()}
    client.force_login(builders.make_member("low", app.workspace, app=app, role="viewer"))
    looked = {page: link in client.get(page).content.decode() for page, link in links.items()}

    assert set(seen.values()) == {True}
    assert set(looked.values()) == {False}


def test_what_a_link_means_is_offered_and_chosen_however_much_there_is(
    member, app, now, monkeypatch
):
    monkeypatch.setattr(exports, "SHOWN", 1)
    monkeypatch.setattr(exports, "MAX_CHOICES", 1)
    rows = {
        "segment": [make_segment(app, "a"), make_segment(app, "z")][1],
        "label": Label.objects.create(app=app, name="put away", archived_at=now),
        "transfer": [make_transfer(app, now), make_transfer(app, now)][0],
    }
    whats = {"segment": "segment", "label": "label", "transfer": "recipients"}
    keys = {name: f"{whats[name]}-{name}-{row.pk}" for name, row in rows.items()}

    plain = list_choices(member.get(reverse("exports")))
    pages = {name: member.get(reverse("exports"), {name: row.pk}) for name, row in rows.items()}
    begun = [
        member.post(reverse("exports"), {"what": key, "format": "csv"}) for key in keys.values()
    ]

    assert not set(keys.values()) & plain.keys()
    for name, page in pages.items():
        assert f'<option value="{keys[name]}" selected>' in page.content.decode()
    assert [answer.status_code for answer in begun] == [302] * 3
    started = Job.objects.order_by("pk").values_list("params__what", flat=True)
    assert list(started) == list(whats.values())


def test_what_one_may_not_export_is_neither_shown_nor_begun(client, app, now, neighbour, stranger):
    transfer, segment = make_transfer(app, now), make_segment(app)
    label = Label.objects.create(app=app, name="vip")
    asked = [("segment", segment.pk), ("label", label.pk), ("transfer", transfer.pk),
             ("app", app.pk), ("transfer", "x"), ("label", "1-1")]  # fmt: skip
    posted = [
        f"segment-segment-{segment.pk}", f"label-label-{label.pk}", f"people-app-{app.pk}",
        f"recipients-transfer-{transfer.pk}", f"people-workspace-{app.workspace_id}",
    ]  # fmt: skip

    for user in (neighbour, stranger):
        client.force_login(user)
        shown = [client.get(reverse("exports"), {name: pk}).status_code for name, pk in asked]
        begun = [
            client.post(reverse("exports"), {"what": key, "format": "csv"}).status_code
            for key in posted
        ]

        assert (shown, begun) == ([404] * 6, [422] * 5)
    assert not Job.objects.exists()
