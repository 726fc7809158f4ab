"""Why somebody is in an audience or out of it: true, node by node."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from campaigns.models import (
    Delivery,
    Label,
    LabelMember,
    Message,
    Part,
    Person,
    Segment,
    Settled,
    Transfer,
)
from campaigns.selectors.audience import AudienceKind, read_audience, select_devices
from campaigns.selectors.explain import explain, explain_audience
from campaigns.selectors.expressions import check_expression
from providers.audience import And, Condition, Not, Or
from tests import builders
from tests.builders import NOW
from tests.campaigns.audience_oracle import find_carried, is_meant, look_up
from tests.campaigns.crowd import make_crowd, select
from tests.campaigns.test_expressions import expressions

pytestmark = pytest.mark.database
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}
NEW = {"field": "device.app_version", "op": "gte", "value": "2.10"}


@pytest.fixture
def crowd(app):
    return make_crowd(app)


def pair_nodes(expression, verdict):
    """Each node of the expression with the verdict on it."""
    yield expression, verdict
    inner = {And: "terms", Or: "terms", Not: "term"}.get(type(expression))
    terms = getattr(expression, inner) if inner else ()
    for term, judged in zip(
        terms if isinstance(terms, tuple) else (terms,), verdict.terms, strict=True
    ):
        yield from pair_nodes(term, judged)


@settings(max_examples=60)
@given(body=expressions)
def test_a_verdict_is_what_the_query_selects(crowd, body):
    expression = check_expression(body)
    some = crowd[::7]

    met = {device.pk for device in some if explain(expression, device, now=NOW).is_met}

    selected = select(crowd[0].app, body).filter(pk__in=[device.pk for device in some])
    assert met == set(selected.values_list("pk", flat=True))


@settings(max_examples=60)
@given(body=expressions)
def test_every_node_is_judged_and_says_what_was_found(crowd, body):
    expression = check_expression(body)
    device = crowd[len(str(body)) % len(crowd)]

    nodes = list(pair_nodes(expression, explain(expression, device, now=NOW)))

    assert [judged.is_met for _node, judged in nodes] == [
        is_meant(device, node) for node, _judged in nodes
    ]
    for node, judged in nodes:
        if isinstance(node, Condition):
            carried = find_carried(device, node.field)
            found = look_up(device, node.field) if carried is None else tuple(sorted(carried))
            shown = found.isoformat() if hasattr(found, "isoformat") else found
            assert (judged.field, judged.found) == (node.field, shown)


def test_a_node_is_named_as_a_refusal_would_name_it(app):
    device = builders.make_device(app, "a", country="FR", app_version="2.9")
    expression = check_expression({"and": [{"not": GERMANS}, {"or": [NEW]}]})

    verdict = explain(expression, device)

    assert [judged.path for _node, judged in pair_nodes(expression, verdict)] == [
        "expression", "expression.and[0]", "expression.and[0].not", "expression.and[1]",
        "expression.and[1].or[0]",
    ]  # fmt: skip
    condition = verdict.terms[1].terms[0]
    assert (condition.wanted, condition.found, condition.is_met) == ("2.10", "2.9", False)


def test_a_long_list_of_conditions_is_one_statement(app, django_assert_num_queries):
    person = builders.make_person(app.workspace)
    device = builders.make_device(app, "a", person=person, country="DE")
    fields = ["device.country", "person.country", "device.custom.plan", "device.app_version"]
    body = [{"field": fields[n % 4], "op": "in", "value": [f"{n}", "DE"]} for n in range(100)]
    body = [one for one in body if "version" not in one["field"]] + [NEW]

    with django_assert_num_queries(1):
        verdict = explain(check_expression({"or": body}), device)

    assert len(verdict.terms) == 76
    assert sum(term.is_met for term in verdict.terms) == 25


def test_values_that_python_takes_for_the_same_are_not(app):
    device = builders.make_device(app, "a", attributes={"n": 1})
    body = [{"field": "device.custom.n", "op": "eq", "value": value} for value in (1, True, 1.0)]

    verdict = explain(check_expression({"and": body}), device)

    assert [term.is_met for term in verdict.terms] == [True, False, True]


@pytest.fixture
def devices(app):
    ann, bob = (Person.objects.create(workspace=app.workspace, external_user_id=name)
                for name in ("ann", "bob"))  # fmt: skip
    label = Label.objects.create(app=app, name="vip")
    LabelMember.objects.create(label=label, person=ann)
    return [
        builders.make_device(app, "t1", person=ann, country="DE", is_primary=True),
        builders.make_device(app, "t2", person=ann),
        builders.make_device(app, "t3", person=bob, country="DE"),
        builders.make_device(app, "t4"),
    ]


@pytest.fixture
def bodies(app, devices, now):
    """One audience of every kind, each of which means some of the devices and not others."""
    segment = Segment.objects.create(app=app, name="Germans", expression=GERMANS)
    transfer = make_unknown(app, devices[1:3], now)
    return {
        "all": True,
        "labels": ["vip"],
        "segment": segment.pk,
        "expression": {"not": GERMANS},
        "persons": ["bob", "cy"],
        "devices": [devices[0].pk, devices[3].pk],
        "unknown_of": transfer.pk,
        "outcomes_of": {"transfer": transfer.pk, "outcomes": ["unknown", "failed"]},
        "combine": {
            "include": [{"persons": ["ann"]}, {"devices": [devices[3].pk]}],
            "exclude": [{"segment": segment.pk}, {"labels": ["gone"]}],
        },
    }


def make_unknown(app, devices, now):
    """A transfer that does not know whether it reached these devices."""
    message = Message.objects.create(app=app, content={})
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status_since=now, due_at=now, created_at=now
    )
    part = Part.objects.create(transfer=transfer, message=message)
    unknown = Settled.UNKNOWN.value
    Delivery.objects.bulk_create(
        Delivery(part=part, recipient=one.pk, outcome=unknown, at=now, cohort_id=1)
        for one in devices
    )
    return transfer


@pytest.mark.values(18)
@pytest.mark.parametrize("only_primary", [False, True])
@pytest.mark.parametrize("kind", list(AudienceKind))
def test_every_kind_of_audience_is_explained_as_it_is_selected(
    app, devices, bodies, kind, only_primary
):
    audience = read_audience(app, {kind.value: bodies[kind]}, principal=None)

    told = [
        (one.device, one.verdict.is_met)
        for device in devices
        for one in explain_audience(app, audience, device, only_primary=only_primary)
    ]

    chosen = set(select_devices(app, audience, only_primary=only_primary))
    assert told == [(device, device in chosen) for device in devices]


def test_a_combined_audience_names_the_part_that_decided(app, devices, bodies):
    audience = read_audience(app, {"combine": bodies["combine"]}, principal=None)

    [told] = explain_audience(app, audience, devices[0])

    spared = told.verdict.terms[1].terms[0].terms[0].terms[0]
    assert (spared.path, spared.found, spared.is_met) == ("expression", "DE", True)
    assert [term.path for term in told.verdict.terms[0].terms] == [
        "audience.combine.include[0].persons",
        "audience.combine.include[1].devices",
    ]


def test_a_person_is_explained_device_by_device(app, devices, bodies):
    audience = read_audience(app, {"segment": bodies["segment"]}, principal=None)

    told = explain_audience(app, audience, devices[0].person)

    assert [(one.device.token, one.verdict.is_met) for one in told] == [("t1", True), ("t2", False)]
    assert told[0].verdict.name == "Germans"
    assert told[1].verdict.terms[0].found is None


def test_who_has_no_device_in_the_app_is_told_so_by_silence(app, devices):
    other = builders.make_app(app.workspace, slug="second")
    everybody = read_audience(other, {"all": True}, principal=None)

    assert explain_audience(other, everybody, devices[0]) == ()
    assert explain_audience(other, everybody, devices[0].person) == ()


def test_a_segment_that_is_gone_means_nobody(app, devices):
    audience = read_audience(app, {"segment": 77}, principal=None)

    [told] = explain_audience(app, audience, devices[0])

    assert not told.verdict.is_met
