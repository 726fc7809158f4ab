"""Values of conditions that nobody has: told, and refused to nobody."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from campaigns.models import AppGroup, Campaign, Device, DeviceMark, Label, Segment
from campaigns.selectors.country_names import find_country
from campaigns.selectors.doubts import list_doubts
from campaigns.selectors.expressions import check_expression
from campaigns.services import campaigns
from campaigns.services.checks import list_checks
from campaigns.services.preflight import find_problems
from tests import builders

pytestmark = pytest.mark.database
HELLO = {"title": "Hi", "body": "There"}


@pytest.fixture(autouse=True)
def own_cache():
    cache.clear()


@pytest.fixture
def known(app, now):
    Label.objects.create(app=app, name="vip", created_at=now)
    return builders.make_device(app, "t1", country="XK", language="xx")


def doubt(apps, field, value, op="eq"):
    body = {"field": field, "op": op, "value": value}
    [sentences] = list_doubts(apps, check_expression(body))
    return " ".join(sentences)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("person.label", "vip", ""),
        ("person.label", "vipp", "There is no label “vipp”; do you mean “vip”?"),
        ("person.label", "Vip", "There is no label “Vip”; do you mean “vip”?"),
        ("person.label", "buyers", "There is no label “buyers”, so nobody has it."),
        ("device.tag", "beta", "No device has the tag “beta”."),
        ("device.country", "US", ""),
        ("device.country", "XK", ""),  # it has been seen
        ("device.country", "us", "“us” is no country: write US."),
        ("person.country", "Germany", "“Germany” is no country: write DE."),
        ("device.country", "UK", "“UK” is no country: write GB."),
        ("device.country", "?", "“?” is no country: one has two capital letters, such as DE."),
        ("device.language", "de", ""),
        ("device.language", "pt-BR", ""),
        ("device.language", "xx", ""),
        ("device.language", "DE", "“DE” is no language: write de."),
        ("person.language", "German", "“German” is no language: write de."),
        ("person.language", "qq", "“qq” is no language that is known here"),
        ("device.model", "anything", ""),
        ("person.custom.country", "Germany", ""),
    ],
)
def test_a_value_that_nobody_can_have_is_told_with_what_to_write(app, known, field, value, said):
    told = doubt([app], field, value)

    assert told.startswith(said)
    assert bool(told) == bool(said)


def test_a_tag_that_a_device_has_is_in_no_doubt(app, known):
    DeviceMark.objects.create(app=app, device=known, kind=DeviceMark.Kind.TAG, name="beta")

    assert doubt([app], "device.tag", "beta") == ""


def test_of_a_list_each_value_is_told(app, known):
    told = doubt([app], "device.country", ["DE", "us", "Germany"], "in")

    assert told == "“us” is no country: write US. “Germany” is no country: write DE."


def test_a_slip_in_what_is_left_out_says_that_nobody_is(app, known):
    slip = {"field": "person.label", "op": "eq", "value": "vipp"}
    body = {"and": [{"not": slip}, {"not": {"not": slip}}]}

    (left_out,), (not_left_out,) = list_doubts([app], check_expression(body))

    assert left_out == not_left_out + " It leaves nobody out."


@pytest.mark.parametrize(
    ("typed", "code"),
    [("Deutschland", ""), ("germny", "DE"), ("France", "FR"), ("usa", "US"), ("fr", "FR")],
)
def test_a_country_is_found_by_what_people_write(typed, code):
    assert find_country(typed) == code


def see_audience(campaign, now):
    checks = {check.key: check for check in list_checks(find_problems(campaign, now=now))}
    check = checks["audience"]
    return check.verdict.value, [problem.sentence for problem in check.problems]


@pytest.fixture
def make(app, owner, now, known):
    builders.make_route(app, "android")
    Device.objects.update(language="en")

    def create(audience, **more):
        whole = {"name": "One", "audience": audience, "message": HELLO} | more
        made = campaigns.create_campaign(owner, whole, actor="ann", now=now)
        return Campaign.objects.get(pk=made.pk)

    return create


def test_the_preflight_warns_of_segments_and_expressions_that_name_what_is_not_there(
    app, make, now
):
    slip = {"field": "person.label", "op": "eq", "value": "vipp"}
    segment = Segment.objects.create(app=app, name="VIPs", expression=slip)
    told = "There is no label “vipp”; do you mean “vip”?"

    negated = make({"expression": {"not": slip}})
    combined = make({"combine": {"include": [{"all": True}], "exclude": [{"segment": segment.pk}]}})
    fine = make({"labels": ["vip"]})

    assert see_audience(negated, now) == ("warning", [f"{told} It leaves nobody out."])
    assert see_audience(combined, now) == ("warning", [f"VIPs: {told} It leaves nobody out."])
    assert "no label" not in " ".join(see_audience(fine, now)[1])


def test_in_an_app_group_a_label_of_one_app_is_known(app, make, now):
    other = builders.make_app(app.workspace, "cafe")
    group = AppGroup.objects.create(workspace=app.workspace, name="Both", slug="both")
    group.apps.set([app, other])
    named = {"field": "person.label", "op": "in", "value": ["vip", "vipp"]}

    campaign = make({"expression": {"not": named}}, app_group="both")

    [sentence] = see_audience(campaign, now)[1]
    assert sentence.startswith("There is no label “vipp”")


def test_tags_are_looked_for_in_one_statement(app, known, django_assert_num_queries):
    DeviceMark.objects.create(app=app, device=known, kind=DeviceMark.Kind.TAG, name="beta")
    tags = [f"tag {number}" for number in range(49)]

    with django_assert_num_queries(1):
        told = doubt([app], "device.tag", [*tags, "beta"], op="in")

    assert told.count("No device has") == len(tags)
    assert "beta" not in told
