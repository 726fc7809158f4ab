"""Every form of every operator page is sent filled in as nobody should: none falls over, runs what
was typed, refuses without a word beside the field that it is about, or loses what somebody has
written.

PUSHADMIN_FUZZ=full also spoils each field alone, in every way, and presses every button.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns.pages.urls import urlpatterns
from tests.compat.test_fuzz import IS_FULL
from tests.operator_pages import PAGES, find_address
from tests.pages.bad_input import BAD, Sender, Way, list_ways
from tests.pages.read_faults import find_lost_messages
from tests.pages.read_form import TYPED
from tests.pages.test_every_page import fill

pytestmark = pytest.mark.django_db
QUICK = ("nothing", "markup")
# What people type is spoilt at once; what they can only choose is forged field by field.
FILLED = {*TYPED, "password", "file"}
NOT_OURS = "csrfmiddlewaretoken"


@pytest.fixture
def rows(client, monkeypatch) -> dict[str, Any]:
    rows = fill(20, monkeypatch)
    client.force_login(get_user_model().objects.get(username="admin"))
    return rows


def list_all(client: Any, rows: dict[str, Any]) -> dict[Any, Way]:
    """Each sort of form once, and each button of it in the full form."""
    found: dict[Any, Way] = {}
    for shown in PAGES:
        address = find_address(shown, rows)
        for way in list_ways(client.get(address).content.decode(), address):
            found.setdefault((way.key, way.extra if IS_FULL else None), way)
    return found


def list_changes(way: Way) -> Iterator[tuple[str, dict[str, str]]]:
    """How the fields of a form are filled in, all at once or one alone, with its words."""
    kinds = {name: kind for name, kind in way.form.kinds.items() if name != NOT_OURS}
    for words in BAD if IS_FULL else QUICK:
        filled = {name: kind for name, kind in kinds.items() if kind in FILLED}
        yield words, {name: spoil(kind, words) for name, kind in filled.items()}
        if IS_FULL:
            for name, kind in kinds.items():
                yield f"{name}: {words}", {name: spoil(kind, words)}


def spoil(kind: str, words: str) -> str:
    return words if kind == "file" else BAD[words]


def test_no_form_falls_over_runs_what_was_typed_or_loses_it(client, rows):
    ways, sender = list_all(client, rows), Sender(client)

    faults = {
        f"{way.method} {way.address} {way.extra}, {words}: {fault}"
        for way in ways.values()
        for words, changed in list_changes(way)
        for fault in sender.judge(way, changed)
    }

    assert len(ways) > 40
    assert sorted(faults) == []


@pytest.mark.parametrize(
    ("page", "lost"),
    [
        ('<div class="pa-field"><input name="a" aria-invalid="true" aria-describedby="a_error">'
         '<div id="a_error"><p class="pa-error">No.</p></div></div>', []),
        ('<div class="pa-field"><input name="a" aria-describedby="a_error"></div>'
         '<div class="pa-field"><p class="pa-error" id="a_error">No.</p></div>',
         ["no field beside it names 'No.' (a_error)"]),
        ('<div class="pa-field"><input name="a" aria-invalid="true"></div>'
         '<p class="pa-error">No.</p>', ["does not say what is wrong with a"]),
        ('<p class="pa-error">No, all of it.</p>', []),
    ],
)  # fmt: skip
def test_a_message_stands_beside_the_field_that_names_it(page, lost):
    assert list(find_lost_messages(page)) == lost


def test_no_address_falls_over_a_number_that_no_row_can_have(client, superuser):
    client.force_login(superuser)
    named = {"pk": 2**70, "number": 2**70, "verb": "x", "decision": "approve", "role": "upload"}
    patterns = [pattern for pattern in urlpatterns if "pk" in pattern.pattern.converters]

    answers = {
        (method, pattern.name): getattr(client, method)(address).status_code
        for pattern in patterns
        for names in [pattern.pattern.converters]
        for address in [reverse(pattern.name, kwargs={name: named[name] for name in names})]
        for method in ("get", "post")
    }

    assert len(answers) > 80
    assert {call: status for call, status in answers.items() if status not in {404, 405}} == {}
