"""Which devices an audience means, and which audiences are refused."""

from __future__ import annotations

import pytest

from campaigns.errors import Invalid
from campaigns.models import Label, LabelMember, Person, Segment
from campaigns.selectors.audience import (
    Audience,
    AudienceKind,
    count_devices,
    read_audience,
    sample_devices,
    select_devices,
)
from tests import builders

pytestmark = pytest.mark.database


@pytest.fixture
def people(app):
    return [
        Person.objects.create(workspace=app.workspace, external_user_id=name, language=language)
        for name, language in (("ann", "de"), ("bob", "fr"), ("cy", ""))
    ]


@pytest.fixture
def devices(app, people):
    ann, bob, cy = people
    return [
        builders.make_device(app, "t1", person=ann, is_primary=True, country="DE"),
        builders.make_device(app, "t2", platform="ios", person=ann, language="en", country="US"),
        builders.make_device(app, "t3", person=bob),
        builders.make_device(app, "t4", platform="web", person=cy),
        builders.make_device(app, "t5"),
    ]


def make_label(app, name, *members):
    label = Label.objects.create(app=app, name=name)
    LabelMember.objects.bulk_create(LabelMember(label=label, person=person) for person in members)
    return label


def tokens_of(app, body, **options):
    audience = read_audience(app, body, principal=None)
    return set(select_devices(app, audience, **options).values_list("token", flat=True))


def test_all_means_every_device_of_the_app_and_no_other(app, devices):
    builders.make_device(builders.make_app(app.workspace, slug="second"), "elsewhere")

    assert tokens_of(app, {"all": True}) == {"t1", "t2", "t3", "t4", "t5"}


def test_labels_mean_persons_who_carry_all_of_them(app, devices, people):
    make_label(app, "vip", people[0], people[1])
    make_label(app, "paid", people[0], people[2])

    assert tokens_of(app, {"labels": ["vip"]}) == {"t1", "t2", "t3"}
    assert tokens_of(app, {"labels": ["vip", "paid", "vip"]}) == {"t1", "t2"}
    assert tokens_of(app, {"labels": ["vip", "gone"]}) == set()


def test_a_label_of_another_app_is_not_meant(app, devices, people):
    make_label(builders.make_app(app.workspace, slug="second"), "vip", people[0])

    assert tokens_of(app, {"labels": ["vip"]}) == set()


def test_a_segment_means_whom_its_expression_means_now(app, devices):
    body = {"field": "device.country", "op": "eq", "value": "DE"}
    segment = Segment.objects.create(app=app, name="Germans", expression=body)

    assert tokens_of(app, {"segment": segment.pk}) == {"t1"}
    Segment.objects.update(expression={"not": body})
    assert tokens_of(app, {"segment": segment.pk}) == {"t2", "t3", "t4", "t5"}


def test_a_segment_that_is_gone_means_nobody(app, devices):
    assert tokens_of(app, {"segment": 77}) == set()


def test_persons_devices_and_expressions_mean_what_they_name(app, devices):
    expression = {"field": "person.external_user_id", "op": "starts_with", "value": "b"}

    assert tokens_of(app, {"persons": ["ann", "nobody"]}) == {"t1", "t2"}
    assert tokens_of(app, {"devices": [devices[4].pk, 10**12]}) == {"t5"}
    assert tokens_of(app, {"expression": expression}) == {"t3"}


def test_a_combined_audience_means_whom_one_includes_and_none_excludes(app, devices, people):
    make_label(app, "vip", people[0], people[1])
    germany = {"expression": {"field": "device.country", "op": "eq", "value": "DE"}}
    segment = Segment.objects.create(app=app, name="Germans", expression=germany["expression"])
    vip, bob, germans = {"labels": ["vip"]}, {"persons": ["bob"]}, {"segment": segment.pk}
    last = {"devices": [devices[4].pk]}

    def tokens(**sides):
        return tokens_of(app, {"combine": sides})

    assert tokens(include=[germans, last]) == {"t1", "t5"}
    assert tokens(include=[vip], exclude=[]) == {"t1", "t2", "t3"}
    assert tokens(include=[vip], exclude=[germany, bob]) == {"t2"}
    assert tokens(include=[{"all": True}], exclude=[vip]) == {"t4", "t5"}
    assert tokens(include=[vip, last], exclude=[{"all": True}]) == set()


def test_two_full_segments_fit_into_one_statement(app, devices):
    values = [f"v{number}" for number in range(9_998)]
    fields = ("device.country", "device.app_version", "device.custom.plan", "device.tag")
    bodies = [{"field": name, "op": "in", "value": values} for name in fields]
    bodies[1]["value"] = [f"{number % 4000}.{number // 4000}" for number in range(9_998)]
    parts = [{"expression": body} for body in bodies]

    found = tokens_of(app, {"combine": {"include": [{"all": True}], "exclude": parts * 5}})

    assert found == {"t1", "t2", "t3", "t4", "t5"}


