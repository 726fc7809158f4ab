"""People who are ticked among those that a search has found get a label or lose it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Job, Label, LabelMember, Membership, Segment
from campaigns.services.job_work import drain_jobs
from campaigns.services.jobs import read_file
from tests import builders
from tests.admin.conftest import (
    base_url,
    browser_context_args,
    browser_type_launch_args,
    complaints,
    staff,
)
from tests.looking import find_faults

__all__ = ["base_url", "browser_context_args", "browser_type_launch_args", "complaints", "staff"]
Role = Membership.Role
TICK, LEFT = 'type="checkbox"', 'id="pa-ticked"'


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="VIP")


@pytest.fixture
def people(app):
    """Three whom `ann*` finds."""
    persons = [builders.make_person(app.workspace, name) for name in ("anna", "anne", "anny")]
    for person in persons:
        builders.make_device(app, f"token-{person}", person=person)
    return persons


def tick(client, label, *persons, chosen=None, **others):
    form = {"who": "ann*", "label": label.pk if chosen is None else chosen, "verb": "add"}
    posted = {**form, "person": [person.pk for person in persons], **others}
    return client.post(reverse("label_people"), posted)


def list_carriers(label):
    members = LabelMember.objects.filter(label=label).order_by("person__external_user_id")
    return list(members.values_list("person__external_user_id", flat=True))


@pytest.mark.database
def test_the_ticked_get_a_label_and_lose_it_as_jobs(client, colleague, label, people):
    client.force_login(colleague)

    begun = tick(client, label, *people[:2])
    drain_jobs()
    added = list_carriers(label)
    tick(client, label, people[0], verb="remove")
    drain_jobs()

    first, second = Job.objects.order_by("pk")
    assert begun.url == reverse("job", args=[first.pk])
    assert added == ["anna", "anne"]
    assert list_carriers(label) == ["anne"]
    assert first.counts == {"changed": 2, "same": 0, "unknown": 0}
    assert (first.kind, second.kind, second.created_by) == (
        "label_add",
        "label_remove",
        "colleague",
    )


@pytest.mark.database
def test_of_people_of_another_app_nothing_is_told(client, app, colleague, label, people):
    other = builders.make_app(app.workspace, "cafe")
    hidden = builders.make_person(app.workspace, "annika")
    builders.make_device(other, "token-9", person=hidden)
    client.force_login(colleague)

    alone = tick(client, label, hidden)
    nobody = tick(client, label, person=[2**62])
    tick(client, label, people[0], hidden)
    drain_jobs()

    job = Job.objects.get()
    assert (alone.status_code, nobody.status_code) == (422, 422)
    assert b"annika" not in alone.content
    assert alone.content.count(b"Tick the people") == nobody.content.count(b"Tick the people") == 1
    assert list_carriers(label) == ["anna"]
    assert (job.counts["unknown"], list(read_file(job, "unknown"))) == (0, [])


def test_a_viewer_has_nothing_to_tick_and_begins_nothing(client, app, label, people):
    client.force_login(builders.make_member("low", app.workspace, app=app, role=Role.VIEWER))

    page = client.get(reverse("people"), {"who": "ann*"}).content.decode()
    answer = tick(client, label, *people)

    assert "anna" in page
    assert (TICK in page, LEFT in page) == (False, False)
    assert answer.status_code == 403
    assert not Job.objects.exists()


def test_only_labels_are_offered_that_one_may_give(client, app, label, people, now):
    """Neither those of an app that one only reads, nor those in the archive."""
    cafe = builders.make_app(app.workspace, "cafe")
    theirs = Label.objects.create(app=cafe, name="Guests")
    old = Label.objects.create(app=app, name="Old", archived_at=now)
    low = builders.make_member("low", app.workspace, app=app, role=Role.COMPOSER)
    Membership.objects.create(user=low, workspace=app.workspace, app=cafe, role=Role.VIEWER)
    client.force_login(low)

    shown = client.get(reverse("people"), {"who": "ann*"}).context["ticked"]
    answers = [tick(client, one, *people) for one in (theirs, old)]

    assert list(shown.labels) == [str(label.pk)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert not Job.objects.exists()


def test_what_is_refused_keeps_its_ticks_and_its_label(client, owner, label, people):
    client.force_login(owner)

    no_label = tick(client, label, people[1], chosen="").content.decode()
    nobody = tick(client, label).content.decode()
    strange = tick(client, label, chosen="9" * 40, person=["x" * 9000, "-1", "a\0b"])

    assert "Choose a label." in no_label
    assert f'value="{people[1].pk}" form="pa-ticked" checked' in no_label
    assert no_label.count(" checked>") == 1
    assert "Tick the people whom you mean." in nobody
    assert f'<option value="{label.pk}" selected>VIP</option>' in nobody
    assert strange.status_code == 422


def test_a_form_whose_search_finds_nobody_any_more_leads_back(client, owner, label, people):
    client.force_login(owner)

    answer = client.post(reverse("label_people"), {"who": "zoe"}, follow=True)
    reloaded = client.get(reverse("label_people"), {"who": "ann"})

    assert answer.redirect_chain == [(reverse("people"), 302)]
    assert b"Nothing was changed" in answer.content
    assert reloaded.url == reverse("people") + "?who=ann"


def test_no_more_are_labelled_than_a_page_shows(client, owner, app, label):
    crowd = [builders.make_person(app.workspace, f"user-{number:02}") for number in range(52)]
    client.force_login(owner)

    begun = tick(client, label, *crowd)
    drain_jobs()

    job = Job.objects.get()
    assert begun.url == reverse("job", args=[job.pk])
    assert job.counts == {"changed": 50, "same": 0, "unknown": 0}
    assert list_carriers(label) == [f"user-{number:02}" for number in range(50)]


def find_choice(page, search, typed, told):
    """Search for what a list offers, until that is told of what is found."""
    page.get_by_role("searchbox", name=search).fill(typed)
    page.keyboard.press("Enter")
    page.get_by_text(told).wait_for()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_all_shown_are_ticked_by_keyboard_and_labelled(staff, live_server, label, people):
    staff.set_viewport_size({"width": 390, "height": 844})
    staff.emulate_media(color_scheme="dark")
    staff.goto(f"{live_server.url}/people/?who=ann*&label_search=none")
    every = staff.get_by_label("All shown")
    faults = find_faults(staff, "people", 390, "dark")

    staff.get_by_label("Tick anne").focus()
    staff.keyboard.press("Space")
    assert every.evaluate("box => box.indeterminate")
    every.focus()
    staff.keyboard.press("Space")
    ticks = staff.locator("input[name=person]:checked")
    assert ticks.count() == 3
    found = staff.get_by_role("radio", name="All 3 people found")
    found.check()
    staff.get_by_label("Tick anny").uncheck()
    assert not found.is_checked()  # who unticks somebody does not mean everybody
    find_choice(staff, "Find a label by its name", "vip", "1 is found.")
    staff.get_by_role("combobox", name="Label").select_option("VIP")
    find_choice(staff, "Find a label by its name", "none", "0 are found.")
    staff.get_by_role("button", name="Add the label").press("Enter")

    staff.wait_for_url("**/jobs/*/")
    drain_jobs()
    assert list_carriers(label) == ["anna", "anne"]
    assert faults == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_search_of_a_page_leaves_what_is_typed_beside_it(staff, live_server, label, people):
    Segment.objects.create(app=label.app, name="Night owls", expression={"all": True})
    staff.goto(f"{live_server.url}{reverse('label', args=[label.pk])}?segment_search=none")
    staff.get_by_label("Description").fill("half")
    staff.get_by_role("textbox", name="Ids").fill("1042")
    find_choice(staff, "Find a segment by its name", "owls", "1 is found.")
    segment = staff.get_by_role("combobox", name="Segment")
    segment.select_option("Night owls")
    find_choice(staff, "Find a segment by its name", "none", "0 are found.")
    staff.get_by_role("searchbox", name="Any id").fill("anne")
    staff.keyboard.press("Enter")
    staff.get_by_role("button", name="Add anne").wait_for()

    kept = [staff.get_by_role("textbox", name=name).input_value() for name in ("Desc", "Ids")]
    chosen = segment.input_value()
    staff.goto(f"{live_server.url}{reverse('person', args=[people[0].pk])}?label_search=none")
    staff.get_by_label("Reason").fill("asked by e-mail")
    find_choice(staff, "Find a label by its name", "vip", "1 is found.")

    assert kept == ["half", "1042"]
    assert chosen == str(Segment.objects.get().pk)
    assert staff.get_by_label("Reason").input_value() == "asked by e-mail"
