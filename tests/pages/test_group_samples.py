"""The preview of a campaign for an app group shows the worst of all its apps, not of the first."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import App, AppGroup, Campaign, Group, Person, Route
from campaigns.pages import samples
from campaigns.services.campaigns import create_campaign
from tests import builders
from tests.pages.read_form import read_form

pytestmark = pytest.mark.django_db
LONG = "Maximiliana Donaudampfschifffahrt"


@pytest.fixture
def draft(app, owner, workspace, now):
    """For three apps: in the first somebody of a short name, in the others the worst cases."""
    apps = [app, *(make_member(workspace, slug) for slug in ("middle", "last"))]
    for one, names in zip(apps, [["Al"], ["Bo", ""], [LONG]], strict=True):
        builders.make_route(one, "android")
        for name in names:
            values = {"name": name} if name else {}
            person = builders.make_person(workspace, f"{one.slug}-{name[:2]}", attributes=values)
            builders.make_device(one, f"{one.slug}-{name[:2]}", person=person)
    group = AppGroup.objects.create(workspace=workspace, name="All", slug="all")
    group.apps.set(apps)
    message = {
        "template": "liquid", "title": "Hi",
        "body": "Dear {{ person.custom.name | default: \'you\' }}",
    }  # fmt: skip
    body = {"name": "C", "app_group": "all", "audience": {"all": True}, "message": message}
    return Campaign.objects.get(pk=create_campaign(owner, body, actor="ann", now=now).pk)


def make_member(workspace, slug):
    app = App.objects.create(
        workspace=workspace, name=slug.title(), slug=slug, platforms=["android"], timezone="UTC"
    )
    Group.objects.get_or_create(app=app, name="General")
    return app


def check(client, draft):
    page = client.get(reverse("edit", args=[draft.pk])).content.decode()
    return client.post(reverse("check"), read_form(page))


def test_the_review_shows_the_worst_of_all_apps(client, owner, draft):
    client.force_login(owner)

    page = client.get(reverse("review_checks", args=[draft.pk]))

    labels = [reading["label"] for reading in page.context["worst_apart"]]
    assert labels == ["Missing values · Middle · middle- · English",
                      "Longest values · Last · last-Ma · English"]  # fmt: skip
    assert f"Dear {LONG}" in page.content.decode()


def test_compose_shows_them_beside_the_first_recipients_and_measures_them(client, owner, draft):
    client.force_login(owner)

    shown = check(client, draft).context

    assert [sample["label"] for sample in shown["samples"]] == [
        "Shop · shop-Al · English", "Middle · middle-Bo · English",
        "Missing values · Middle · middle- · English", "Longest values · Last · last-Ma · English",
    ]  # fmt: skip
    longest = max(len(sample["said"]["body"]) for sample in shown["samples"])
    assert longest == len(f"Dear {LONG}")
    assert {size.who.partition(" · ")[0] for size in shown["sizes"]} == {"Longest values"}


def test_the_calls_of_each_app_are_measured_for_its_own_worst_case(
    client, owner, draft, monkeypatch
):
    monkeypatch.setattr(samples, "SAMPLES", 0)
    for route in Route.objects.select_related("account", "app"):
        account = route.account
        account.pk, account.public_id, account.name = None, f"acc-{route.app.slug}", route.app.slug
        account.save(force_insert=True)
        Route.objects.filter(pk=route.pk).update(account=account)
    for number, person in enumerate(Person.objects.exclude(attributes={}).order_by("pk")):
        Person.objects.filter(pk=person.pk).update(attributes={"name": "x" * (100 + number)})
    client.force_login(owner)

    sizes = {size.account: size.who for size in check(client, draft).context["sizes"]}

    assert sizes == {
        "shop": "Longest values · shop-Al · English",
        "middle": "Longest values · middle-Bo · English",
        "last": "Longest values · last-Ma · English",
    }


def test_of_many_apps_some_are_looked_at_and_said_so(client, owner, draft, monkeypatch):
    monkeypatch.setattr(samples, "MOST_LOOKED", 2)
    client.force_login(owner)

    page = client.get(reverse("review_checks", args=[draft.pk]))

    labels = [reading["label"] for reading in page.context["worst_apart"]]
    assert [label.partition(" · ")[0] for label in labels] == [
        "Longest values of those looked at", "Missing values of those looked at",
    ]  # fmt: skip