def test_only_primary_leaves_the_others_out(app, devices):
    assert tokens_of(app, {"persons": ["ann"]}, only_primary=True) == {"t1"}


def test_the_count_is_split_by_platform_and_by_the_language_people_will_get(app, devices):
    count = count_devices(app, Audience(AudienceKind.ALL))

    assert count == {
        "total": 5,
        "platforms": {"android": 3, "ios": 1, "web": 1},
        "languages": {"en": 3, "de": 1, "fr": 1},
        "unusable": {},
    }


def test_a_sample_shows_the_first_ten(app):
    made = [builders.make_device(app, f"token {number}") for number in range(12)]

    assert sample_devices(app, Audience(AudienceKind.ALL)) == made[:10]


def test_twenty_thousand_recipients_can_be_named(app, devices):
    named = [f"nobody {number}" for number in range(19_999)]

    assert tokens_of(app, {"persons": [*named, "bob"]}) == {"t3"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (None, "audience"),
        ({}, "audience"),
        ([], "audience"),
        ({"all": True, "labels": ["a"]}, "audience"),
        ({"everyone": True}, "audience.everyone"),
        ({"all": False}, "audience.all"),
        ({"all": 1}, "audience.all"),
        ({"labels": []}, "audience.labels"),
        ({"labels": "vip"}, "audience.labels"),
        ({"labels": ["vip", 1]}, "audience.labels[1]"),
        ({"labels": [f"{n}" for n in range(21)]}, "audience.labels"),
        ({"labels": ["unknown"]}, "audience.labels"),
        ({"segment": "1"}, "audience.segment"),
        ({"segment": True}, "audience.segment"),
        ({"segment": 2**60}, "audience.segment"),
        ({"segment": 404}, "audience.segment"),
        ({"persons": [""]}, "audience.persons[0]"),
        ({"persons": ["a\0"]}, "audience.persons[0]"),
        ({"persons": ["\udcff"]}, "audience.persons[0]"),
        ({"persons": ["a"] * 20_001}, "audience.persons"),
        ({"devices": [0]}, "audience.devices"),
        ({"devices": [1.0]}, "audience.devices"),
        ({"devices": [True]}, "audience.devices"),
        ({"expression": {"field": "x", "op": "eq", "value": 1}}, "audience.expression"),
        ({"combine": []}, "audience.combine"),
        ({"combine": {"exclude": [{"all": True}]}}, "audience.combine"),
        ({"combine": {"include": [{"all": True}], "or": []}}, "audience.combine"),
        ({"combine": {"include": []}}, "audience.combine.include"),
        ({"combine": {"include": [{"all": True}] * 21}}, "audience.combine.include"),
        ({"combine": {"include": [{"all": True}], "exclude": None}}, "audience.combine.exclude"),
        ({"combine": {"include": ["vip"]}}, "audience.combine.include[0]"),
        (
            {"combine": {"include": [{"all": True}], "exclude": [{"segment": 404}]}},
            "audience.combine.exclude[0].segment",
        ),
        (
            {"combine": {"include": [{"all": True}, {"expression": {"and": [{"x": 1}]}}]}},
            "audience.combine.include[1].expression.and[0]",
        ),
        (
            {"combine": {"include": [{"combine": {"include": [{"all": True}]}}]}},
            "audience.combine.include[0].combine",
        ),
        (
            {
                "combine": {
                    "include": [{"devices": [*range(1, 11_000)]}, {"devices": [*range(1, 11_000)]}]
                }
            },
            "audience.combine",
        ),
    ],
)
def test_a_wrong_audience_is_refused_where_it_is_wrong(app, owner, body, path):
    with pytest.raises(Invalid) as refused:
        read_audience(app, body, principal=owner)

    assert list(refused.value.fields) == [path]


def test_a_strangers_segment_is_as_good_as_none(app, stranger):
    segment = Segment.objects.create(app=app, name="All", expression={"and": []})

    with pytest.raises(Invalid):
        read_audience(app, {"segment": segment.pk}, principal=stranger)


def test_an_app_group_may_use_a_label_that_one_of_its_apps_has(app, owner, people):
    second = builders.make_app(app.workspace, slug="second")
    make_label(app, "vip", people[0])

    audience = read_audience([app, second], {"labels": ["vip"]}, principal=owner)

    assert audience == Audience(AudienceKind.LABELS, labels=("vip",))
