"""Imports: what a dry run says of each row, and that applying it does just that."""

from __future__ import annotations

import csv
import io
import json

import pytest

from campaigns.errors import Conflict, Invalid, NotReady, Refused
from campaigns.models import (
    AuditEntry,
    Device,
    DeviceIdentifier,
    ImportKey,
    Job,
    Label,
    LabelMember,
    Person,
)
from campaigns.services import imports
from campaigns.services.merges import merge_persons
from tests import builders
from tests.campaigns.importing import (
    NOW,
    apply,
    check,
    count,
    has_pieces,
    read_left_out,
    read_reasons,
    upload,
)

pytestmark = pytest.mark.database
PEOPLE = """user_id,email,phone,language,country,timezone,platform,token,person.custom.plan,X
ann,Ann@example.org,+49 151 1234567,pt_BR,de,Europe/Berlin,Android,token-ann-1,pro,x
ann,,,,,,iphone,token-ann-2,,y
bob,bob@example.org,,,,,,,"free, for now",
"""


def test_a_dry_run_changes_nothing_and_shows_what_applying_does(app):
    one = upload(app, PEOPLE)

    checked = check(one)
    before = Person.objects.count(), Device.objects.count()
    applied = apply(checked)

    figures = {"rows": 3, "new": 3, "persons": 2, "devices": 2}
    assert before == (0, 0)
    assert count(checked.check_job) == count(applied.apply_job) == figures
    ann = Person.objects.get(external_user_id="ann")
    assert (ann.email, ann.phone, ann.language, ann.country, ann.timezone) == (
        "ann@example.org", "491511234567", "pt-BR", "DE", "Europe/Berlin",
    )  # fmt: skip
    assert ann.attributes == {"plan": "pro"}
    assert Person.objects.get(external_user_id="bob").attributes == {"plan": "free, for now"}
    assert list(ann.devices.order_by("pk").values_list("platform", "token", "token_evidence")) == [
        ("android", "token-ann-1", f"import {one.pk}"),
        ("ios", "token-ann-2", f"import {one.pk}"),
    ]
    assert not ImportKey.objects.exists()
    assert set(AuditEntry.objects.filter(target_type="import").values_list("verb", flat=True)) == {
        "upload", "check", "apply",
    }  # fmt: skip


def test_the_same_file_again_changes_nothing(app):
    apply(check(upload(app, PEOPLE)))

    again = check(upload(app, PEOPLE))

    assert count(again.check_job) == {"rows": 3, "unchanged": 3}
    assert count(apply(again).apply_job) == {"rows": 3, "unchanged": 3}


def test_a_changed_field_is_shown_before_and_after(app):
    apply(check(upload(app, PEOPLE)))

    again = check(upload(app, "external_user_id,country,person.custom.plan\nann,FR,\nbob,DE,pro\n"))

    samples = [
        json.loads(line)
        for line in b"".join(imports.read_file(again.check_job, "samples")).splitlines()
    ]
    assert count(again.check_job) == {"rows": 2, "changed": 2}
    assert again.check_job.cursor["fields"] == {"person.country": 2, "person.custom.plan": 1}
    assert samples[0] == {"line": 2, "changes": [["person.country", "DE", "FR"]]}
    assert count(apply(again).apply_job) == {"rows": 2, "changed": 2}
    assert Person.objects.get(external_user_id="ann").attributes == {"plan": "pro"}


BAD = """external_user_id,email,phone,language,country,timezone,platform,token,device.custom.age
a1,no mail,,,,,,,
a2,,0151 123,,,,,,
a3,,,German,,,,,
a4,,,,Germany,,,,
a5,,,,,Berlin,,,
a6,,,,,,fridge,token-6-is-long,
a7,,,,,,ios,abcdef,
a8,,,,,,android,<abc def>,
a9,,,,,,android,token-9-is-long,twelve
a10,,,,,,android,token-10-is-long,1e400
,ann@example.org,,,,,,,
,,,,,,android,,7
a13,a@b.de
a14,,,,,,,,,too many
a15\0,,,,,,,,
"""


def test_every_bad_row_is_told_with_its_line_its_column_and_how_to_mend_it(app):
    mapping = imports.propose(upload(app, BAD)) | {"device.custom.age": "device.custom.age:number"}

    one = check(upload(app, BAD), mapping=mapping)

    lines = [line.split(",")[:3] for line in read_left_out(one.check_job).splitlines()]
    assert count(one.check_job) == {"rows": 15, "rejected": 15}
    assert lines[0] == ["line", "what", "column"]
    assert [(line, column) for line, _what, column in lines[1:]] == [
        ("2", "email"), ("3", "phone"), ("4", "language"), ("5", "country"), ("6", "timezone"),
        ("7", "platform"), ("8", "token"), ("9", "token"), ("10", "device.custom.age"),
        ("11", "device.custom.age"), ("12", "external_user_id"), ("13", ""), ("14", ""),
        ("15", ""), ("16", "external_user_id"),
    ]  # fmt: skip
    assert count(apply(one).apply_job) == {"rows": 15, "rejected": 15}
    assert not Person.objects.exists()


