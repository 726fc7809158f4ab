"""What each column of an imported file is: chosen in words, guessed, remembered, shown again."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import Import, Membership, Person
from campaigns.pages.suppressions import name_kind
from campaigns.selectors.identifiers import INSTALLATION, identifier_kinds, identifier_platforms
from campaigns.services import imports
from campaigns.services.import_targets import list_targets
from campaigns.services.job_work import drain_jobs
from tests import builders
from tests.campaigns.importing import check, upload

pytestmark = pytest.mark.database
SELECT = re.compile(r'<select id="id_column_(\d+)".*?</select>', re.DOTALL)
OPTION = re.compile(r'<option value="([^"]*)"( selected)?>(.*?)</option>')


@pytest.fixture
def member(client, colleague):
    client.force_login(colleague)
    return client


def see(client, one):
    return client.get(reverse("import", args=[one.pk]))


def run(client, one, *targets, **others):
    columns = {f"column-{number}": target for number, target in enumerate(targets)}
    address = reverse("check_import", args=[one.pk])
    return client.post(address, {**columns, "verb": "save", **others})


def read_options(page):
    """The options of each column's choice: value, words, and whether it is chosen."""
    return [
        [(unescape(value), unescape(words), bool(mark)) for value, mark, words in
         OPTION.findall(found[0])]
        for found in SELECT.finditer(page.content.decode())
    ]  # fmt: skip


def list_chosen(page):
    return [next((v for v, _words, mark in one if mark), "") for one in read_options(page)]


def give(app, number=0, **attributes):
    """A person of the app with a device and these attributes."""
    person = builders.make_person(app.workspace, f"known-{number}", attributes=attributes)
    builders.make_device(app, f"token-{number}", person=person, attributes={"age": 7})


def test_each_column_offers_in_words_whatever_a_column_may_be(member, app):
    give(app, plan="pro")

    options = read_options(see(member, upload(app, "user_id,plan,zip\nann,pro,01234\n")))

    words = {value: shown for value, shown, _mark in options[0]}
    assert len(options) == 3
    assert set(list_targets()) < set(words)
    assert len(set(words.values())) == len(words)
    assert words["person.language"] == "Language"
    assert words["device.language"] == "Language of the device"
    assert words["person.custom.plan:text"] == "plan (person, text)"
    assert words["device.custom.age:number"] == "age (device, number)"
    assert words[""] == "Leave it out"


def test_every_kind_of_id_that_a_vendor_has_is_called_as_people_call_it():
    kinds = [kind for kind in identifier_kinds().values() if kind.name in identifier_platforms()]

    unnamed = {kind.name for kind in kinds if not kind.label}

    assert unnamed == {INSTALLATION}
    assert name_kind("google_aid") == "Google advertising id"
    assert name_kind(INSTALLATION) == "Installation id"


def test_headings_and_known_attributes_are_guessed_and_first_rows_shown(member, app):
    give(app, Plan="pro")

    page = see(member, upload(app, "user_id,E-Mail,plan,zip\nann,ann@b.org,pro,01234\n"))

    assert list_chosen(page) == [
        "person.external_user_id", "person.email", "person.custom.Plan:text", "",
    ]  # fmt: skip
    assert [column.samples for column in page.context["columns"]] == [
        ["ann"], ["ann@b.org"], ["pro"], ["01234"],
    ]  # fmt: skip


def test_the_keys_of_objects_are_columns_too(member, app):
    page = see(member, upload(app, '{"user_id": "ann", "tags": ["a", "b"]}\n', "people.jsonl"))

    assert list_chosen(page) == ["person.external_user_id", ""]
    assert page.context["columns"][1].samples == ['["a", "b"]']
    assert [kind for kind, _words, mark in page.context["columns"][1].types if mark] == ["list"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [(("1", "2.5"), "number"), (("01", "2"), "text"), (("true", "FALSE"), "flag"),
     (("", ""), "text"), (("1", "x"), "text"), (("-0.5", ""), "number"), (("1e9", "1"), "text")],
)  # fmt: skip
def test_the_type_of_an_attribute_is_guessed_by_the_first_rows(member, app, cells, kind):
    rows = "".join(f"u{number},{cell}\n" for number, cell in enumerate(cells))

    column = see(member, upload(app, f"user_id,score\n{rows}")).context["columns"][1]

    assert [one for one, _words, mark in column.types if mark] == [kind]
    assert column.own == "score"


def test_an_attribute_of_ones_own_is_imported_and_shown_again(member, app):
    one = upload(app, "user_id,Punkte\nann,12\n")
    given = ("person.external_user_id", "person.custom")

    run(member, one, *given, **{"own-1": " score ", "type-1": "number"})
    drain_jobs()
    again = see(member, one)
    member.post(reverse("apply_import", args=[one.pk]))
    drain_jobs()

    one.refresh_from_db()
    column = again.context["columns"][1]
    assert one.mapping["Punkte"] == "person.custom.score:number"
    assert list_chosen(again) == ["person.external_user_id", "person.custom"]
    assert (column.own, [kind for kind, _w, mark in column.types if mark]) == ("score", ["number"])
    assert Person.objects.get().attributes == {"score": 12}


@pytest.mark.parametrize("own", ["", "  ", 'a"b', "é", "x" * 129, "\\"])
def test_an_attribute_without_a_name_that_can_be_used_is_refused_beside_it(member, app, own):
    one = upload(app, "user_id,Punkte\nann,12\n")
    given = ("person.external_user_id", "person.custom")

    refused = run(member, one, *given, **{"own-1": own, "type-1": "number"})

    columns = refused.context["columns"]
    assert refused.status_code == 422
    assert [bool(column.fault) for column in columns] == [False, True]
    assert "Say what the attribute is called" in columns[1].fault
    assert list_chosen(refused) == ["person.external_user_id", "person.custom"]
    assert columns[1].own == own.strip()
    assert 'aria-describedby="id_fault_1"' in refused.content.decode()
    assert Import.objects.get().check_job is None


