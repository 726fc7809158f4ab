"""Beside the form stands how long a message is for each gateway, and who gets which language."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from campaigns.models import Account
from tests import builders
from tests.pages.test_compose_panel import look

__all__ = ["look"]
GERMAN = {"translations-TOTAL_FORMS": "1", "translations-0-language": "de"}


@pytest.fixture
def routed(app):
    """iOS over an account of its own, beside Android over the first."""
    route = builders.make_route(app, "ios")
    route.account = Account.objects.create(
        workspace=app.workspace, name="Second", dialect=route.account.dialect
    )
    route.save()
    builders.make_device(app, "phone", "ios", language="de-AT")
    return app


def read_sizes(panel):
    """What stands at each platform and account: the sentence, whether it is marked, the vendor's
    words."""
    card = panel.partition('aria-labelledby="pa-sizes-title"')[2].partition("</section>")[0]
    rows = re.findall(
        r'pa-strong">(\w+)</span> → (\w+)</span><span class="([^"]*)">([^<]*)</span></p>'
        r'<meter[^>]* max="(\d+)"[^>]* value="(\d+)".*?pa-muted">([^<]*)</p>',
        card,
    )
    return {
        (platform, account): (words, "pa-over" in marks, int(value), int(limit), unescape(more))
        for platform, account, marks, words, limit, value, more in rows
    }


def read_json(panel, name):
    return json.loads(re.search(rf'id="{name}" type="application/json">(.*?)</script>', panel)[1])


def count_bytes(**fields):
    """Of what the sandbox is given, letter by letter."""
    return len(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.usefixtures("routed")
def test_the_bytes_of_the_longest_language_stand_at_every_route(look):
    panel = look(**GERMAN, title="Hi", **{"translations-0-body": "Grüße an alle"})

    common = count_bytes(title="Hi", body="Hello")
    german = count_bytes(title="Hi", body="Grüße an alle")
    more = "Sandbox: the longest is the text in German."
    told = (f"{german} of 4,096 bytes", False, german, 4096, more)
    assert read_sizes(panel) == {("Android", "Sandbox"): told, ("iOS", "Second"): told}
    words = {
        "": f"Sandbox: {common} of 4,096 bytes",
        "de": f"Sandbox: {german} of 4,096 bytes",
    }
    assert read_json(panel, "pa-size-words") == {"android": words, "ios": words}


@pytest.mark.usefixtures("routed")
def test_what_is_too_long_is_marked_and_blocks(look):
    long = {"title": "é" * 100, "body": "x" * 3900}

    panel = look(**long)

    assert count_bytes(**long) == 4122
    words, is_over, value, limit, _more = read_sizes(panel)["iOS", "Second"]
    assert (words, is_over, value, limit) == ("4,122 of 4,096 bytes", True, 4122, 4096)
    assert "data-pa-blocked" in panel


@pytest.mark.usefixtures("routed")
def test_a_platform_without_recipients_has_no_size(look, app):
    app.devices.filter(platform="ios").delete()

    assert set(read_sizes(look())) == {("Android", "Sandbox")}


@pytest.mark.usefixtures("routed")
def test_how_many_get_which_text_and_who_gets_none_of_their_own_is_told(look, app):
    for number, language in enumerate(["fr", "fr", "it"]):
        builders.make_device(app, f"more-{number}", language=language)

    panel = look(**GERMAN, **{"translations-0-body": "Hallo"})

    missing = panel.partition('id="pa-missing"')[2].partition("</div></div>")[0]
    assert read_json(panel, "pa-texts") == {"": 4, "de": 1}
    assert "3 recipients read another language and get the default text" in missing
    assert "French (2), Italian (1)" in " ".join(missing.split())


def test_where_everybody_gets_their_language_none_is_missed(look):
    panel = look(**GERMAN, **{"translations-0-body": "Hallo"})

    assert read_json(panel, "pa-texts") == {"": 1, "de": 0}
    assert "read another language" not in panel
