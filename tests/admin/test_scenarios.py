"""The editor of failover scenarios: every door of the form, with and without a browser's help."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.models import AuditEntry, Scenario

pytestmark = pytest.mark.database
PUSH = {"channel": "push", "app": "", "sender": "", "wait": "15", "unit": "60", "price": ""}
SMS = {"channel": "sms", "app": "", "sender": "Shop", "wait": "2", "unit": "3600", "price": "0.045"}
MAIL = {"channel": "email", "app": "", "sender": "", "wait": "1", "unit": "3600", "price": ""}


def fill(*steps, **fields):
    body = {"name": "Reach them", "steps-TOTAL_FORMS": str(len(steps)), **fields}
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
    add(staff, workspace, PUSH, SMS)
    scenario = Scenario.objects.get()

    page = staff.get(reverse("admin:campaigns_scenario_change", args=[scenario.pk]))
    answer = change(staff, scenario, *read_steps(page), name="Renamed")

    kept = Scenario.objects.get()
    assert answer.status_code == 302
    assert (kept.name, kept.steps) == ("Renamed", scenario.steps)
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
    assert focus == "".join(re.findall(r'id="([\w-]+)"[^>]* autofocus', html))
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
        ([{**PUSH, "wait": "soon"}, SMS], "id_steps-0-wait", "It waits 60 to 172800 seconds"),
        ([{**PUSH, "wait": "3", "unit": "1"}, SMS], "id_steps-0-wait", "It waits 60 to 172800"),
        ([{**SMS, "sender": "a" * 17}], "id_steps-0-sender", "16 characters"),
        ([{**SMS, "price": "a lot"}], "id_steps-0-price", "A price is a decimal number"),
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