def test_the_name_of_an_attribute_stays_where_it_was_typed(member, app):
    one = upload(app, "user_id,Punkte\nann,12\n")

    refused = run(member, one, "", "person.country", **{"own-1": "score", "type-1": "list"})

    column = refused.context["columns"][1]
    assert refused.status_code == 422
    assert list_chosen(refused) == ["", "person.country"]
    assert (column.own, [kind for kind, _w, mark in column.types if mark]) == ("score", ["list"])


def test_what_is_no_target_at_all_is_shown_as_it_was_sent(member, app):
    one = upload(app, "user_id,Stufe\nann,gold\n")

    refused = run(member, one, "person.external_user_id", '"><b>person.shoe', **{"type-1": "no"})

    assert refused.status_code == 422
    assert list_chosen(refused)[1] == '"><b>person.shoe'
    assert b"<b>person.shoe" not in refused.content


def test_columns_of_former_files_are_remembered_by_their_names(member, app):
    """Also where the heading is another; the newest file counts, and nothing is guessed twice."""
    key = "person.external_user_id"
    country = {"Kunde": key, "Ort": "person.country", "Alt": "person.email"}
    check(upload(app, "Kunde;Ort;Alt\na;DE;x\n"), mapping=country)
    town = {"Kunde": key, "Ort": "person.custom.town:text"}
    check(upload(app, "Kunde;Ort;Neu\na;Ulm;x\n"), mapping=town)
    other = builders.make_app(app.workspace, "other")
    mixed = upload(app, "Kunde;Ort;user_id;email;Neu\nb;Bonn;u;b@c.org;y\n")

    page = see(member, mixed)

    assert list_chosen(page) == [
        "person.external_user_id", "person.custom", "", "person.email", "",
    ]  # fmt: skip
    assert page.context["columns"][1].own == "town"
    assert imports.suggest_mapping(upload(other, "Kunde;Ort;x\nb;Bonn;y\n"), {}) == {}
    assert imports.propose(mixed) == {"user_id": "person.external_user_id", "email": "person.email"}


def test_two_columns_that_were_the_same_once_are_not_both_so_now(app):
    for name in ("Kunde", "Nummer"):
        check(upload(app, f"{name};Ort\na;DE\n"), mapping={name: "person.external_user_id"})

    both = imports.suggest_mapping(upload(app, "Kunde;Nummer;x\na;1;y\n"), {})

    assert both == {"Kunde": "person.external_user_id"}


def test_a_file_of_a_hundred_columns_is_typed_with_the_same_suggestions(member, app):
    give(app, plan="pro")
    names = ",".join(f"column_{number}" for number in range(100))
    one = upload(app, f"user_id,{names}\nann{',x' * 100}\n")

    page = see(member, one)
    text = page.content.decode()
    run(member, one, "person.external_user_id", "person.custom.plan:text")

    one.refresh_from_db()
    assert read_options(page) == []
    assert '<option value="person.custom.plan:text">' in text
    assert 'value="person.external_user_id" autocomplete' in text
    assert len(page.content) < 300_000
    assert one.mapping == {
        "user_id": "person.external_user_id", "column_0": "person.custom.plan:text",
    }  # fmt: skip


def test_a_file_of_many_columns_and_attributes_stays_a_small_page(member, app):
    give(app, **{f"attribute_{number}": "x" for number in range(150)})
    names = ",".join(f"column_{number}" for number in range(60))

    page = see(member, upload(app, f"user_id,{names}\nann{',x' * 60}\n"))

    assert len(read_options(page)) == 61
    assert "attribute_7" in page.content.decode()
    assert len(page.content) < 300_000


def test_a_viewer_is_offered_nothing(client, app):
    give(app, plan="pro")
    one = upload(app, "user_id,plan\nann,pro\n")
    low = builders.make_member("low", app.workspace, app=app, role=Membership.Role.VIEWER)
    client.force_login(low)

    page = see(client, one)

    assert page.context["columns"] == page.context["attributes"] == []
    assert read_options(page) == []


def test_half_a_character_in_the_first_rows_is_shown_as_a_question_mark(member, app):
    page = see(member, upload(app, '{"user_id": "ann", "plan": "a\\ud83d"}\n', "people.jsonl"))

    assert page.status_code == 200
    assert [column.samples for column in page.context["columns"]] == [["ann"], ["a?"]]


def test_attributes_with_long_names_are_not_drawn_for_each_column(member, app):
    give(app, **{f"{number:03}{'&' * 125}": "x" for number in range(150)})
    names = ",".join(f"{number:02}{'&' * 198}" for number in range(9))

    page = see(member, upload(app, f"user_id,{names}\nann{',&&&' * 9}\n"))

    assert len(read_options(page)) == 10
    assert "Another attribute of the person" in page.content.decode()
    assert len(page.content) < 300_000


def test_hundreds_of_columns_with_long_names_and_values_stay_a_page(member, app):
    names = ",".join(f"{number:03}{'<' * 197}" for number in range(499))
    row = f"ann{',' + '<' * 80}" + f",{'<' * 80}" * 498

    page = see(member, upload(app, f"user_id,{names}\n{row}\n"))

    assert read_options(page) == []
    assert len(page.content) < 400_000
