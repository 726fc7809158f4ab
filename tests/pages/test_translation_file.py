"""The page for translators: what is taken away, looked at and taken in."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from campaigns.models import Campaign, Membership
from campaigns.services.campaigns import create_campaign
from tests import builders
from tests.pages.read_form import read_form

HELLO = {"title": "Hi", "body": "There", "translations": {"de": {"body": "Da"}}}


@pytest.fixture
def place(app, owner, now):
    body = {"name": "Sale", "audience": {"all": True}, "message": HELLO}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    return reverse("translations", args=[campaign.pk])


def upload(text, name="texts.csv"):
    return {"file": SimpleUploadedFile(name, text)}


def test_a_file_is_looked_at_then_taken_in(client, owner, place):
    client.force_login(owner)
    file = b"language,title,body\nde,Hallo,Dort\nfr,Salut,Ici\nxx!,a,b\n"

    away = [client.get(place, {"format": kind}) for kind in ("csv", "json")]
    seen = client.post(place, upload(file)).content.decode()
    before = Campaign.objects.get().message.content["translations"]
    form = {
        "version": seen.partition('name="version" value="')[2].partition('"')[0],
        "text": file.decode(), "apply": "1",
    }  # fmt: skip
    taken = client.post(place, form)
    late = client.post(place, form)

    assert away[0].content.decode().splitlines()[1:] == [
        ",Hi,There" + "," * 19, "de,,Da" + "," * 19,
    ]  # fmt: skip
    assert away[1].json()["de"]["body"] == "Da"
    for words in ("French.", "Changed:", "no language tag", "xx!"):
        assert words in seen
    assert before["de"]["body"] == "Da"
    assert taken["Location"] == reverse("edit", args=[Campaign.objects.get().pk])
    assert Campaign.objects.get().message.content["translations"].keys() == {"de", "fr"}
    assert late.status_code == 422
    assert "Somebody else has just changed this" in late.content.decode()


def test_what_is_no_file_of_texts_says_how_to_mend_it(client, owner, place):
    client.force_login(owner)

    none = client.post(place, {})
    foreign = client.post(place, upload("language,body\nde,Grüße".encode("latin-1")))
    picture = client.post(place, upload(b"\x00\x01"))

    assert [page.status_code for page in (none, foreign, picture)] == [422] * 3
    assert "Choose a file." in none.content.decode()
    assert "Save it as CSV UTF-8." in foreign.content.decode()
    assert 'id="id_file_error"' in picture.content.decode()


def test_a_text_of_several_lines_comes_back_as_it_was_kept(client, owner, place):
    client.force_login(owner)
    file = b'language,title,body\nfr,Salut,"Ici\nou la"\n'
    seen = client.post(place, upload(file)).content.decode()
    form = {
        "version": seen.partition('name="version" value="')[2].partition('"')[0],
        "text": file.decode().replace("\n", "\r\n"),  # a browser ends lines so
        "apply": "1",
    }

    client.post(place, form)

    assert Campaign.objects.get().message.content["translations"]["fr"]["body"] == "Ici\nou la"


def test_what_a_form_could_not_bring_back_is_refused_at_once(client, owner, place):
    client.force_login(owner)

    page = client.post(place, upload(b"x" * 2_000_001)).content.decode()
    largest = client.post(place, {"text": "x" * 2_000_000, "apply": "1"})

    assert "larger than 2 MB" in page
    assert largest.status_code == 422


def test_a_viewer_takes_texts_away_and_brings_none(client, app, place):
    client.force_login(builders.make_member("eve", app.workspace, role=Membership.Role.VIEWER))

    page = client.get(place).content.decode()
    posted = client.post(place, upload(b"language,body\nde,Da\n"))

    assert read_form(page, "pa-none") == {}
    assert "Only a draft takes texts in" in page
    assert posted.status_code == 403


def test_a_long_file_is_chosen_once_more_to_be_taken_in(client, owner, place):
    client.force_login(owner)
    tags = [f"{first}{second}" for first in "abcdefgh" for second in "klmnrst"]
    lines = ["language,body", *(f"{tag},{tag * 1_500}" for tag in tags)]
    file = "\n".join(lines).encode()

    page = client.post(place, upload(file))
    seen = page.content.decode()
    form = {
        name: seen.partition(f'name="{name}" value="')[2].partition('"')[0]
        for name in ("version", "digest")
    } | {"apply": "1"}
    none = client.post(place, form)
    other = client.post(place, form | upload(file.replace(b"ak,ak", b"ak,no")))
    taken = client.post(place, form | upload(file))

    assert len(page.content) < 100_000
    assert [answer.status_code for answer in (none, other, taken)] == [422, 422, 302]
    assert "not the file that you have looked at" in other.content.decode()
    texts = Campaign.objects.get().message.content["translations"]
    assert texts["ak"]["body"] == "ak" * 1_500
    assert texts.keys() == {"de", *tags}