WORSE = """external_user_id,email,phone,platform,token,labels
,no mail,12,fridge,token-2-is-long,vip|new
b,no mail,,,<b c>,
c,,12,ios,abcdef,
"""


def test_of_a_bad_row_all_is_told_that_is_wrong_and_nothing_that_follows_from_it(app):
    one = check(upload(app, WORSE))

    rows = csv.DictReader(io.StringIO(read_left_out(one.check_job)))
    told = [[*read_reasons(row["column"], row["reason"])] for row in rows]
    assert [[column for column, _reason in row] for row in told] == [
        ["email", "phone", "platform", "labels", "external_user_id"],
        ["email", ""],
        ["phone", "token"],
    ]
    assert [reason for column, reason in told[0] if column == "labels"] == [
        "The app has no label vip; create it first. The app has no label new; create it first."
    ]
    assert told[1][1] == ("", "The platform is missing.")


def test_all_that_is_wrong_with_a_readable_row_is_told(app):
    bob = builders.make_person(app.workspace, "bob")
    builders.make_device(app, "token-of-bob", person=bob)
    for name in ("ann", "eve"):
        builders.make_person(app.workspace, name, email="both@example.org")

    one = check(upload(app, "email,platform,token\nboth@example.org,android,token-of-bob\n"))

    [row] = csv.DictReader(io.StringIO(read_left_out(one.check_job)))
    [first, second] = read_reasons(row["column"], row["reason"])
    assert row["what"] == "conflicting"
    assert first == ("email", "2 people have it: say which by the external user id.")
    assert "belongs to somebody else" in second[1]


def test_columns_that_nobody_names_are_told(app):
    mapping = {"user_id": "person.external_user_id"}
    objects = '{"user_id": "ann", "city": "Bonn"}\n' * 2 + '{"user_id": "bob", "Beruf": "Koch"}\n'
    files = (upload(app, "user_id,email,Stadt\nann,a@b.de,Bonn\n"), upload(app, objects))

    before = [imports.list_unread_columns(one) for one in files]
    checked = [check(one, mapping=mapping) for one in files]
    applied = [apply(one) for one in checked]

    assert before == [[], []]
    assert [imports.list_unread_columns(one) for one in checked] == [
        ["email", "Stadt"], ["city", "Beruf"],
    ]  # fmt: skip
    assert [imports.list_unread_columns(one) for one in applied] == [
        ["email", "Stadt"], ["city", "Beruf"],
    ]  # fmt: skip


def test_what_objects_further_down_call_otherwise_is_told_too(app, monkeypatch):
    monkeypatch.setattr("campaigns.services.import_text.CHUNK_ROWS", 1)
    one = upload(app, '{"user_id": "a"}\n{"user_id": "b"}\n' + '{"user_id": "x", "late": 1}\n')
    one.shape["columns"] = ["user_id"]  # as of a file that is longer than what is read of it first
    one.save()

    checked = check(one)

    assert imports.list_unread_columns(checked) == ["late"]


def test_rows_that_contradict_one_another_are_conflicts_whatever_lies_between(app, monkeypatch):
    monkeypatch.setattr("campaigns.services.import_text.CHUNK_BYTES", 1)
    text = (
        "external_user_id,country,platform,token,google_aid\n"
        "ann,DE,android,token-1-is-long,g1\n"
        "ann,FR,,,\n"  # another country
        "bob,,android,token-1-is-long,\n"  # the token is ann's
        "ann,,android,token-2-is-long,g1\n"  # the id is of another token
        "ann,,android,token-1-is-long,g1\n"  # said before
        "ann,DE,,,\n"  # said before
    )

    one = check(upload(app, text))

    figures = {"rows": 6, "new": 1, "unchanged": 2, "conflicting": 3, "persons": 1, "devices": 1}
    assert count(one.check_job) == figures
    assert count(apply(one).apply_job) == figures
    assert Person.objects.get().country == "DE"


