"""Variables of messages: what is refused when it is saved, what somebody would read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from campaigns.errors import Invalid
from campaigns.models import App
from campaigns.selectors.personal import find_variable_fault, list_fixed
from campaigns.services.campaign_values import read_campaign
from campaigns.services.personalisation import find_faults, list_variables, render_for
from providers.liquid_sandbox import FILTERS
from providers.message import PushMessage
from providers.message_json import read_message
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PAGE = Path(__file__).parents[2] / "docs/personalisation.md"
NAME = "{{ person.custom.name }}"


@pytest.fixture
def app() -> App:
    return builders.make_app(builders.make_workspace())


def read(**body: Any) -> PushMessage:
    return read_message({"template": "liquid", **body})


def test_the_page_says_what_is_refused_and_what_there_is(app: App) -> None:
    text = PAGE.read_text()
    good, bad, faults = map(json.loads, re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    root = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    asked = {"app": "shop", "audience": {"all": True}, "message": bad}

    with pytest.raises(Invalid) as caught:
        read_campaign(root, asked, actor="ann", now=datetime.now(UTC))

    assert caught.value.fields == faults
    assert find_faults(read_message(good)) == {}
    assert re.search(r"Filters: (.*?)\. There", text, re.DOTALL)[1].split() == [
        f"`{name}`" + ("," if name != "upcase" else "") for name in FILTERS
    ]


def test_what_may_have_been_meant_is_told_of_what_there_is() -> None:
    known = ["person.custom.first_name", "device.custom.tier"]
    custom = "a custom attribute is written person.custom.first_name"

    assert "did you mean person.email?" in find_variable_fault("person.emial")
    assert find_variable_fault("person.first_name").endswith(custom)
    assert "did you mean person.custom.first_name?" in find_variable_fault("first_name", known)
    assert "did you mean device.custom.tier?" in find_variable_fault("person.tier", known)
    assert [find_variable_fault(name) for name in list_fixed()] == [""] * len(list_fixed())


@pytest.mark.parametrize(
    "name", ["device.token", "device.tag", "person.label", "person", "now", ""]
)
def test_what_is_no_value_of_a_recipient_is_no_variable(name: str) -> None:
    assert find_variable_fault(name)


def test_variables_are_listed_with_their_fields() -> None:
    message = read(
        title=NAME,
        body="{{ device.model | default: 'x' }}",
        translations={"de": {"title": NAME}},
        defaults={"person.custom.name": "you"},
    )

    assert [(one.name, one.fields, one.is_required) for one in list_variables(message)] == [
        ("device.model", ("body",), False),
        ("person.custom.name", ("title", "translations.de.title"), False),
    ]
    assert list_variables(PushMessage(title=NAME)) == ()


def test_a_device_reads_its_own_and_its_persons_values_and_no_other_apps(app: App) -> None:
    other = builders.make_app(app.workspace, "other")
    ann = builders.make_person(app.workspace, attributes={"name": "Ann"}, language="de-AT")
    mine = builders.make_device(app, "a", person=ann, attributes={"tier": "gold"})
    theirs = builders.make_device(other, "b", person=ann, attributes={"tier": "secret"})
    body = "{{ person.custom.name }} {{ device.custom.tier }} {{ app.name }}"
    message = read(body=body, translations={"de": {"body": f"Hallo {body}"}})

    found = render_for(message, app, mine)
    foreign = render_for(message, app, theirs)

    assert found.message is not None
    assert found.message.body == "Hallo Ann gold Shop"
    assert found.message.template == ""
    assert (foreign.message, foreign.missing) == (None, "person.custom.name")


def test_a_person_reads_an_sms_without_any_device(app: App) -> None:
    ann = builders.make_person(app.workspace, attributes={"name": "Ann"})
    builders.make_device(app, "a", person=ann, model="X1")
    message = read(title=NAME, body="{{ device.model }}", sms={"body": f"Hi {NAME}"})

    sms = render_for(message, app, ann, channel="sms")
    mail = render_for(message, app, ann, channel="email")

    assert sms.message is not None
    assert sms.message.sms is not None
    assert sms.message.sms.body == "Hi Ann"
    assert (mail.message, mail.missing) == (None, "device.model")
