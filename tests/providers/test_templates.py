"""Which fields of a message hold variables, what is refused, and what one recipient gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from providers.liquid_sandbox import RenderFault
from providers.message import Attachment, Button, PushMessage
from providers.message_faults import find_address_faults
from providers.message_fields import Platform
from providers.message_json import read_message, write_message
from providers.templates import ELLIPSIS, Sheet, cut_text, find_template_faults, list_places
from tests.providers.test_liquid import HOSTILE

NAME = "person.custom.name"
HOLE = "{{ person.custom.name }}"
WHOLE = {
    "title": f"A {HOLE}",
    "body": f"B {HOLE}",
    "android": {
        "image": f"https://x.example/{HOLE}.png",
        "deeplink": f"shop://cart/{HOLE}",
        "data": json.dumps({"a": [HOLE, 1], "b": {"c": "fixed"}}),
    },
    "ios": {
        "subtitle": f"C {HOLE}",
        "data": f"plain {HOLE}",
        "attachments": [{"id": "1", "file_url": f"https://x.example/{HOLE}", "file_type": "png"}],
    },
    "buttons": [{"title": f"See {HOLE}", "link": f"shop://{HOLE}", "id": "see"}],
    "web": {"url": f"https://x.example/?q={HOLE}", "extras": {"k": [{"n": HOLE}]}},
    "in_app": {"dismiss_title": f"No {HOLE}", "tap_target": f"https://x.example/{HOLE}"},
    "sms": {"body": f"S {HOLE}"},
    "email": {"subject": f"E {HOLE}", "body": f"F {HOLE}"},
    "translations": {"de": {"title": f"G {HOLE}", "body": f"H {HOLE}"}},
}


def read(**body: Any) -> PushMessage:
    return read_message({"template": "liquid", **body})


def know_all(name: str) -> str:
    return "" if name == NAME else f"unknown {name}"


def fill(message: PushMessage, platform: Platform, name: str) -> PushMessage:
    sheet = Sheet(message.resolve(platform))
    return sheet.fill(sheet.render({NAME: name}))


def test_every_field_that_people_or_apps_read_may_hold_variables() -> None:
    paths = [place.path for place in list_places(read(**WHOLE))]

    assert paths == [
        "title", "body", "buttons", "buttons", "android.image", "android.data",
        "android.deeplink", "ios.subtitle", "ios.data", "ios.attachments",
        "web.url", "web.extras", "in_app.dismiss_title",
        "in_app.tap_target", "sms.body", "email.subject", "email.body",
        "translations.de.title", "translations.de.body",
    ]  # fmt: skip
    assert find_template_faults(read(**WHOLE), know_all) == {}
    assert find_address_faults(read(**WHOLE)) == {}


def test_what_is_written_is_read_again() -> None:
    message = read(**WHOLE, defaults={NAME: "friend"})

    assert read_message(write_message(message)) == message
    assert not {"template", "defaults"} & set(write_message(read_message({"body": HOLE})))


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({"body": "a\n{{ person.nmae }}"}, "body", "line 2: unknown person.nmae"),
        ({"translations": {"de": {"body": "{{ x"}}}, "translations.de.body", "line 1: expected"),
        ({"android": {"channel_id": HOLE}}, "android.channel_id", "takes no variables"),
        ({"extras": {"some": {"a": [HOLE]}}}, "extras.some", "takes no variables"),
        ({"android": {"data": f'{{"n": {HOLE}}}'}}, "android.data", "inside quotes"),
        ({"web": {"url": HOLE}}, "web.url", "where it leads"),
        ({"web": {"url": f"https://{HOLE}.example/"}}, "web.url", "where it leads"),
        ({"web": {"url": f"https://shop.example{HOLE}"}}, "web.url", "where it leads"),
        ({"body": "a", "defaults": {"person.nmae": "x"}}, "defaults.person.nmae", "unknown"),
    ],
)
def test_what_is_wrong_is_named_by_field_language_and_line(
    body: dict[str, Any], path: str, words: str
) -> None:
    faults = find_template_faults(read(**body), know_all)

    assert list(faults) == [path]
    assert words in faults[path]


def test_without_the_mark_nothing_is_a_template() -> None:
    message = read_message({"body": "{{ broken", "android": {"channel_id": "{{ x }}"}})

    assert find_template_faults(message, know_all) == {}
    assert find_template_faults(read_message({"defaults": {NAME: "x"}}), know_all) == {
        "defaults": "has no effect without a template"
    }


def test_a_button_that_would_do_nothing_is_left_out() -> None:
    link = {"title": "Cart", "link": f"shop://cart?of={HOLE}", "id": "cart"}
    when = f"{{% if {NAME} == 'Ann' %}}Ann{{% endif %}}"
    message = read(body="Hi", buttons=[{"title": when}, link, {"title": "Later"}])

    full, bare = fill(message, Platform.WEB, "Ann"), fill(message, Platform.WEB, "Bo")

    assert full.web is not None
    assert bare.web is not None
    assert full.web.buttons == (
        Button("Ann"), Button("Cart", "shop://cart?of=Ann", "cart"), Button("Later"),
    )  # fmt: skip
    assert bare.web.buttons == (Button("Cart", "shop://cart?of=Bo", "cart"), Button("Later"))


def test_a_common_address_holds_variables_and_a_picture_without_one_is_left_out() -> None:
    picture = f"{{% if {NAME} == 'Ann' %}}https://a.io/{HOLE}.png{{% endif %}}"
    message = read(body="Hi", link=f"shop://cart?of={HOLE}", image=picture)

    full, bare = fill(message, Platform.IOS, "Ann"), fill(message, Platform.IOS, "Bo")

    assert full.ios is not None
    assert bare.ios is not None
    assert (full.ios.url, bare.ios.url) == ("shop://cart?of=Ann", "shop://cart?of=Bo")
    assert full.ios.attachments == (Attachment(file_url="https://a.io/Ann.png"),)
    assert bare.ios.attachments is None
    assert [place.path for place in list_places(message)] == ["link", "image"]
    faulty = read(body="Hi", link=HOLE, image="{{ broken")
    assert find_template_faults(faulty, know_all).keys() == {"link", "image"}


@given(HOSTILE)
def test_whatever_a_value_holds_the_payload_is_what_the_author_meant(name: str) -> None:
    name = "x" + name
    message = read(**WHOLE)

    android = fill(message, Platform.ANDROID, name)
    web = fill(message, Platform.WEB, name)

    assert android.android is not None
    assert android.android.data is not None
    data = json.loads(android.android.data)
    assert list(data) == ["a", "b"]
    assert data["a"][1:] == [1]
    assert data["b"] == {"c": "fixed"}
    assert "\n" not in android.title
    assert android.android.image is not None
    assert android.android.image.startswith("https://x.example/x")
    assert find_address_faults(android) == find_address_faults(web) == {}
    assert read_message(json.loads(json.dumps(write_message(android)))) == android


def test_a_title_stays_one_line_and_a_text_keeps_its_own() -> None:
    message = fill(read(title=f"A {HOLE}", body=f"B {HOLE}"), Platform.ANDROID, "x \r\n y")

    assert message.title == "A x y"
    assert message.body == "B x \n y"


def test_a_title_of_many_blanks_costs_no_more_than_another() -> None:
    blanks = "{% for n in (1..900) %}{% if n > 899 %}.{% endif %}" + " " * 60 + "{% endfor %}"

    message = fill(read(title=f"{blanks}{HOLE}", body="B"), Platform.ANDROID, "x")

    assert message.title == ELLIPSIS


def test_what_is_too_long_is_cut_and_an_address_is_not_sent() -> None:
    long = "n" * 5000

    message = fill(read(body=HOLE, title=HOLE), Platform.ANDROID, long)

    assert (len(message.title), message.title[-1]) == (1024, "…")
    assert (len(message.body), message.body[-1]) == (4096, "…")


@pytest.mark.parametrize(
    "body",
    [
        {"web": {"url": f"https://x.example/{HOLE}"}},
        {"web": {"image": f"https://x.example/{HOLE}"}},
        {"web": {"extras": {"a": HOLE}, "icon": f"https://x.example/{HOLE}"}},
        {"ios": {"data": json.dumps([HOLE, HOLE])}},
    ],
)
def test_what_cannot_be_cut_is_not_sent_when_it_is_too_long(body: dict[str, Any]) -> None:
    message = read(body="a", **body)

    with pytest.raises(RenderFault):
        fill(message, Platform(next(iter(body))), "n" * 3000)


def test_a_cut_leaves_no_half_of_a_sign() -> None:
    assert cut_text("ab\u200d\ufe0fcd", 5) == "ab…"


def test_a_text_that_comes_out_empty_is_not_sent() -> None:
    message = read(title="T", body="{% if person.custom.name %}x{% endif %}")

    with pytest.raises(RenderFault, match="empty"):
        fill(message, Platform.ANDROID, "")


def test_equal_texts_are_rendered_once() -> None:
    sheet = Sheet(read(title=HOLE, body=HOLE, ios={"subtitle": HOLE}).resolve(Platform.IOS))

    assert len(sheet.slots) == 3
    assert sheet.variables == (NAME,)
    assert sheet.is_plain
