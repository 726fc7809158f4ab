"""What filters mean, what contradicts itself, and which audiences of ours they can say."""

from __future__ import annotations

from typing import Any

import pytest

from providers.audience import And, Condition, Not, Op, Or
from providers.message import PushMessage, Text
from providers.outcomes import Refusal
from providers.recipients import Audience
from providers.vendors.pushexpress import DIALECT, wire_errors, wire_filters
from providers.vendors.pushexpress.wire_values import Block

EVERYWHERE = {"all_apps": True}


def read(**filters: Any) -> wire_filters.Filters:
    return wire_filters.read_filters(Block({**EVERYWHERE, **filters}))


def find_words(**filters: Any) -> str:
    with pytest.raises(Refusal) as told:
        wire_filters.read_filters(Block(filters))
    words: str = wire_errors.write_refusal(told.value).body["error"]
    return words


def test_no_app_at_all_is_refused_in_the_vendors_words() -> None:
    expected = "validation error: empty set of applications"

    for filters in ({}, {"all_apps": False}, {"app_ids_include": []}, {"app_groups_include": None}):
        assert find_words(**filters) == expected


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"all_apps": True, "app_ids_include": [1]}, "app_ids_include: must be omitted"),
        ({"all_apps": True, "app_groups_include": [1]}, "app_groups_include: must be omitted"),
        ({"app_ids_include": [1], "app_ids_exclude": [1]}, "app_ids_exclude: overlaps"),
        ({"app_groups_include": [1], "app_groups_exclude": [1, 2]}, "app_groups_exclude: overlaps"),
        ({"all_apps": "yes"}, "all_apps: must be true or false"),
        ({"app_ids_include": ["1"]}, "app_ids_include: must be an array of ids"),
        ({"app_ids_include": [True]}, "app_ids_include: must be an array of ids"),
        ({"app_ids_include": 1}, "app_ids_include: must be an array"),
        ({"app_ids_include": [2**53]}, "app_ids_include: must be an array of ids"),
        ({"app_ids_include": list(range(1, 1002))}, "app_ids_include: must have at most 1000"),
        (
            {"all_apps": True, "all_countries": True, "countries_include": ["DE"]},
            "countries_include: must be omitted",
        ),
        (
            {"all_apps": True, "all_languages": True, "languages_include": ["de"]},
            "languages_include: must be omitted",
        ),
        (
            {"all_apps": True, "all_audiences": True, "audiences_include": ["a_1"]},
            "audiences_include: must be omitted",
        ),
        ({"all_apps": True, "countries_include": [49]}, "countries_include: must be an array"),
        ({"all_apps": True, "audiences_include": ["vip"]}, "audiences_include: must be ids"),
        ({"all_apps": True, "audience_groups_include": [4]}, "audience_groups_include: there are"),
        ({"all_apps": True, "event_include": "a b"}, "event_include: must be codes"),
        ({"all_apps": True, "event_exclude": 4}, "event_exclude: must be an array"),
    ],
)
def test_what_contradicts_itself_or_is_malformed_is_named(filters: Any, words: str) -> None:
    assert find_words(**filters).startswith(f"validation error: {words}")


def test_a_list_beside_all_may_be_empty_and_exclude() -> None:
    found = read(all_languages=True, languages_include=[], languages_exclude=["fr"])

    assert isinstance(found.audience.expression, Not)


def test_nothing_included_is_no_restriction_but_of_apps() -> None:
    found = read(
        all_countries=False, countries_include=[], all_languages=False, languages_include=None
    )

    assert found.audience == Audience()


def test_a_country_is_the_devices_own_else_the_persons() -> None:
    found = read(countries_include=["de"])

    assert found.audience.expression == Or(
        (
            Condition("device.country", Op.IN, ("DE",)),
            And(
                (
                    Condition("device.country", Op.EXISTS, False),
                    Condition("person.country", Op.IN, ("DE",)),
                )
            ),
        )
    )


def test_a_language_means_its_regions_too() -> None:
    found = read(languages_include=["en"])

    assert isinstance(found.audience.expression, Or)
    assert found.audience.expression.terms[0] == Or(
        (
            Condition("device.language", Op.IN, ("en",)),
            Condition("device.language", Op.STARTS_WITH, "en-"),
        )
    )


def test_groups_of_fields_hold_together() -> None:
    found = read(countries_include=["DE"], languages_exclude=["fr"], event_include="reg")

    assert isinstance(found.audience.expression, And)
    assert len(found.audience.expression.terms) == 3


