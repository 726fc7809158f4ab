"""The editor of failover scenarios: every door of the form, with and without a browser's help."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.urls import reverse

from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import AuditEntry, Campaign, Scenario
from campaigns.services.campaigns import create_campaign
from campaigns.services.scenarios import (
    ScenarioValues,
    delete_scenario,
    update_scenario,
    write_version,
)
from tests import builders

pytestmark = pytest.mark.django_db
PUSH = {"channel": "push", "app": "", "sender": "", "wait": "15", "unit": "60", "price": ""}
SMS = {"channel": "sms", "app": "", "sender": "Shop", "wait": "2", "unit": "3600", "price": "0.045"}
MAIL = {"channel": "email", "app": "", "sender": "", "wait": "1", "unit": "3600", "price": ""}
PUSH_STEP = {"channel": "push", "sender": "", "wait": 90, "price": "0.001"}
LAST_STEP = {"channel": "sms", "sender": "Shop", "wait": None, "price": "0.045"}


def fill(*steps, **fields):
    body = {"name": "Reach them", "run_by": "us", "steps-TOTAL_FORMS": str(len(steps)), **fields}
    for number, step in enumerate(steps):
        body |= {f"steps-{number}-{name}": value for name, value in step.items()}
    return body


def add(client, workspace, *steps, **fields):
    return client.post(
        reverse("admin:campaigns_scenario_add"), fill(*steps, workspace=workspace.pk, **fields)
    )


def change(client, scenario, *steps, **fields):
    address = reverse("admin:campaigns_scenario_change", args=[scenario.pk])
    version = re.search(r'name="version" value="(\w*)"', client.get(address).content.decode())
    body = fill(*steps, **{"version": version[1] if version else "", **fields})
    return client.post(address, body)


def read_steps(answer):
    """What the page shows in the fields of each step."""
    form = answer.context["adminform"].form
    return [{name: step[name].value() or "" for name in step.fields} for step in form.steps]


@pytest.fixture
def staff(client, owner):
    client.force_login(owner)
    return client


@pytest.mark.database
def test_what_is_filled_in_is_kept_and_leaves_an_entry(staff, workspace, app):
    answer = add(staff, workspace, {**PUSH, "app": str(app.pk)}, SMS, MAIL, is_default="on")

    made = Scenario.objects.get()
    assert answer.status_code == 302
    assert (made.name, made.is_default) == ("Reach them", True)
    assert made.steps == [
        {"channel": "push", "sender": str(app.pk), "wait": 900, "price": ""},
        {"channel": "sms", "sender": "Shop", "wait": 7200, "price": "0.045"},
        {"channel": "email", "sender": "", "wait": None, "price": ""},
    ]
    entry = AuditEntry.objects.get(target_type="scenario")
    assert (entry.actor, entry.verb, entry.target_id) == ("owner", "create", str(made.pk))


def test_a_scenario_opens_as_it_was_saved(staff, workspace):
    add(staff, workspace, {**PUSH, "app": ""}, SMS, run_by="vendor")
    Scenario.objects.update(steps=[{**PUSH_STEP, "sender": "an-identifier"}, LAST_STEP])
    scenario = Scenario.objects.get()

    page = staff.get(reverse("admin:campaigns_scenario_change", args=[scenario.pk]))
    answer = change(staff, scenario, *read_steps(page), name="Renamed", run_by="vendor")

    kept = Scenario.objects.get()
    assert answer.status_code == 302
    assert (kept.name, kept.steps, kept.run_by) == ("Renamed", scenario.steps, "vendor")
    assert AuditEntry.objects.filter(verb="update").get().fields == ["name"]


@pytest.mark.parametrize(
    ("button", "channels", "focus"),
    [
        ("add", ["push", "sms", "email", "sms"], "id_steps-3-channel"),
        ("down-0", ["sms", "push", "email"], "step-1-down"),
        ("up-1", ["sms", "push", "email"], "step-0-down"),
        ("remove-0", ["sms", "email"], "id_steps-0-channel"),
        ("remove-7", ["push", "sms", "email"], ""),
        ("up-0", ["push", "sms", "email"], ""),
        ("up-٣", ["push", "sms", "email"], ""),
    ],
)
def test_a_button_changes_the_steps_and_saves_nothing(staff, workspace, button, channels, focus):
    wrong = {**MAIL, "wait": "soon"}

    answer = add(staff, workspace, PUSH, SMS, wrong, name="", _step=button)

    assert [step["channel"] for step in read_steps(answer)] == channels
    html = answer.content.decode()
    focused = re.findall(r"<\w[^>]*\bautofocus\b[^>]*>", html)
    assert [focus][: bool(focus)] == [re.search(r'id="([\w-]+)"', tag)[1] for tag in focused]
    assert "pa-error" not in html
    assert not Scenario.objects.exists()


def test_there_are_five_steps_at_most_and_one_at_least(staff, workspace):
    full = add(staff, workspace, *[SMS] * 5, _step="add")
    over = add(staff, workspace, *[SMS] * 9, _step="remove-0")
    single = add(staff, workspace, SMS, _step="remove-0")
    none = add(staff, workspace)

    assert [len(read_steps(answer)) for answer in (full, over, single)] == [5, 4, 1]
    assert "Five steps are the most." in full.content.decode()
    assert "Give one to 5 steps." in none.content.decode()
    assert not Scenario.objects.exists()


@pytest.mark.parametrize(
    ("steps", "field", "sentence"),
    [
        ([SMS, PUSH], "id_steps-1-channel", "A push can only be the first step."),
        (
            [{**PUSH, "wait": "soon"}, SMS],
            "id_steps-0-wait",
            "Let it wait from 60 to 172800 seconds",
        ),
        ([{**PUSH, "wait": "3", "unit": "1"}, SMS], "id_steps-0-wait", "one minute to two days"),
        ([{**SMS, "sender": "a" * 17}], "id_steps-0-sender", "16 characters"),
        ([{**SMS, "price": "a lot"}], "id_steps-0-price", "A price is a decimal number"),
        ([{**SMS, "price": "1E-999999"}], "id_steps-0-price", "up to 9 decimals"),
        ([{**SMS, "price": "0E+999999"}], "id_steps-0-price", "up to 9 decimals"),
        ([{**PUSH, "app": "77"}], "id_steps-0-app", "77"),
    ],
)
def test_what_is_wrong_stays_with_its_field(staff, workspace, steps, field, sentence):
    answer = add(staff, workspace, *steps)

    html = answer.content.decode()
    fault = html.split(f'id="{field}_error"', 1)[1].split("</div>", 1)[0]
    assert sentence in fault
    assert f'aria-describedby="{field}_error' in html or f'{field}_error" id="{field}"' in html
    assert not Scenario.objects.exists()


@pytest.fixture
def scenario(workspace):
    return Scenario.objects.create(
        workspace=workspace, name="Reach them", steps=[PUSH_STEP, LAST_STEP]
    )


def use(scenario, app, owner, now):
    body = {"audience": {"all": True}, "message": {"title": "Hi"}, "scenario": scenario.key}
    return create_campaign(
        owner, {**body, "app": app.slug, "name": "Autumn"}, actor="owner", now=now
    )


def test_a_page_that_is_out_of_date_changes_nothing(staff, scenario):
    refused = change(staff, scenario, SMS, name="Mine", version="0" * 16)

    assert "Somebody else has just changed this. Reload the page." in refused.content.decode()
    assert Scenario.objects.get().name == "Reach them"


@pytest.mark.database
def test_nobody_undoes_what_another_did_between_the_check_and_the_saving(scenario, now):
    shown, mine = write_version(scenario), ScenarioValues("Mine", [PUSH_STEP, LAST_STEP])
    Scenario.objects.update(name="Theirs", archived_at=now)

    with pytest.raises(Conflict, match="Somebody else has just changed this"):
        update_scenario(scenario, mine, actor="owner", now=now, version=shown)
    with pytest.raises(Conflict, match="archived"):
        update_scenario(scenario, replace(mine, is_default=True), actor="owner", now=now)
    update_scenario(scenario, mine, actor="owner", now=now)

    kept = Scenario.objects.get()
    assert (kept.name, kept.archived_at) == ("Mine", now)


def test_a_scenario_that_is_gone_is_neither_saved_nor_forgotten_again(scenario, now):
    Scenario.objects.all().delete()

    with pytest.raises(NotFound):
        update_scenario(scenario, ScenarioValues("Mine", [LAST_STEP]), actor="owner", now=now)
    with pytest.raises(NotFound):
        delete_scenario(scenario, actor="owner", now=now)

    assert not Scenario.objects.exists()


@pytest.mark.parametrize("count", ["9" * 5000, "-1", "²", "", "1e3"])
def test_a_count_of_steps_that_is_no_number_leaves_none(staff, workspace, count):
    answer = add(staff, workspace, PUSH, **{"steps-TOTAL_FORMS": count})

    assert "Give one to 5 steps." in answer.content.decode()


@pytest.mark.database
def test_a_new_default_takes_the_place_of_the_present_one(staff, workspace, scenario):
    Scenario.objects.update(is_default=True)

    add(staff, workspace, SMS, name="Text only", is_default="on")

    assert list(Scenario.objects.filter(is_default=True).values_list("name", flat=True)) == [
        "Text only"
    ]


def test_an_app_of_another_workspace_is_no_sender(client, workspace, superuser):
    foreign = builders.make_app(builders.make_workspace("other"), slug="foreign")
    client.force_login(superuser)

    answer = add(client, workspace, {**PUSH, "app": str(foreign.pk)}, SMS)

    assert "Choose an app of the scenario&#x27;s own workspace." in answer.content.decode()
    assert not Scenario.objects.exists()


@pytest.mark.database
def test_who_may_only_look_sees_the_steps_and_no_button(client, scenario, colleague):
    client.force_login(colleague)
    address = reverse("admin:campaigns_scenario_change", args=[scenario.pk])

    page = client.get(address).content.decode()
    posted = change(client, scenario, SMS)
    archived = client.post(reverse("admin:campaigns_scenario_do", args=[scenario.pk, "archive"]))

    assert "0:01:30" in page
    assert "0.045" in page
    assert 'name="_step"' not in page
    assert (posted.status_code, archived.status_code) == (403, 403)
    assert Scenario.objects.get().steps == [PUSH_STEP, LAST_STEP]


def test_a_page_says_by_which_account_a_text_leaves(staff, scenario, app):
    address = reverse("admin:campaigns_scenario_change", args=[scenario.pk])
    without = staff.get(address).content.decode()
    builders.make_route(app, "sms")

    facts = staff.get(address).context["panel"]["facts"]

    assert "no route yet: add one on an app&#x27;s page" in without
    assert f"({app})" in next(fact.text for fact in facts if fact.label == "SMS leaves by")
    assert "0.046" in [fact.text for fact in facts]


@pytest.mark.database
def test_what_campaigns_use_is_neither_archived_nor_deleted(staff, scenario, app, owner, now):
    campaign = use(scenario, app, owner, now)
    verbs = [reverse("admin:campaigns_scenario_do", args=[scenario.pk, "archive"])]
    verbs += [reverse("admin:campaigns_scenario_delete", args=[scenario.pk])]

    tried = [staff.post(url, {"post": "yes"}, follow=True).content.decode() for url in verbs]
    campaign.move_to(Campaign.Status.CANCELLED, actor="owner", now=now)
    deleted = staff.post(verbs[1], {"post": "yes"}, follow=True).content.decode()
    kept = Scenario.objects.get()
    staff.post(verbs[0])

    assert all("The campaign Autumn uses this scenario" in html for html in tried)
    assert "Archive it" in deleted
    assert kept.archived_at is None
    assert Scenario.objects.get().archived_at is not None


@pytest.mark.database
def test_nobody_can_choose_what_is_archived_until_it_is_restored(staff, scenario, app, owner, now):
    archive, restore = (
        reverse("admin:campaigns_scenario_do", args=[scenario.pk, verb])
        for verb in ("archive", "restore")
    )
    staff.post(archive)
    compose = staff.get(reverse("compose")).content.decode()
    with pytest.raises(Invalid, match="is archived; restore it or choose another"):
        use(scenario, app, owner, now)
    refused = change(staff, scenario, SMS, is_default="on")

    staff.post(restore)

    assert scenario.key not in compose
    assert refused.status_code == 200
    assert not Scenario.objects.filter(is_default=True).exists()
    assert use(scenario, app, owner, now).scenario == scenario
    entries = AuditEntry.objects.filter(target_type="scenario").order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == ["archive", "restore"]
