"""A message in many languages at length: no page holds all of it, and no save loses any of it."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Message, MessageTemplate
from campaigns.pages.stored_texts import LEFT
from providers.message_fields import MAX_TRANSLATIONS
from tests import builders
from tests.pages.left_languages import list_left, open_language
from tests.pages.read_form import read_form
from tests.pages.test_compose_keeps import read_all, read_plain
from tests.pages.test_crowded import fill_choices
from tests.pages.test_every_page import MOST_HTML

pytestmark = pytest.mark.database
TAGS = [f"{a}{b}-{c}{d}" for a in "aeiou" for b in "lmno" for c in "ACEG" for d in "BRT"][
    :MAX_TRANSLATIONS
]
LAST = TAGS[49]


def say(letter, share=1.0):
    """All that a translation may say, as long as it may be, or a share of that."""
    words = {name: letter * int(size * share) for name, size in (("title", 1024), ("body", 4096))}
    own = words | {"buttons": [letter * 255] * 3}
    single = {"dismiss_title": letter * 255, "open_title": letter * 255}
    return own | {
        "android": own, "ios": own | {"subtitle": letter * 255}, "web": own, "hmos": own,
        "in_app": single, "sms": {"body": letter * 1600},
        "email": {"subject": letter * 255, "body": letter * 20_000},
    }  # fmt: skip


SHORT = {"title": "Hi", "body": "There"}
LONG = SHORT | {"translations": {tag: {"title": tag, "body": tag * 600} for tag in TAGS[:50]}}
DRAFTS = {
    "50 of 3,000 letters": LONG,
    "60 of the longest, in quotes": SHORT | {"translations": dict.fromkeys(TAGS[:60], say("'"))},
}


@pytest.fixture
def make(client, owner, app, now):
    builders.make_route(app, "android")
    builders.make_device(app, "one", language=LAST)
    client.force_login(owner)
    return lambda content=LONG: builders.make_campaign(app, now, content)


def find_place(campaign):
    return reverse("edit", args=[campaign.pk])


def open_form(client, address):
    return read_form(client.get(address).content.decode())


def find_texts(campaign):
    return Message.objects.get(campaigns=campaign.pk).content["translations"]


def keep_plain(texts):
    """Without what says nothing."""
    return {tag: {name: one for name, one in said.items() if one} for tag, said in texts.items()}


@pytest.mark.parametrize("name", DRAFTS)
def test_its_pages_are_small_and_saving_keeps_every_language(client, make, app, now, name):
    content = DRAFTS[name]
    campaign = make(content)
    named = {"name": "Kept", "created_at": now, "updated_at": now}
    kept = MessageTemplate.objects.create(
        workspace=app.workspace, app=app, content=content, **named
    )
    addresses = [
        find_place(campaign), f"{reverse('compose')}?copy={campaign.pk}",
        f"{reverse('compose')}?template={kept.pk}", reverse("template", args=[kept.pk]),
    ]  # fmt: skip

    pages = [client.get(address).content for address in addresses]
    panel = client.post(reverse("check"), read_form(pages[0].decode()))
    copied = [client.post(reverse("compose"), read_form(page.decode())) for page in pages[1:3]]
    refused = client.post(addresses[0], read_form(pages[0].decode()) | {"rate": "-1"})
    told = client.post(
        reverse("autosave"), read_form(pages[0].decode()) | {"campaign": campaign.pk, "tag": "x"}
    ).json()
    # It goes on where it has come to be stored by that, without a reload.
    form = read_form(refused.content.decode()) | {"rate": "5"}
    saved = client.post(addresses[0], form | {key: told[key] for key in ("version", "stored_in")})
    changed = client.post(addresses[3], read_form(pages[3].decode()))

    everything = [*pages, panel.content, refused.content]
    assert max(map(len, everything)) < MOST_HTML
    assert (panel.status_code, refused.status_code, told["parts"]) == (200, 422, [])
    assert [answer.status_code for answer in (saved, *copied, changed)] == [302] * 4
    kept.refresh_from_db()
    stored = [find_texts(one) for one in Campaign.objects.all()]
    assert len(stored) == 3
    wanted = keep_plain(content["translations"])
    assert all(keep_plain(texts) == wanted for texts in (*stored, kept.content["translations"]))


FILE = "https://a.example/" + "x" * 900
CROWDED = SHORT | {
    "web": {"extras": {f"key {number}": "'" * 500 for number in range(400)}},
    "ios": {"attachments": [{"id": "", "file_url": FILE, "file_type": ""}] * 50},
    "email": {"subject": "'" * 255, "body": "'" * 20_000},
}  # fmt: skip


@pytest.mark.parametrize("content", [*DRAFTS.values(), CROWDED], ids=[*DRAFTS, "long fields"])
def test_who_reviews_it_reads_what_does_not_fit_piece_by_piece(client, make, content):
    campaign = make(content)

    pages = [
        client.get(reverse(name, args=[campaign.pk])) for name in ("campaign", "campaign_review")
    ]
    addresses = re.findall(r'hx-get="(/campaigns/written/[^"]+)"', pages[1].content.decode())
    last = client.get(html.unescape(addresses[-1])).content.decode()
    Campaign.objects.update(message=Message.objects.create(app=campaign.app, content=SHORT))
    gone = client.get(html.unescape(addresses[0]))

    assert max(len(page.content) for page in pages) < MOST_HTML
    shown = html.unescape(last)
    parts = [*content.get("translations", {}).values(), content.get("email", {})]
    assert pages[1].content.count(b"<details") >= len(parts) - 1
    assert any(part["body"] in shown for part in parts if part)
    assert gone.status_code == 404


def test_the_longest_stays_small_where_all_else_is_crowded(client, make, app):
    fill_choices(app)

    page = client.get(find_place(make(DRAFTS["60 of the longest, in quotes"])))

    assert len(page.content) < MOST_HTML


def test_how_many_get_a_text_that_is_not_in_the_page_is_counted(client, make):
    form = open_form(client, find_place(make()))

    panel = client.post(reverse("check"), form)

    assert LAST in list_left(form)
    assert panel.context["texts"][LAST] == 1
    assert len(panel.context["texts"]) == 51
    assert LAST * 600 in panel.context["samples"][0]["said"]["body"]


def test_what_is_left_where_it_is_stored_stays_to_the_letter(client, make):
    letters = {"title": "\tA ", "body": " a\r\n" * 700, "buttons": [" b "]}
    mail = {"subject": "Hi", "body": "'" * 19_000 + " \n"}
    texts = dict.fromkeys(TAGS[:50], letters) | {LAST: {"body": "c " * 1500}}
    campaign = make(SHORT | {"translations": texts, "email": mail})
    form = open_form(client, find_place(campaign))
    number = open_language(client, form, LAST)
    form[f"translations-{number}-body"] = "Short now"

    told = client.post(reverse("autosave"), form | {"campaign": campaign.pk}).json()

    stored = Message.objects.get(campaigns=campaign.pk).content
    left = {tag for tag in list_left(form) if tag != LAST}
    assert told["parts"] == []
    assert len(left) > 20
    assert {tag: stored["translations"][tag] for tag in left} == dict.fromkeys(left, letters)
    assert stored["translations"][LAST]["body"] == "Short now"
    assert (stored["email"], form["left_field"]) == (mail, "email-body")


def test_a_post_that_says_of_an_unknown_language_that_it_stays_is_read_as_it_came(client, make):
    campaign = make(SHORT)
    form = open_form(client, find_place(campaign))
    form |= {"translations-TOTAL_FORMS": "1", "translations-0-stays": "1"}
    form |= {"translations-0-language": "de", "translations-0-body": "Neu"}

    client.post(reverse("autosave"), form | {"campaign": campaign.pk})

    assert keep_plain(find_texts(campaign)) == {"de": {"body": "Neu"}}


def test_one_is_opened_and_changed_and_the_others_stay(client, make):
    campaign = make()
    form = open_form(client, find_place(campaign))

    number = open_language(client, form, LAST)
    before = form[f"translations-{number}-body"]
    form[f"translations-{number}-body"] = "Short now"
    told = client.post(reverse("autosave"), form | {"campaign": campaign.pk}).json()
    form.update({key: told[key] for key in ("version", "stored_in")})
    form[f"translations-{open_language(client, form, TAGS[48])}-title"] = "Another"
    saved = client.post(find_place(campaign), form)

    assert (before, told["parts"], saved.status_code) == (LAST * 600, [], 302)
    assert keep_plain(find_texts(campaign)) == LONG["translations"] | {
        LAST: {"title": LAST, "body": "Short now"},
        TAGS[48]: {"title": "Another", "body": TAGS[48] * 600},
    }


@pytest.mark.parametrize("wrong", [{"title": "x" * 1100}, {}])
def test_what_was_typed_stands_in_the_page_that_refuses_it(client, make, wrong):
    """All that was not makes room for it."""
    campaign = make()
    form = open_form(client, find_place(campaign))
    typed = {}
    for tag in TAGS[30:50]:
        number = open_language(client, form, tag)
        said = {"language": tag, "body": "Mine " * 600} | wrong
        typed |= {f"translations-{number}-{name}": text for name, text in said.items()}

    page = client.post(find_place(campaign), form | typed | {"rate": "-1"}).content

    again = read_form(page.decode())
    assert len(page) < MOST_HTML
    assert {name: again.get(name) for name in typed} == typed
    assert [*list_left(again)] == TAGS[:30]


def test_one_that_is_wrong_and_did_not_fit_is_not_lost_by_the_next_save(client, make):
    campaign = make()
    form = open_form(client, find_place(campaign))
    for tag in TAGS[20:45]:
        form[f"translations-{open_language(client, form, tag)}-body"] = "Mine " * 800
    form["translations-20-language"] = LAST

    refused = client.post(find_place(campaign), form)
    again = read_form(refused.content.decode())
    saved = client.post(find_place(campaign), again | {"translations-20-language": TAGS[20]})

    assert [49, LAST, 1] in json.loads(again[LEFT])
    assert (refused.status_code, saved.status_code) == (422, 302)
    assert find_texts(campaign).keys() == LONG["translations"].keys()
    assert find_texts(campaign)[LAST] == LONG["translations"][LAST]


def test_nothing_is_saved_over_what_somebody_else_has_changed(client, make):
    """Nor without what it would have taken from there."""
    campaign, source = make(), make()
    form, copy = (
        open_form(client, address)
        for address in (find_place(campaign), f"{reverse('compose')}?copy={source.pk}")
    )
    number = list_left(form)[LAST]
    asked = {"stored_in": form["stored_in"], "language": LAST, "number": number}
    other = {"translations": {tag: {"body": "Theirs"} for tag in TAGS[:50]}}
    for one in (campaign, source):
        message = Message.objects.create(app=one.app, content=SHORT | other)
        Campaign.objects.filter(pk=one.pk).update(message=message)

    autosaved = client.post(reverse("autosave"), form | {"campaign": campaign.pk})
    saved = client.post(find_place(campaign), form)
    begun = client.post(reverse("autosave"), copy).json()
    copied = client.post(reverse("compose"), copy)

    assert (autosaved.status_code, saved.status_code, copied.status_code) == (409, 422, 422)
    assert client.get(reverse("texts"), asked).status_code == 404
    assert begun["campaign"] is None
    assert "Somebody else has just changed this" in saved.content.decode()
    assert find_texts(campaign) == other["translations"]
    assert Campaign.objects.count() == 2


def test_a_template_takes_the_place_of_all_languages_once_the_message_is_whole(
    client, make, app, now
):
    """What is saved while it is not does not become the place where its texts are looked for."""
    campaign = make()
    texts = {tag: {"title": "Kept", "body": tag * 500} for tag in TAGS[:50]}
    named = {"name": "Kept", "created_at": now, "updated_at": now}
    kept = MessageTemplate.objects.create(
        workspace=app.workspace, app=app, content=SHORT | {"translations": texts}, **named
    )
    put = {"action": "redraw", "use_template": kept.pk}
    page = client.post(find_place(campaign), open_form(client, find_place(campaign)) | put)
    form = read_form(page.content.decode())
    state = {"campaign": campaign.pk}

    partly = client.post(reverse("autosave"), form | state | {"link": "no address"}).json()
    form.update({key: partly[key] for key in ("version", "stored_in")})
    whole = client.post(reverse("autosave"), form | state).json()

    assert len(page.content) < MOST_HTML
    assert partly["stored_in"].startswith("template:")
    assert (len(partly["parts"]), whole["parts"]) == (1, [])
    assert whole["stored_in"].startswith("campaign:")
    assert keep_plain(find_texts(campaign)) == texts


def test_what_is_partly_saved_goes_on_from_there(client, make):
    campaign = make()
    form, state = open_form(client, find_place(campaign)), {"campaign": campaign.pk}

    partly = client.post(reverse("autosave"), form | state | {"link": "no address"}).json()
    form.update({key: partly[key] for key in ("version", "stored_in")})
    whole = client.post(reverse("autosave"), form | state).json()

    assert (len(partly["parts"]), whole["parts"]) == (1, [])
    assert keep_plain(find_texts(campaign)) == LONG["translations"]


LONG_FIELDS = CROWDED | {
    "template": "liquid",
    "body": "Hello {{ person.custom.tier | default: 'you' }}",
    "android": {"data": "'" * 4096, "deeplink": "shop://{{ person.custom.tier }}/" + "'" * 1900},
    "defaults": {f"person.custom.v{number}": "'" * 255 for number in range(300)},
    "extras": {"elsewhere": {"option": "'" * 50_000}},
    "translations": {tag: {"body": tag * 500} for tag in TAGS[:30]},
}


def test_long_fields_of_the_message_itself_stay_where_they_are_stored(client, make, app, now):
    campaign = make(LONG_FIELDS)
    named = {"name": "Kept", "created_at": now, "updated_at": now}
    kept = MessageTemplate.objects.create(
        workspace=app.workspace, app=app, content=LONG_FIELDS, **named
    )
    addresses = [find_place(campaign), reverse("template", args=[kept.pk])]

    pages = [client.get(address).content for address in addresses]
    forms = [read_all(page.decode()) for page in pages]
    panel = client.post(reverse("check"), forms[0])
    refused = client.post(addresses[0], forms[0] | {"rate": "-1"})
    autosaved = client.post(
        reverse("autosave"), forms[0] | {"campaign": campaign.pk, "link": "shop://x"}
    ).json()
    again = read_all(refused.content.decode()) | {"rate": "5", "link": "shop://x"}
    again |= {key: autosaved[key] for key in ("version", "stored_in")}
    answers = [client.post(addresses[0], again), client.post(addresses[1], forms[1])]

    assert len(forms[0]["left_field"]) > 3
    assert max(map(len, [*pages, panel.content, refused.content])) < MOST_HTML
    assert (panel.status_code, autosaved["parts"]) == (200, [])
    assert [answer.status_code for answer in answers] == [302, 302]
    kept.refresh_from_db()
    saved = Message.objects.get(campaigns=campaign.pk).content
    assert saved.pop("link") == "shop://x"
    assert [read_plain(saved), read_plain(kept.content)] == [LONG_FIELDS, LONG_FIELDS]


def test_a_long_field_is_shown_changed_and_saved(client, make):
    content = {name: value for name, value in LONG_FIELDS.items() if name != "translations"}
    campaign = make(content)
    form = read_all(client.get(find_place(campaign)).content.decode())
    asked = {"stored_in": form["stored_in"][0], "field": "email-body"}

    shown = client.get(reverse("texts"), asked).content.decode()
    typed = {"email-body": "Short now"}
    typed["left_field"] = [name for name in form["left_field"] if name != "email-body"]
    told = client.post(reverse("autosave"), form | typed | {"campaign": campaign.pk}).json()
    gone = client.get(reverse("texts"), asked)
    lost = client.post(find_place(campaign), form | {"version": told["version"]})

    assert html.escape(LONG_FIELDS["email"]["body"]) in shown
    assert (told["parts"], gone.status_code, lost.status_code) == ([], 404, 422)
    assert read_plain(Message.objects.get(campaigns=campaign.pk).content) == content | {
        "email": LONG_FIELDS["email"] | {"body": "Short now"}
    }


def test_nobody_takes_the_texts_of_another_workspace(client, make, stranger):
    campaign = make()
    form = open_form(client, find_place(campaign))
    theirs = builders.make_app(stranger.memberships.get().workspace, "theirs")
    client.force_login(stranger)

    asked = {"stored_in": form["stored_in"], "language": LAST, "number": "49"}
    found = client.get(reverse("texts"), asked)
    taken = client.post(reverse("compose"), form | {"target": f"app:{theirs.pk}"})

    assert (found.status_code, taken.status_code) == (404, 422)
    assert LAST * 600 not in taken.content.decode()
    assert Campaign.objects.count() == 1