@pytest.mark.parametrize("value", ["", "install", ["install"], ["install", "reg"], [], None])
def test_whoever_has_installed_the_app_is_everybody(value: Any) -> None:
    assert read(event_include=value).audience == Audience()


def test_who_must_not_have_installed_the_app_is_nobody() -> None:
    assert read(event_exclude="install").audience.expression == Or(())


@pytest.mark.parametrize("value", ["reg", ["reg"]])
def test_an_event_is_an_attribute_of_the_device_or_its_person(value: Any) -> None:
    expected = Or(
        (
            Condition("device.custom.event_reg", Op.EXISTS, True),
            Condition("person.custom.event_reg", Op.EXISTS, True),
        )
    )

    assert read(event_include=value).audience.expression == Or((expected,))
    assert read(event_exclude=value).audience.expression == Not(Or((expected,)))


def test_audiences_are_segments_of_which_one_is_enough() -> None:
    found = read(audiences_include=["vip_12", "new_7"], audiences_exclude=["gone_3"])

    assert (found.audience.any_segments, found.audience.not_segments) == (("12", "7"), ("3",))


def test_apps_are_chosen_by_ids_and_by_groups() -> None:
    found = wire_filters.read_filters(
        Block({"app_ids_include": [1, 2, 1], "app_groups_include": [3], "app_ids_exclude": [4]})
    )

    assert (found.apps.apps, found.apps.groups, found.apps.not_apps) == (("1", "2"), ("3",), ("4",))


GERMAN = Condition("device.country", Op.EQ, "DE")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (None, {}),
        (And(()), {}),
        (GERMAN, {"countries_include": ["DE"], "all_countries": False}),
        (Not(GERMAN), {"countries_exclude": ["DE"]}),
        (
            And((GERMAN, Not(Condition("device.language", Op.IN, ("de", "fr"))))),
            {
                "countries_include": ["DE"],
                "all_countries": False,
                "languages_exclude": ["de", "fr"],
            },
        ),
        (wire_filters.match_event("reg"), {"event_include": "reg"}),
        (Not(wire_filters.match_event("dep")), {"event_exclude": "dep"}),
    ],
)
def test_what_filters_can_say_is_said(expression: Any, expected: Any) -> None:
    written = wire_filters.write_filters(Audience(expression=expression), "5")

    whole = {
        "all_apps": False, "app_ids_include": [5], "all_countries": True, "all_languages": True,
        "all_audiences": True,
    }  # fmt: skip
    assert written == whole | expected


@pytest.mark.parametrize(
    "audience",
    [
        Audience(labels=("vip",)),
        Audience(segments=("1",)),
        Audience(any_segments=("1",)),
        Audience(not_segments=("1",)),
        Audience(expression=Or((GERMAN, Condition("device.language", Op.EQ, "de")))),
        Audience(expression=Or(())),
        Audience(expression=And((GERMAN, GERMAN))),
        Audience(expression=Condition("person.country", Op.EQ, "DE")),
        Audience(expression=Condition("device.country", Op.NE, "DE")),
        Audience(expression=Condition("device.model", Op.EQ, "x")),
        Audience(expression=Not(Not(GERMAN))),
        Audience(expression=Condition("device.custom.event_reg", Op.EXISTS, True)),
    ],
)
def test_what_filters_cannot_say_exactly_is_not_said(audience: Audience) -> None:
    with pytest.raises(ValueError, match=r"unknown to the vendor|no filter|stands there twice"):
        wire_filters.write_filters(audience, "5")


def test_the_dialect_says_which_expressions_it_can_say() -> None:
    assert DIALECT.can_filter(And((GERMAN, And((Not(Condition("device.language", Op.EQ, "de")),)))))
    assert not DIALECT.can_filter(And((GERMAN, Condition("device.platform", Op.EQ, "ios"))))


def test_every_language_needs_a_title_and_a_text() -> None:
    translations = {"de": Text("Na", ""), "fr": Text("", "Toi")}

    assert DIALECT.find_message_faults(PushMessage(title="Hi", translations=translations)) == {
        "body": "the vendor demands a text", "translations.de.body": "the vendor demands a text",
    }  # fmt: skip
    whole = PushMessage(title="Hi", body="There", translations=translations)
    assert DIALECT.find_message_faults(whole) == {}
