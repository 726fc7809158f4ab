"""The preview beside compose in a real browser: every screen, where it cuts, which way it reads;
and data for the app as rows or as JSON.
"""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from playwright.sync_api import Locator

from campaigns.models import Campaign
from campaigns.services.campaigns import create_campaign
from tests import builders
from tests.pages.test_browser import find_barriers, leave, note_requests

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TITLE = "Autumn sale: everything that keeps you dry all day"
BODY = "Fresh looks have landed. " * 40


@pytest.fixture
def compose(staff, live_server, app):
    """The compose page of an app that reaches phones and browsers."""
    cache.clear()
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
        builders.make_device(app, f"token-{platform}", platform)
    under_way: set = set()
    note_requests(staff, under_way)
    staff.set_default_timeout(90_000)
    staff.goto(f"{live_server.url}/campaigns/new/")
    yield staff
    leave(staff, under_way)


def show(page, platform, screen):
    """What a screen shows: its title and its text, or why it shows none."""
    page.locator(f"[data-pa-preview-tab={platform}]").click()
    page.locator(f"[data-pa-surface='{platform}:{screen}']").click()
    phone = page.locator("[data-pa-phone-of]:not([hidden])")
    assert phone.get_attribute("data-pa-phone-of") == platform
    assert phone.get_attribute("data-pa-screen") == screen
    return phone.locator("[data-pa-card]")


def read(card, name):
    return card.locator(f"[data-pa-show={name}]").first.inner_text()


def read_cuts(page):
    rows = page.locator("[data-pa-cut-row]")
    return {row.get_attribute("data-pa-cut-row"): row.locator("td").all_inner_texts()
            for row in rows.all()}  # fmt: skip


def test_every_screen_shows_the_message_as_far_as_it_fits(compose, complaints):
    compose.fill("#id_title", TITLE)
    compose.fill("#id_body", BODY)
    screens = {
        "android": ("lock", "shade", "open"), "ios": ("lock", "banner", "long"), "web": ("note",),
    }  # fmt: skip

    shown = {(platform, screen): read(show(compose, platform, screen), "body")
             for platform, names in screens.items() for screen in names}  # fmt: skip
    compose.locator("[data-pa-cuts-box] summary").click()
    cuts = read_cuts(compose)
    colours = {}
    for theme in ("dark", "light"):
        compose.locator(f"[data-pa-theme-of={theme}]").click()
        card = show(compose, "web", "note")
        colours[theme] = card.evaluate("card => getComputedStyle(card).color")
    barriers = find_barriers(compose)

    lengths = {key: len(text) for key, text in shown.items()}
    assert all(text.endswith("…") and BODY.startswith(text[:-1]) for key, text in shown.items()
               if key != ("ios", "long"))  # fmt: skip
    assert lengths["android", "lock"] == lengths["android", "shade"] < lengths["ios", "banner"]
    assert lengths["ios", "banner"] < lengths["ios", "lock"] < lengths["ios", "long"]
    assert lengths["android", "shade"] < lengths["web", "note"] < lengths["android", "open"]
    assert set(cuts) == {
        "android:shade", "android:open", "ios:banner", "ios:lock", "web:note",
    }  # fmt: skip
    for key, (title, body) in cuts.items():
        platform, screen = key.split(":")
        assert body == f"cut after {int(body.split()[-1])}"
        assert len(shown[platform, screen].rstrip("…")) <= int(body.split()[-1])
        assert title.startswith("cut after") == (key not in {"android:open", "web:note"})
    assert colours["dark"] != colours["light"]
    assert barriers == []


def test_it_is_shown_inside_the_app_from_right_to_left_and_not_at_all(compose, complaints):
    compose.fill("#id_title", "Autumn sale")
    compose.fill("#id_body", "Now")
    compose.locator("[data-pa-preview-tab=in_app]").click()
    unused = compose.locator("[data-pa-phone-of=in_app] [data-pa-quiet]").inner_text()
    compose.get_by_role("tab", name="In the app").click()
    compose.select_option("#id_in_app-style", "modal")
    modal = show(compose, "in_app", "modal")
    buttons = modal.locator(".pa-app-buttons").inner_text().split()
    compose.fill("#id_in_app-open_title", "Look")
    renamed = modal.locator(".pa-app-buttons").inner_text().split()
    compose.select_option("#id_in_app-style", "banner")
    banner = compose.locator("[data-pa-phone-of=in_app]")
    screen = banner.get_attribute("data-pa-screen")
    has_buttons = banner.locator(".pa-app-buttons").is_visible()

    compose.get_by_role("combobox", name="Add a language").fill("arabic")
    compose.get_by_role("button", name="Add a language").click()
    compose.fill("#id_translations-0-title", "تخفيضات")
    arabic = show(compose, "ios", "lock")
    direction, title = arabic.get_attribute("dir"), read(arabic, "title")
    start = arabic.locator("[data-pa-show=title]").first.evaluate(
        "title => getComputedStyle(title).direction"
    )
    compose.select_option("[data-pa-preview-language]", "")

    assert unused.startswith("Not shown inside the app")
    assert (buttons[0], renamed[-1], screen, has_buttons) == ("Dismiss", "Look", "banner", False)
    assert (direction, start, title) == ("rtl", "rtl", "تخفيضات")
    assert arabic.get_attribute("dir") == "auto"
    assert find_barriers(compose) == []


def read_description(box: Locator) -> str:
    """What a screen reader says of a box beside its name."""
    return str(box.evaluate(
        "box => document.getElementById(box.getAttribute('aria-describedby')).innerText"
    ))  # fmt: skip