def test_a_row_that_meets_what_is_there_twice_or_somebody_elses_is_a_conflict(app):
    carl = builders.make_person(app.workspace, "carl")
    first = builders.make_device(app, "token-first", person=carl)
    builders.make_device(app, "token-second")
    DeviceIdentifier.objects.create(
        app=app, device=first, kind="google_aid", value="g1", value_hash=imports.hash64("g1")
    )
    text = (
        "external_user_id,platform,token,google_aid\n"
        ",android,token-second,g1\n"
        "ann,android,token-first,\n"
        "ann,ios,token-third-is-long,g1\n"
    )

    kept = check(upload(app, text))
    moved = check(upload(app, text), mapping=imports.propose(kept), moves_devices=True)

    assert count(kept.check_job) == {"rows": 3, "conflicting": 2, "rejected": 1}
    assert count(moved.check_job) == {
        "rows": 3, "new": 1, "persons": 1, "conflicting": 1, "rejected": 1
    }  # fmt: skip
    assert count(apply(moved).apply_job) == count(moved.check_job)
    assert Device.objects.get(pk=first.pk).person.external_user_id == "ann"
    assert AuditEntry.objects.filter(verb="move", target_id=str(first.pk)).count() == 1


def test_a_known_device_gets_its_new_token_and_a_dead_one_stays_dead(app):
    apply(
        check(
            upload(app, "platform,token,google_aid\nandroid,token-one,g1\nandroid,token-two,g2\n")
        )
    )
    Device.objects.update(token_state="disabled")

    one = check(
        upload(app, "platform,token,google_aid\nandroid,token-new,g1\nandroid,token-two,g2\n")
    )
    applied = apply(one)

    assert count(applied.apply_job) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert list(Device.objects.order_by("pk").values_list("token", "token_state")) == [
        ("token-new", "active"),
        ("token-two", "disabled"),
    ]


def test_people_are_known_by_their_e_mail_where_no_id_is_given(app):
    builders.make_person(app.workspace, "ann", email="ann@example.org")
    builders.make_person(app.workspace, "two", email="two@example.org")
    builders.make_person(app.workspace, "too", email="two@example.org")

    one = check(
        upload(app, "e-mail,lang\nann@example.org,de\ntwo@example.org,de\nnew@example.org,\n")
    )

    assert count(one.check_job) == {
        "rows": 3,
        "changed": 1,
        "conflicting": 1,
        "new": 1,
        "persons": 1,
    }
    assert count(apply(one).apply_job) == count(one.check_job)
    assert Person.objects.get(email="new@example.org").external_user_id == ""


def test_labels_are_given_taken_and_unknown_people_reported(app):
    for name in ("ann", "bob"):
        builders.make_person(app.workspace, name)
    label = Label.objects.create(app=app, name="vip")

    added = apply(check(upload(app, "ann\nbob\nann\nzoe\n"), verb="add", labels=(label.pk,)))
    label.refresh_from_db()
    members = label.member_count
    removed = apply(check(upload(app, "ann\n"), verb="remove", labels=(label.pk,)))

    label.refresh_from_db()
    assert count(added.apply_job) == {"rows": 4, "changed": 2, "unchanged": 1, "rejected": 1}
    assert count(removed.apply_job) == {"rows": 1, "changed": 1}
    assert (members, label.member_count, LabelMember.objects.count()) == (2, 1, 1)


def test_labels_stand_in_a_column_and_an_unknown_one_is_told(app):
    Label.objects.create(app=app, name="vip")
    Label.objects.create(app=app, name="new")

    one = apply(check(upload(app, "user_id,labels\nann,vip|new\nbob,nobody\nann,vip\n")))

    assert count(one.apply_job) == {
        "rows": 3,
        "new": 1,
        "persons": 1,
        "unchanged": 1,
        "rejected": 1,
    }
    assert LabelMember.objects.filter(person__external_user_id="ann").count() == 2
    assert "The app has no label nobody; create it first." in read_left_out(one.check_job)


def test_labels_with_another_sign_between_them_are_told_the_right_one(app):
    Label.objects.create(app=app, name="vip")

    one = check(upload(app, 'user_id,labels\nann,vip;new\nbob,"vip,new"\n'))

    assert read_left_out(one.check_job).count("write | between several") == 2


def test_lines_of_json_say_the_same(app):
    rows = [
        {"external_user_id": 17, "attributes": {"plan": "pro", "age": 7},
         "device.ids": {"google_aid": "g"}, "platform": "android",
         "device.attributes": {"rooted": False}, "opted_out": True},
        {"external_user_id": "b", "email": None},
        {"external_user_id": {"no": 1}},
    ]  # fmt: skip

    one = apply(check(upload(app, "\n".join(map(json.dumps, rows)), "people.jsonl")))

    person = Person.objects.get(external_user_id="17")
    assert count(one.apply_job) == {"rows": 3, "new": 2, "persons": 2, "devices": 1, "rejected": 1}
    assert person.attributes == {"plan": "pro", "age": 7}
    assert person.opted_out_at is not None
    assert person.devices.get().attributes == {"rooted": False}
    assert person.devices.get().identifiers.get().value == "g"


