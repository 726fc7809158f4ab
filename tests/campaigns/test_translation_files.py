"""Texts leave as a file and come back: compared, refused line by line, taken in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from campaigns.api.translation_shapes import TranslationDiffShape
from campaigns.errors import Conflict, Invalid
from campaigns.models import Campaign
from campaigns.services.campaigns import create_campaign
from campaigns.services.translation_files import (
    apply_translations,
    compare_translations,
    write_translation_csv,
    write_translation_json,
)
from providers.message_faults import find_address_faults, find_message_faults
from providers.message_json import read_message

pytestmark = pytest.mark.database
PAGE = Path(__file__).parents[2] / "docs/composing.md"
NASTY = {
    "title": "Sale", "body": "Now",
    "translations": {
        "de": {"title": "=SUM(A1)", "body": "Eins;=zwei\nDrei, \"vier\"", "ios": {"body": "-5 %"},
               "buttons": ["", "=1"], "web": {"buttons": ["-Auf", "Zu"]},
               "in_app": {"open_title": "=Zeig"}},
        "pt-BR": {"title": "", "body": "Oi", "buttons": ["Ver"]},
    },
}  # fmt: skip


def read_page():
    blocks = re.findall(r"```(json|csv)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (_json, message), (_csv, file), (_more, difference) = blocks
    return json.loads(message), file, json.loads(difference)


def test_the_page_says_what_a_file_comes_to():
    message, file, difference = read_page()

    assert find_message_faults(message) == {}
    assert find_address_faults(read_message(message)) == {}
    assert TranslationDiffShape(compare_translations(message, file)).data == difference


@pytest.mark.parametrize("write", [write_translation_csv, write_translation_json])
def test_what_went_out_comes_back_as_it_was_and_no_sheet_runs_it(write):
    text = write(NASTY).decode()

    found = compare_translations(NASTY, "\ufeff" + text)

    assert (found.same, found.is_empty, found.rejected) == (["de", "pt-BR"], True, [])
    assert "\r\nde,=" not in text


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_file_that_a_sheet_has_saved_in_another_country_is_the_same(mark):
    text = f'language{mark}title{mark}body\nfr{mark}"Un{mark} deux"{mark}"Ici, là\nou là"\n'

    found = compare_translations(NASTY, text)

    assert (found.new, found.rejected) == (["fr"], [])
    assert found.translations["fr"]["title"] == f"Un{mark} deux"
    assert found.translations["fr"]["body"] == "Ici, là\nou là"


def test_a_language_may_say_the_text_of_one_channel_alone():
    found = compare_translations({"sms": {"body": "Hi"}}, "language,sms.body\nde,Hallo\n")

    assert (found.new, found.rejected) == (["de"], [])
    assert found.translations["de"]["sms"] == {"body": "Hallo"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "language, title"),
        ("title,body\n", "language, title"),
        ("language,words\nde,x\n", "language, title"),
        ('language,body\nde,"x', "no CSV"),
        ("{", "no JSON"),
        ("x" * 2_000_001, "two million"),
    ],
)
def test_a_file_that_is_none_says_why(text, words):
    with pytest.raises(Invalid) as refusal:
        compare_translations(NASTY, text)

    assert words in refusal.value.fields["file"]


def test_lines_are_refused_one_by_one():
    lines = ["language,title,body", "de,a,b", "de,c,d", "fr,e,", f"it,{'x' * 1025},y", "es,n\0,o"]

    found = compare_translations(NASTY, "\n".join(lines))
    other = compare_translations(NASTY, json.dumps({"nl": 7, "sv": {"body": 1, "odd": "x"}}))

    assert found.changed == ["de"]
    assert [(line.row, line.language) for line in found.rejected] == [
        (3, "de"), (4, "fr"), (5, "it"), (6, "es"),
    ]  # fmt: skip
    assert [line.reason for line in other.rejected] == ["must be an object", "body: must be a text"]
    assert found.translations["pt-BR"] == NASTY["translations"]["pt-BR"]


def test_only_a_draft_takes_texts_in(app, owner, now):
    body = {"name": "Sale", "audience": {"all": True}, "message": NASTY}
    campaign = create_campaign(owner, body, actor="ann", now=now)
    file = "language,body\nfr,Ici\n"

    apply_translations(campaign, owner, file, actor="eve", now=now)
    texts = Campaign.objects.get().message.content["translations"]
    Campaign.objects.update(status="sent")
    campaign.refresh_from_db()

    assert set(texts) == {"de", "pt-BR", "fr"}
    assert campaign.written_by == ["ann", "eve"]
    with pytest.raises(Conflict):
        apply_translations(campaign, owner, "language,body\nsv,Ja\n", actor="eve", now=now)
