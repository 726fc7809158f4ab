"""Every form of every operator page is sent filled in as nobody should: none falls over, runs what
was typed, refuses without a word beside the field that it is about, or loses what somebody has
written.

PUSHADMIN_FUZZ=full also spoils each field alone, in every way, and presses every button.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns.pages.urls import urlpatterns
from tests.compat.test_fuzz import IS_FULL
from tests.operator_pages import PAGES, find_address
from tests.pages.bad_input import BAD, Sender, Way, fill_in, list_ways
from tests.pages.read_faults import find_lost_messages
from tests.pages.read_form import TYPED
from tests.pages.test_every_page import fill

pytestmark = pytest.mark.django_db
QUICK = ("nothing", "markup")
# What people type is spoilt at once; what they can only choose is forged field by field.
FILLED = {*TYPED, "password", "file"}
SAYS_WHAT = re.compile(r'class="pa-error"[^>]*>([^<]+)')
NOT_OURS = "csrfmiddlewaretoken"


@pytest.fixture
def rows(client, monkeypatch) -> dict[str, Any]:
    rows = fill(20, monkeypatch)
    client.force_login(get_user_model().objects.get(username="admin"))
    return rows


def list_all(client: Any, rows: dict[str, Any]) -> dict[Any, Way]:
    """Each sort of form once, and each button of it in the full form."""
    found: dict[Any, Way] = {}
    pieces = [reverse("review_checks", args=[rows[name]]) for name in ("draft", "in_review")]
    for address in (*(find_address(shown, rows) for shown in PAGES), *pieces):
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


def test_no_form_loses_what_was_typed_where_its_row_has_changed_meanwhile(client, rows):
    ways = [way for way in list_all(client, rows).values() if "version" in way.form.kinds]
    sender = Sender(client)

    faults = [
        f"{way.address} {way.extra}: {fault}"
        for way in ways
        for areas in [[name for name, kind in way.form.kinds.items() if kind == "textarea"]]
        for fault in sender.judge(way, {"version": "old"} | dict.fromkeys(areas, "[1]"))
    ]

    assert {way.key[1] for way in ways} >= {"campaign_review", "campaign_approval"}
    assert faults == []


def test_a_line_break_is_one_character_as_a_browser_counts_it(client, rows):
    ways = [way for way in list_all(client, rows).values() if list_bounded_areas(way)]
    sender = Sender(client)

    told = {
        f"{way.address} {name}": [
            tell_answer(*sender.send(way, fill_in(way, {name: text})))
            for text in (lines, lines.replace("\n", "\r\n"))
        ]
        for way in ways
        for name in list_bounded_areas(way)
        for lines in [fill_lines(way.form.most[name])]
    }

    assert len(told) > 5
    assert {where: answers for where, answers in told.items() if answers[0] != answers[1]} == {}


def list_bounded_areas(way: Way) -> list[str]:
    return [name for name in way.form.most if way.form.kinds[name] == "textarea"]


def fill_lines(letters: int) -> str:
    """As much as a browser lets one type, a line break in every hundred letters."""
    return ("x" * 99 + "\n") * (letters // 100 - 1) + "x" * (100 + letters % 100)


def tell_answer(answer: Any, text: str) -> tuple[int, list[str]]:
    """How it was answered, and what it says is wrong."""
    return answer.status_code, SAYS_WHAT.findall(text)


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
