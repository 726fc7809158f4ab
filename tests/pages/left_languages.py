"""What a browser does with languages whose texts are not in the page: it fetches one to show it."""

from __future__ import annotations

import json

from django.urls import reverse

from campaigns.pages.stored_texts import LEFT, STORED_IN
from tests.pages.read_form import read_form

FORM = '<form id="pa-compose-form">{}</form>'


def list_left(form):
    """By language the number of each row that the page has left where it is stored."""
    return {left[1]: left[0] for left in json.loads(form[LEFT])}


def open_language(client, form, language):
    """Its number, once the form holds its texts, too."""
    number = list_left(form)[language]
    asked = {STORED_IN: form[STORED_IN], "language": language, "number": number}
    answer = client.get(reverse("texts"), asked)
    assert answer.status_code == 200
    form.update(read_form(FORM.format(answer.content.decode())))
    form[LEFT] = json.dumps([one for one in json.loads(form[LEFT]) if one[0] != number])
    return number
