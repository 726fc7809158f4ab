"""What a script keeps with us for its dialect: found again, searched, bounded, its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.errors import Forbidden, Invalid, NotFound
from campaigns.models import ScriptRecord
from campaigns.services import intake, intake_records
from campaigns.services.callers import Caller
from providers.schedules import DropRecord, FetchRecord, ListRecords, SaveRecord
from tests import builders
from tests.compat.conftest import make_key
from tests.compat.planning import PLAIN

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def caller(app, now):
    return Caller(make_key(app)[0], PLAIN, now)


def keep(caller, kind="plan", body=None, **fields):
    return intake.execute(SaveRecord(kind=kind, body=body or {"name": "x"}, **fields), caller)


def test_a_record_is_given_back_as_it_came(caller, now):
    body = {"name": "Ä\U0001f600", "deep": [{"n": 1.5, "none": None, "": True}], "big": 2**53}

    made = keep(caller, body=body)
    told = intake.execute(FetchRecord("plan", made.id), caller)

    assert told == made
    assert (told.body, told.is_archived, told.created_at) == (body, False, now)
    assert int(told.id) < 2**53


def test_a_change_replaces_the_body_or_the_mark_alone(caller):
    made = keep(caller, body={"a": 1, "b": 2})

    replaced = keep(caller, id=made.id, body={"c": 3})
    archived = intake.execute(
        SaveRecord(kind="plan", id=made.id, body=None, is_archived=True), caller
    )

    assert (replaced.body, replaced.is_archived) == ({"c": 3}, False)
    assert (archived.body, archived.is_archived) == ({"c": 3}, True)


def test_records_are_listed_by_kind_mark_app_and_search(caller, app):
    names = ["Spring Sale", "SALES", "Ärger", "ärmel", "Winter"]
    made = [keep(caller, body={"deep": [{"name": name}]}) for name in names]
    keep(caller, kind="other")
    named = keep(caller, app=str(app.pk), body={"name": "of the app"}, is_archived=True)

    def find(**asked):
        rows = intake.execute(ListRecords("plan", **asked), caller).rows
        return [row.id for row in rows]

    ids = [row.id for row in made]
    assert find(search="sale") == ids[:2]
    assert find(search="ÄR") == ids[2:4]
    assert find(search="100%") == []
    assert find(is_archived=True) == find(app=str(app.pk)) == [named.id]
    assert find(is_archived=False, page=2, size=2) == ids[2:4]


def test_a_dropped_record_is_gone(caller):
    made = keep(caller)

    intake.execute(DropRecord("plan", made.id), caller)

    with pytest.raises(NotFound):
        intake.execute(FetchRecord("plan", made.id), caller)


@pytest.mark.parametrize("body", [{"text": "x" * 65_536}, {"text": "a\0b"}, {"text": "\ud800"}])
def test_what_cannot_be_kept_is_refused(caller, body):
    with pytest.raises(Invalid):
        keep(caller, body=body)

    assert not ScriptRecord.objects.exists()


def test_what_just_fits_is_kept(caller):
    keep(caller, body={"text": "x" * (65_536 - len('{"text": ""}'))})

    assert ScriptRecord.objects.count() == 1


def test_only_so_many_of_a_kind_are_kept_for_a_workspace(caller, monkeypatch):
    monkeypatch.setattr(intake_records, "MAX_RECORDS", 2)
    for _number in range(2):
        keep(caller)

    with pytest.raises(Invalid):
        keep(caller)
    keep(caller, kind="other")

    assert ScriptRecord.objects.count() == 3


def test_what_belongs_to_others_is_not_there(caller, app):
    own, named = keep(caller), keep(caller, app=str(app.pk))
    sibling = make_key(builders.make_app(app.workspace, "sibling"))[0]
    foreign = make_key(builders.make_app(builders.make_workspace("other"), "theirs"))[0]
    tongue = replace(caller, dialect=replace(PLAIN, key="other"))
    strangers = [replace(caller, key=key) for key in (sibling, foreign)]

    for stranger in (*strangers, tongue):
        assert intake.execute(ListRecords("plan"), stranger).total == 0
        for row in (own, named):
            change = SaveRecord(kind="plan", id=row.id, body={})
            for command in (FetchRecord("plan", row.id), DropRecord("plan", row.id), change):
                with pytest.raises(NotFound):
                    intake.execute(command, stranger)

    assert ScriptRecord.objects.count() == 2


def test_a_key_of_the_whole_workspace_sees_what_belongs_to_no_app(caller, app, now):
    made = keep(caller)
    wide = make_key(app)[0]
    wide.apps.clear()

    told = intake.execute(FetchRecord("plan", made.id), replace(caller, key=wide))

    assert told == made


@pytest.mark.parametrize("name", ["", "0", "-1", "x", "9" * 30, "\u0661"])
def test_what_is_no_id_finds_nothing(caller, name):
    with pytest.raises(NotFound):
        intake.execute(FetchRecord("plan", name), caller)


def test_a_reader_changes_nothing(caller, app):
    made = keep(caller)
    reader = replace(caller, key=make_key(app, scopes=["read"])[0])

    for command in (SaveRecord(kind="plan", body={}), DropRecord("plan", made.id)):
        with pytest.raises(Forbidden):
            intake.execute(command, reader)


def test_a_record_is_known_by_a_text_of_its_body(caller):
    first = keep(caller, body={"name": "a", "words": "one"}, key="name")
    other = keep(caller, body={"name": "b"}, key="name")

    again = keep(caller, body={"name": "a", "words": "two"}, key="name")

    assert again.id == first.id != other.id
    assert again.body == {"name": "a", "words": "two"}
    assert ScriptRecord.objects.count() == 2


def test_records_are_dropped_by_a_text_of_their_bodies_all_or_none(caller):
    for name in ("a", "b", "c"):
        keep(caller, body={"name": name}, key="name")

    with pytest.raises(NotFound):
        intake.execute(DropRecord("plan", key="name", values=("a", "x")), caller)
    before = ScriptRecord.objects.count()
    intake.execute(DropRecord("plan", key="name", values=("a", "b")), caller)

    assert before == 3
    assert [row.body["name"] for row in ScriptRecord.objects.all()] == ["c"]
