"""What a page of a long message left where it is not any more, or says to have left: nothing is
lost by it, and no page breaks."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Message, MessageTemplate
from campaigns.pages.stored_texts import LEFT
from tests.pages import test_long_message as long_message
from tests.pages.test_compose_keeps import read_all
from tests.pages.test_long_message import (
    LONG,
    LONG_FIELDS,
    SHORT,
    find_place,
    find_texts,
    open_form,
)

pytestmark = pytest.mark.database
make = long_message.make


@pytest.mark.parametrize("action", ["draft", "redraw"])
@pytest.mark.parametrize("kind", ["copy", "template"])
def test_a_long_field_that_is_not_stored_any_more_is_not_lost_by_the_next_save(
    client, make, app, now, kind, action
):
    """Neither after the page that refuses it, nor after the one of another app."""
    content = {name: value for name, value in LONG_FIELDS.items() if name != "translations"}
    named = {"name": "Kept", "created_at": now, "updated_at": now}
    kept = MessageTemplate.objects.create(
        workspace=app.workspace, app=app, content=content, **named
    )
    source = {"copy": make(content), "template": kept}[kind]
    address = f"{reverse('compose')}?{kind}={source.pk}"
    form = read_all(client.get(address).content.decode())
    Campaign.objects.update(message=Message.objects.create(app=app, content=SHORT))
    MessageTemplate.objects.update(updated_at=now + timedelta(days=1))

    again = client.post(reverse("compose"), form | {"action": action}).content.decode()
    begun = client.post(reverse("autosave"), read_all(again)).json()
    saved = client.post(reverse("compose"), read_all(again))

    assert read_all(again)["left_field"] == form["left_field"]
    assert "This text is not stored so any more" in again
    assert (begun["campaign"], saved.status_code) == (None, 422)
    assert Campaign.objects.filter(message__content=SHORT).count() == Campaign.objects.count()


@pytest.mark.parametrize("language", ["\ud800", "x" * 65, "de"])
@pytest.mark.parametrize("number", [float("inf"), 400, 60])
def test_what_no_page_says_of_languages_that_it_leaves_is_refused(client, make, language, number):
    """Half a character among them, which no page could be drawn with, and what is too long."""
    campaign = make()
    form = open_form(client, find_place(campaign))
    form["translations-TOTAL_FORMS"] = "61"
    form[LEFT] = json.dumps([*json.loads(form[LEFT]), [number, language]])

    answer = client.post(find_place(campaign), form)

    assert answer.status_code == (422 if (number, language) == (60, "de") else 400)
    assert find_texts(campaign) == LONG["translations"]