def test_whoever_imports_for_one_app_changes_nobody_of_another(app, colleague):
    other = builders.make_app(app.workspace, "other")
    hidden = builders.make_person(app.workspace, "hidden")
    shown = builders.make_person(app.workspace, "shown")
    builders.make_device(other, "their-token", person=hidden)
    builders.make_device(app, "our-token", person=shown)
    text = "user_id,country\nhidden,DE\nshown,DE\nnew,DE\n"

    one = apply(check(upload(app, text), principal=colleague))

    assert count(one.apply_job) == {
        "rows": 3, "conflicting": 1, "changed": 1, "new": 1, "persons": 1
    }  # fmt: skip
    assert Person.objects.get(pk=hidden.pk).country == ""


def test_aliases_of_people_without_an_id_of_their_own_mean_just_these(app):
    kept = []
    for name in ("ann", "bob"):
        person = builders.make_person(app.workspace, "", email=f"{name}@example.org")
        gone = builders.make_person(app.workspace, name)
        merge_persons(person, gone, actor="owner", now=NOW)
        kept.append(person)
    text = "user_id,country,platform,token\nann,DE,,\nbob,FR,,\n,,android,token-of-nobody\n"

    one = apply(check(upload(app, text)))

    for person in kept:
        person.refresh_from_db()
    assert count(one.apply_job) == {"rows": 3, "changed": 2, "new": 1, "devices": 1}
    assert [person.country for person in kept] == ["DE", "FR"]
    assert Device.objects.get(token="token-of-nobody").person is None


def test_a_row_of_nobody_gives_no_device_to_somebody_without_an_id(app):
    kept = builders.make_person(app.workspace, "", email="ann@example.org")
    merge_persons(kept, builders.make_person(app.workspace, "ann"), actor="owner", now=NOW)

    apply(check(upload(app, "user_id,platform,token\nann,,\n,android,token-of-nobody\n")))

    assert Device.objects.get().person is None


def test_what_changed_after_the_dry_run_is_not_written_over(app):
    one = check(upload(app, "user_id,platform,token\nann,android,token-one\n"))
    builders.make_device(app, "token-one", person=builders.make_person(app.workspace, "bob"))

    applied = apply(one)

    assert count(applied.apply_job) == {"rows": 1, "conflicting": 1}
    assert "somebody else" in read_left_out(applied.apply_job)


def test_a_mapping_is_remembered_for_the_next_file_with_the_same_heading(app):
    first = upload(app, "Kunde;Ort\nann;DE\n")
    check(first, mapping={"Kunde": "person.external_user_id", "Ort": "person.country"})

    assert imports.propose(upload(app, "Kunde;Ort\nbob;FR\n")) == {
        "Kunde": "person.external_user_id",
        "Ort": "person.country",
    }


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"mapping": {"no": "person.email"}}, "has no column"),
        ({"mapping": {"a": "person.shoe"}}, "no target"),
        ({"mapping": {"a": "person.email", "b": "person.email"}}, "is the same already"),
        ({"mapping": {"a": "person.country"}}, "tells people apart"),
        ({"mapping": {"a": "device.token"}}, "platform"),
        ({"mapping": {"a": "device.platform"}}, "tells devices apart"),
        ({"mapping": {}}, "at least one column"),
        ({"mapping": {"a": "person.email"}, "verb": "add"}, "Choose the label"),
        ({"mapping": {"a": "person.email"}, "labels": (77,)}, "no such label"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_in_words(app, choice, words):
    one = upload(app, "a,b\n1,2\n")

    with pytest.raises(Invalid, match=words):
        check(one, **choice)


def test_an_import_goes_step_by_step(app):
    one = upload(app, PEOPLE)
    with pytest.raises(NotReady):
        apply(one)
    checked = check(one)
    applied = apply(checked)

    with pytest.raises(Conflict):
        apply(applied)
    with pytest.raises(Conflict):
        imports.cancel_import(applied, actor="owner", now=one.created_at)

    assert imports.name_state(applied) == "applied"


def test_a_file_over_the_cap_and_one_that_breaks_off_leave_nothing_behind(app, settings):
    settings.MAX_IMPORT_BYTES = 1_000_000

    def break_off():
        yield b"user_id\n" * 100_000
        raise OSError("gone")

    with pytest.raises(Refused, match="at most 1 MB") as refused:
        upload(app, b"user_id\n" + b"ann\n" * 300_000)
    with pytest.raises(OSError, match="gone"):
        imports.begin_import(app, break_off(), imports.Told("a.csv", "x"), actor="owner", now=NOW)

    assert refused.value.kind == "too_large"
    assert not has_pieces()
    assert set(Job.objects.values_list("status", flat=True)) == {"failed"}
