"""What a route does to a message is known before it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.models import Account
from campaigns.services.carrying import find_carry, measure_languages
from campaigns.services.message_checks import find_link_problems
from campaigns.services.messages import find_losses, find_message_problems
from providers import registry
from providers.contract import LONGEST_REFERENCE, Carry, Fate, Payload
from providers.message import (
    AndroidContent,
    Attachment,
    Button,
    IosContent,
    PushMessage,
    Text,
    WebContent,
)
from providers.message_faults import find_address_faults, find_message_faults
from providers.message_fields import Platform
from providers.message_json import read_message, write_message
from providers.templates import Sheet, find_template_faults, list_places
from tests import builders

pytestmark = pytest.mark.database
HELLO = PushMessage(title="Hi", body="There")


@pytest.fixture
def served(app):
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    return app


def codes(problems):
    return {problem.code: problem.is_blocking for problem in problems}


def test_a_route_that_carries_everything_loses_nothing(served):
    message = PushMessage(
        title="Hi", body="There", android=AndroidContent(priority=2),
        translations={"de": Text("Hallo", "Du")},
    )  # fmt: skip

    assert find_losses(served, message, ["android", "ios", "web"]) == ()


def test_what_a_dialect_does_not_name_is_dropped(app):
    builders.make_route(app, "ios", dialect="appmetrica")
    message = PushMessage(body="There", ios=IosContent(badge=1))
    narrow = replace(registry.get("appmetrica"), carries={"body": Carry(Fate.CARRIED, "text")})

    carry = find_carry(narrow, "ios", "ios.badge")

    assert carry.fate is Fate.DROPPED
    assert not any(loss.is_lossy for loss in find_losses(app, message, ["ios"]))


def test_buttons_for_all_are_judged_where_no_platform_has_its_own(app):
    builders.make_route(app, "ios", dialect="appmetrica")
    builders.make_route(app, "android")
    shared = replace(HELLO, buttons=(Button("Show", "shop://sale"),))
    own = replace(shared, ios=IosContent(buttons=()))

    lost = [loss for loss in find_losses(app, shared, ["ios", "android"]) if loss.is_lossy]
    lost_own = [loss for loss in find_losses(app, own, ["ios", "android"]) if loss.is_lossy]

    [loss] = lost
    assert (loss.platform, loss.field, loss.fate) == ("ios", "buttons", Fate.DROPPED)
    assert [loss.field for loss in lost_own] == ["ios.buttons"]
    assert shared.resolve(Platform.ANDROID).android.buttons == shared.buttons
    assert own.resolve(Platform.IOS).ios.buttons == ()


def test_a_common_link_and_image_hold_where_a_platform_says_nothing():
    own = {
        "android": {"deeplink": "", "image": "https://a.io/small.png"},
        "web": {"image": "https://a.io/w.png"},
    }
    body = {"body": "Hi", "link": "shop://sale", "image": "https://a.io/p.png"}
    message = read_message(body | own | {"in_app": {"style": "modal"}})
    page = replace(message, link="https://a.io/{{ person.custom.x }}")

    android, ios, web, hmos = (message.resolve(platform) for platform in Platform)

    assert android.android == AndroidContent(
        body="Hi", banner="https://a.io/p.png", image="https://a.io/small.png"
    )
    assert ios.ios == IosContent(
        body="Hi", url="shop://sale", attachments=(Attachment(file_url="https://a.io/p.png"),)
    )
    assert web.web == WebContent(body="Hi", image="https://a.io/w.png")  # no browser opens shop:
    assert page.resolve(Platform.WEB).web.url == page.link
    assert (hmos.link, hmos.image, ios.resolve(Platform.IOS)) == ("", "", ios)
    assert read_message(write_message(message)) == message


@pytest.mark.parametrize(
    ("link", "own", "opened"),
    [
        ("https://a.io/x", {"style": "modal"}, ("browser", "https://a.io/x")),
        ("shop://x", {"style": "modal"}, ("deep_link", "shop://x")),
        ("https://a.io/x", {"tap_kind": "web_view"}, ("web_view", "https://a.io/x")),
        ("https://a.io/x", {"tap_kind": "deep_link", "tap_target": "a:b"}, ("deep_link", "a:b")),
        ("https://a.io/x", {"style": "modal", "tap_target": ""}, (None, "")),
    ],
)
def test_the_mirror_opens_the_common_link_where_it_has_no_address(link, own, opened):
    message = read_message({"body": "Hi", "link": link, "in_app": own})

    inside = message.resolve(Platform.IOS).in_app

    assert (inside.tap_kind, inside.tap_target) == opened
    assert read_message({"body": "Hi", "link": link}).resolve(Platform.IOS).in_app is None


def test_common_addresses_are_judged_as_the_platforms_own_would_be(app):
    builders.make_route(app, "android", dialect="appmetrica")
    builders.make_route(app, "ios", dialect="appmetrica")
    builders.make_route(app, "web")
    common = replace(HELLO, link="shop://sale", image="https://a.io/p.png")
    own = replace(
        HELLO,
        android=AndroidContent(deeplink="shop://sale", banner="https://a.io/p.png"),
        ios=IosContent(url="shop://sale", attachments=(Attachment(file_url="https://a.io/p.png"),)),
    )
    places = {"android.deeplink": "link", "ios.url": "link", "android.banner": "image",
              "ios.attachments": "image"}  # fmt: skip

    losses = find_losses(app, common, ["android", "ios"])
    lost_own = find_losses(app, own, ["android", "ios"])
    [unheard] = find_losses(app, common, ["web"])

    assert [replace(loss, field=places.get(loss.field, loss.field)) for loss in lost_own] == [
        *losses
    ]
    assert "link" in {loss.field for loss in losses}
    assert (unheard.field, unheard.fate) == ("link", Fate.DROPPED)
    assert "nothing else" in unheard.note
    assert find_losses(app, replace(common, web=WebContent(url="https://a.io")), ["web"]) == ()


def test_what_a_vendor_refuses_of_a_common_address_is_told_of_that(app):
    builders.make_route(app, "web", dialect="fcm")
    plain = replace(HELLO, link="http://shop.example/sale")

    [common] = find_message_problems(app, plain, {"web": 2})
    [own] = find_message_problems(app, replace(HELLO, web=WebContent(url=plain.link)), {"web": 2})

    assert (common.code, common.field, own.field) == (
        "vendor_refuses", "message.link", "message.web.url",
    )  # fmt: skip


def test_a_common_address_is_looked_at_like_any_other():
    wrong = {"body": "Hi", "link": "cart", "image": "shop://p.png"}
    dead = read_message({"body": "Hi", "link": "http://a.test", "image": "https://a.test/p.png"})

    assert find_message_faults({"link": 1, "image": "x" * 2049}).keys() == {"link", "image"}
    assert find_address_faults(read_message(wrong)).keys() == {"link", "image"}
    assert [problem.field for problem in find_link_problems(dead)] == [
        "message.link", "message.image",
    ]  # fmt: skip


def test_a_button_leads_to_an_address(app):
    faulty = read_message({"body": "Hi", "buttons": [{"title": "Show", "link": "cart"}]})
    dead = read_message({"body": "Hi", "buttons": [{"title": "Show", "link": "http://a.test"}]})

    assert find_address_faults(faulty) == {"buttons": "must be addresses with their schemes"}
    assert [problem.field for problem in find_link_problems(dead)] == ["message.buttons"]
    assert find_message_faults({"buttons": [{"title": "a"}] * 4}) == {"buttons": "long: at most 3"}
    assert read_message(write_message(dead)) == dead


def test_a_route_to_a_platform_that_its_vendor_does_not_serve_is_none(app):
    builders.make_route(app, "web", dialect="appmetrica")

    problems = find_message_problems(app, HELLO, {"web": 2})

    assert codes(problems) == {"no_route": True}


def test_a_renamed_field_is_told_with_its_name_there_and_is_no_loss(app):
    builders.make_route(app, "android", dialect="appmetrica")
    message = PushMessage(body="There", android=AndroidContent(deeplink="shop://sale"))

    losses = find_losses(app, message, ["android"])

    renamed = {loss.field: loss.name for loss in losses}
    assert renamed["android.deeplink"] == "open_action.deeplink"
    assert not any(loss.is_lossy for loss in losses)


def test_only_the_first_enabled_route_of_a_platform_is_asked(app):
    first = builders.make_route(app, "ios", dialect="appmetrica", position=0)
    builders.make_route(app, "ios", position=1)
    Account.objects.filter(pk=first.account_id).update(is_enabled=False)

    assert find_losses(app, HELLO, ["ios"]) == ()


def test_extras_that_no_route_understands_are_named(served):
    message = PushMessage(body="There", extras={"appmetrica": {"a": 1}, "sandbox": {"b": 2}})

    losses = find_losses(served, message, ["android"])

    assert [(loss.field, loss.account, loss.dialect) for loss in losses] == [
        ("extras.appmetrica", Account.objects.get(routes__platform="android").name, "Sandbox")
    ]


def test_a_good_message_has_no_problem(served):
    assert find_message_problems(served, HELLO, {"android": 3, "ios": 1, "web": 2}) == ()


def test_a_message_without_any_text_cannot_start(served):
    problems = find_message_problems(served, PushMessage(title="Hi"), {"android": 3})

    assert codes(problems) == {"no_text": True}


def test_a_silent_push_needs_no_text(served):
    message = PushMessage(android=AndroidContent(silent=True, data="{}"))

    assert find_message_problems(served, message, {"android": 3}) == ()


def test_a_platform_that_the_message_does_not_mean_is_only_told(served):
    message = PushMessage(android=AndroidContent(title="Hi", body="There"))

    problems = find_message_problems(served, message, {"android": 3, "web": 2})

    assert codes(problems) == {"no_message": False}


def test_fields_of_a_platform_without_its_text_cannot_start(served):
    message = PushMessage(android=AndroidContent(title="Hi", body="There"), ios=IosContent(badge=1))

    problems = find_message_problems(served, message, {"android": 3, "ios": 2})

    assert codes(problems) == {"no_text": True}
    assert problems[0].field == "message.ios.body"


def test_ios_without_a_title_is_only_told(served):
    problems = find_message_problems(served, PushMessage(body="There"), {"ios": 2})

    assert codes(problems) == {"no_title": False}


def test_one_platform_without_a_route_is_told_and_none_with_one_blocks(app):
    builders.make_route(app, "android")

    some = find_message_problems(app, HELLO, {"android": 3, "web": 2})
    none = find_message_problems(app, HELLO, {"web": 2})

    assert codes(some) == {"no_route": False}
    assert codes(none) == {"no_route": True}


def test_an_account_that_is_switched_off_blocks(served):
    Account.objects.update(is_enabled=False)

    problems = find_message_problems(served, HELLO, {"android": 3})

    assert codes(problems) == {"account_disabled": True}


def test_an_account_that_was_refused_is_told_in_the_vendors_words(served):
    Account.objects.update(health="bad", health_words="Wrong key")

    problems = find_message_problems(served, HELLO, {"android": 3})

    assert codes(problems) == {"account_unhealthy": False}
    assert "Wrong key" in problems[0].sentence


def test_a_payload_is_measured_in_bytes_and_in_the_longest_language():
    message = PushMessage(body="Hi", translations={"ru": Text("", "я" * 100)})

    sizes = measure_languages(registry.get("sandbox"), message, Platform.ANDROID)

    assert {language: size.bytes for language, size in sizes.items()} == {"": 13, "ru": 211}
    assert {size.limit for size in sizes.values()} == {4096}


def test_code_of_a_template_is_no_text_of_the_payload():
    sandbox = registry.get("sandbox")
    code = "{% if person.custom.name == 'a very long name of somebody' %}Hi{% else %}Yo{% endif %}"
    message = PushMessage(body="Yo")
    coded = PushMessage(body=code, template="liquid")
    named = PushMessage(body="Yo{{ person.custom.name }}", template="liquid")
    broken = PushMessage(body="{{ person", template="liquid")

    sizes = [
        measure_languages(sandbox, one, Platform.IOS)[""].bytes
        for one in (message, coded, named, broken)
    ]

    assert sizes[:3] == [sizes[0], sizes[0], sizes[0] + 24]
    assert sizes[3] > 0


def test_an_over_size_names_the_vendor_the_platform_the_language_and_both_sizes(app):
    builders.make_route(app, "ios", dialect="sandbox")
    long = {"ja": Text("", "\N{HIRAGANA LETTER A}" * 1500)}

    [problem] = find_message_problems(app, replace(HELLO, translations=long), {"ios": 2})

    assert problem.sentence == (
        "Sandbox takes 4,096 bytes at most: the ios message in Japanese is 4,524 bytes long."
    )
    assert problem.field == "message.translations.ja.body"


def test_a_vendor_that_can_measure_is_asked_and_the_others_are_reckoned(monkeypatch):
    sandbox = registry.get("sandbox")
    exact = replace(sandbox, measure=lambda message, _platform: Payload(len(message.body), 7))

    sizes = [measure_languages(one, HELLO, Platform.IOS)[""] for one in (exact, sandbox)]

    assert sizes == [Payload(5, 7), Payload(len('{"title":"Hi","body":"There"}'), 4096)]
    assert not sizes[0].is_over


def test_a_receipt_token_is_never_longer_than_what_is_measured():
    assert len(write_receipt_token(2**63 - 1, 2**63 - 1)) == len(LONGEST_REFERENCE)


def test_a_payload_over_the_limit_cannot_start(served):
    at_limit = PushMessage(title="Hi", body="a" * (4096 - len('{"title":"Hi","body":""}')))
    above = PushMessage(title="Hi!", body=at_limit.body)

    assert find_message_problems(served, at_limit, {"android": 3}) == ()
    assert codes(find_message_problems(served, above, {"android": 3})) == {"payload_too_big": True}


def test_what_the_vendor_would_refuse_later_cannot_start(app):
    builders.make_route(app, "android", dialect="appmetrica")

    problems = find_message_problems(app, PushMessage(body="There"), {"android": 3})

    assert codes(problems) == {"vendor_refuses": True}


def test_titles_of_buttons_are_translated_in_their_order():
    both = (Button("Show", link="shop://sale"), Button("Later", id="later"))
    message = PushMessage(
        body="Hi",
        buttons=both,
        web=WebContent(buttons=(Button("Open"),)),
        translations={
            "de": Text("", "Hallo", {"web": Text(buttons=("Auf", "zu viel"))}, ("Zeig",)),
            "fr": Text("", "Salut", {}, ("", "Non", "de trop")),
        },
    )

    german, french = message.resolve(Platform.IOS, "de"), message.resolve(Platform.IOS, "fr")
    web = [message.resolve(Platform.WEB, language).web.buttons for language in ("de", "fr", "")]

    assert german.ios.buttons == (Button("Zeig", link="shop://sale"), both[1])
    assert french.ios.buttons == (both[0], Button("Non", id="later"))
    assert web == [(Button("Auf"),), (Button("Open"),), (Button("Open"),)]
    assert read_message(write_message(message)) == message
    assert find_message_faults(write_message(message)) == {}


@pytest.mark.parametrize("titles", ["Zeig", [7], ["a"] * 4, ["x" * 256]])
def test_titles_that_are_none_are_refused_by_their_path(titles):
    body = {"body": "Hi", "translations": {"de": {"body": "Hallo", "buttons": titles}}}

    assert set(find_message_faults(body)) == {"translations.de.buttons"}


def test_variables_in_translated_titles_are_looked_at_and_filled_in():
    message = PushMessage(
        body="Hi",
        template="liquid",
        buttons=(Button("Show"),),
        translations={"de": Text("", "Hallo", {}, ("Für {{ person.custom.name }}",))},
    )
    broken = replace(message, translations={"de": Text("", "Hallo", {}, ("{{ person.nam",))})

    sheet = Sheet(message.resolve(Platform.IOS, "de"))

    assert [place.path for place in list_places(message)] == ["translations.de.buttons"]
    assert sheet.fill(sheet.render({"person.custom.name": "Ann"})).ios.buttons[0].title == "Für Ann"
    assert "translations.de.buttons" in find_template_faults(broken, lambda _name: "")
