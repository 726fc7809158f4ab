"""What is written of a person while somebody else writes of them stays."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns.models import Person
from campaigns.services.audience import update_person
from tests import builders
from tests.pages.read_form import read_forms

pytestmark = pytest.mark.database


@pytest.fixture
def ann(workspace):
    own = {"plan": "pro", "age": 41, "vip": True}
    return builders.make_person(workspace, "ann", country="DE", attributes=own)


@pytest.fixture
def operator(client, owner):
    client.force_login(owner)
    return client


def open_form(client, person):
    return read_typed(client.get(reverse("edit_person", args=[person.pk])))


def read_typed(answer):
    forms, _senders = read_forms(answer.content.decode())
    [values] = [form.values for form in forms if "attribute_name" in form.values]
    return values


def save(client, person, typed):
    return client.post(reverse("edit_person", args=[person.pk]), dict(typed.lists()))


def change(person, country, **attributes):
    """What a script or an import writes."""
    Person.objects.filter(pk=person.pk).update(country=country, attributes=attributes)


def test_a_form_writes_what_was_changed_in_it(operator, ann):
    typed = open_form(operator, ann)
    change(ann, "FR", plan="gold", age=41, vip=True, crm="x-7")

    names = typed.getlist("attribute_name")
    typed["phone"] = "+49 170 1234567"
    typed.setlist("attribute_name", ["" if name == "vip" else name for name in names])
    answer = save(operator, ann, typed)

    ann.refresh_from_db()
    assert answer.status_code == 302
    assert (ann.phone, ann.country) == ("491701234567", "FR")
    assert ann.attributes == {"plan": "gold", "age": 41, "crm": "x-7"}


def test_a_number_becomes_a_flag_of_the_same_worth(operator, ann):
    Person.objects.update(attributes={"vip": 1})
    typed = open_form(operator, ann)
    typed.setlist("attribute_kind", ["flag", *typed.getlist("attribute_kind")[1:]])
    typed.setlist("attribute_value", ["yes", *typed.getlist("attribute_value")[1:]])

    save(operator, ann, typed)

    ann.refresh_from_db()
    assert ann.attributes["vip"] is True


def test_a_form_that_was_refused_knows_still_what_it_began_with(operator, ann):
    typed = open_form(operator, ann)
    typed["phone"] = "call me"
    refused = save(operator, ann, typed)
    change(ann, "FR", plan="gold", crm="x-7")

    again = read_typed(refused)
    again["phone"] = "+49 170 1234567"
    save(operator, ann, again)

    ann.refresh_from_db()
    assert refused.status_code == 422
    assert (ann.phone, ann.country, ann.attributes) == (
        "491701234567", "FR", {"plan": "gold", "crm": "x-7"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "seen", ["", "{", "[]", '{"attributes": 7}', "[" * 100_000, "null", "a\0b"]
)
def test_a_form_that_does_not_know_what_it_began_with_writes_all(operator, ann, seen):
    typed = open_form(operator, ann)
    change(ann, "FR", plan="gold", crm="x-7")
    typed["seen"] = seen

    answer = save(operator, ann, typed)

    ann.refresh_from_db()
    assert answer.status_code == 302
    assert (ann.country, ann.attributes) == ("DE", {"plan": "pro", "age": 41, "vip": True})


def test_too_many_attributes_together_are_refused(operator, ann):
    typed = open_form(operator, ann)
    change(ann, "DE", **{f"a{number}": "x" for number in range(100)})
    typed.setlist("attribute_name", [*typed.getlist("attribute_name")[:-1], "new"])

    answer = save(operator, ann, typed)

    ann.refresh_from_db()
    assert answer.status_code == 422
    assert "At most 100 attributes" in answer.content.decode()
    assert len(ann.attributes) == 100


def test_an_opt_out_stays_when_something_else_is_changed_at_that_moment(ann, now):
    mine, theirs = (Person.objects.get(pk=ann.pk) for _reader in range(2))

    update_person(mine, {"opted_out": True}, actor="key 1", now=now)
    update_person(theirs, {"language": "fr"}, actor="key 2", now=now)

    ann.refresh_from_db()
    assert (ann.opted_out_at, ann.language) == (now, "fr")


def test_the_first_opt_out_keeps_its_time(ann, now):
    stale = Person.objects.get(pk=ann.pk)
    update_person(ann, {"opted_out": True}, actor="key 1", now=now)

    update_person(stale, {"opted_out": True}, actor="key 2", now=now.replace(year=2031))

    ann.refresh_from_db()
    assert ann.opted_out_at == now