def test_data_is_written_as_rows_or_as_json_and_no_number_is_rounded(compose, complaints):
    compose.fill("#id_body", "Now")
    compose.get_by_role("tab", name="Android").click()
    data = compose.locator("#id_android-data")
    field = compose.locator(".pa-field", has=data)

    field.get_by_label("Key").fill("plan")
    field.get_by_label("Value").fill("gold")
    field.get_by_role("button", name="Add a row").click()
    compose.keyboard.type("plan")
    twice = read_description(field.get_by_label("Key").last)
    field.get_by_label("Key").last.fill("age")
    field.get_by_label("Value").last.fill("seven")
    field.get_by_label("Kind").last.select_option("json")
    wrong = read_description(field.get_by_label("Value").last)
    mended = field.get_by_label("Key").last.get_attribute("aria-describedby")
    field.get_by_label("Value").last.fill("7")
    written = json.loads(data.input_value())
    field.get_by_role("button", name="JSON", exact=True).click()
    data.fill('{"order": 12345678901234567890, "plan": "gold"}')
    field.get_by_role("button", name="Rows").click()
    too_long = field.locator(".pa-error").inner_text()
    field.get_by_role("button", name="JSON", exact=True).click()
    compose.get_by_role("button", name="Save draft").click()
    compose.wait_for_url("**/campaigns/*/")

    assert twice == "This key is there already."
    assert wrong.startswith("This is no JSON")
    assert mended is None
    assert written == {"plan": "gold", "age": 7}
    assert too_long.startswith("A number in it is too long")
    kept = Campaign.objects.get().message.content["android"]["data"]
    assert kept == '{"order": 12345678901234567890, "plan": "gold"}'


def test_a_recipient_is_shown_what_he_gets_on_every_platform(compose, app, complaints):
    ann = builders.make_person(app.workspace, "ann", attributes={"name": "Ann"})
    app.devices.update(person=ann)
    name = "{{ person.custom.name }}"
    compose.select_option("#id_template", "liquid")
    compose.fill("#id_title", f"Hi {name}")
    compose.fill("#id_body", "Now")
    compose.get_by_role("tab", name="iOS").click()
    compose.fill("#id_ios-subtitle", f"Only {name}")
    compose.fill("#id_ios-attachments", f"https://img.acme.com/{name}.png")
    compose.get_by_role("tab", name="Android").click()
    compose.fill("#id_android-title", f"Droid {name} {'!' * 60}")
    requested: list = []
    compose.route("https://img.acme.com/**", lambda route: requested.append(route.request.url)
                  or route.abort())  # fmt: skip
    compose.wait_for_function("""() => JSON.parse(document.getElementById("pa-samples")
        ?.textContent ?? "[]")[0]?.screens.android.title.startsWith("Droid Ann")""")
    picker = compose.locator("[data-pa-preview-sample]")
    as_written = read(show(compose, "ios", "lock"), "subtitle")
    compose.fill("#id_image", "https://img.acme.com/all.png")
    common = [
        show(compose, platform, screen)
        .locator(f"[data-pa-picture={name}][src]:not([hidden])")
        .get_attribute("src")
        for platform, screen, name in (("android", "open", "banner"), ("web", "note", "image"))
    ]
    compose.get_by_role("tab", name="Web", exact=True).click()
    compose.get_by_role("group", name="Leave out what is common").get_by_label("Image").check()
    left_out = show(compose, "web", "note").locator("[data-pa-picture=image]").is_hidden()

    picker.select_option(index=1)
    android = read(show(compose, "android", "open"), "title")
    card = show(compose, "ios", "lock")
    ios = read(card, "title"), read(card, "subtitle")
    source = card.locator("[data-pa-picture=image][src]").last.get_attribute("src")
    web = read(show(compose, "web", "note"), "title")
    compose.locator("[data-pa-cuts-box] summary").click()
    cuts = read_cuts(compose)

    assert as_written == f"Only {name}"
    assert left_out
    assert common == ["https://img.acme.com/all.png"] * 2
    assert android.startswith("Droid Ann !!!")
    assert (ios, web) == (("Hi Ann", "Only Ann"), "Hi Ann")
    assert source == "https://img.acme.com/Ann.png"
    assert all("{" not in url and "%7B" not in url for url in requested)
    assert cuts["android:shade"][0].startswith("cut after")
    assert cuts["ios:banner"][0] == cuts["web:note"][0] == "whole"
    complaints.clear()  # the browser notes the picture that was not fetched


def test_the_language_follows_the_recipient_and_a_text_that_stands_in_is_told(
    compose, app, owner, now, complaints
):
    app.devices.update(language="fr")
    app.fallbacks = ["de"]
    app.save()
    said = {
        "title": "Hi",
        "body": "There",
        "translations": {"de": {"title": "Hallo", "body": "Da"}},
    }
    body = {"name": "Sale", "app": app.slug, "audience": {"all": True}, "message": said}
    campaign = create_campaign(owner, body, actor="owner", now=now)
    compose.goto(compose.url.replace("/new/", f"/{campaign.pk}/edit/"))
    recipients = compose.locator("[data-pa-preview-sample]")
    recipients.locator("option").nth(1).wait_for(state="attached")
    language = compose.locator("[data-pa-preview-language]")
    why = compose.locator("[data-pa-preview-why]")
    before = (language.input_value(), why.is_visible())

    recipients.select_option(index=1)
    theirs = (language.input_value(), why.inner_text())
    language.select_option("")
    back = (recipients.input_value(), why.is_visible(), read(show(compose, "ios", "lock"), "title"))

    assert before == ("", False)
    assert theirs == ("de", "German stands in for French.")
    assert back == ("", False, "Hi")
