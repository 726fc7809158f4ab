"""Imports: what the reasons of a row may say of somebody whom the importer does not see."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import connection, transaction

from campaigns.models import Device, Job
from campaigns.services.device_rows import MAX_ATTRIBUTES
from campaigns.services.erase_tables import TABLES, search_page
from campaigns.services.erase_words import Words
from campaigns.services.import_tally import read_tally
from campaigns.services.jobs import read_file
from tests import builders
from tests.campaigns.importing import apply, check, count, read_left_out, read_reasons, upload

pytestmark = pytest.mark.database
JOBS = next(table for table in TABLES if table.model is Job)
FULL = {f"name-{number}": 1 for number in range(MAX_ATTRIBUTES)}
HIDDEN = "known in other apps only"
SHARED = "2 people have it"
TOO_MANY = "more than"
NOT_THEIRS = "belongs to somebody else"


def list_reasons(job):
    """The sentences that the first row was left out with."""
    row = next(csv.DictReader(io.StringIO(read_left_out(job))))
    return [sentence for _column, sentence in read_reasons(row["column"], row["reason"])]


def is_told(reasons, *words):
    """Whether the reasons are just those with these words in them, in their order."""
    return len(reasons) == len(words) and all(
        word in reason for word, reason in zip(words, reasons, strict=True)
    )


def test_what_somebody_of_another_app_has_is_told_to_nobody(app, colleague):
    other = builders.make_app(app.workspace, "other")
    hidden = builders.make_person(app.workspace, "hidden", attributes=FULL)
    builders.make_device(other, "their-token", person=hidden)
    one = upload(app, "user_id,person.custom.new\nhidden,1\n")

    assert is_told(list_reasons(check(one, principal=colleague).check_job), HIDDEN)
    assert is_told(list_reasons(check(one).check_job), TOO_MANY)  # who may see them


@pytest.mark.parametrize("owner", [0, 1])
def test_of_people_who_share_a_key_nothing_is_told_as_if_one_was_meant(app, owner):
    both = [
        builders.make_person(app.workspace, name, email="both@example.org", attributes=FULL)
        for name in ("ann", "eve")
    ]
    builders.make_device(app, "token-of-one", person=both[owner])
    text = "email,platform,token,person.custom.new\nboth@example.org,android,token-of-one,1\n"

    assert is_told(list_reasons(check(upload(app, text)).check_job), SHARED)


def test_a_device_of_none_of_those_who_share_a_key_is_somebody_elses(app):
    for name in ("ann", "eve"):
        builders.make_person(app.workspace, name, email="both@example.org")
    builders.make_device(app, "token-of-bob", person=builders.make_person(app.workspace, "bob"))
    text = "email,platform,token\nboth@example.org,android,token-of-bob\n"

    assert is_told(list_reasons(check(upload(app, text)).check_job), SHARED, NOT_THEIRS)


@pytest.mark.parametrize("chunk", [1, 100_000])
def test_a_token_of_two_platforms_is_told_with_the_earlier_line(app, monkeypatch, chunk):
    monkeypatch.setattr("campaigns.services.import_text.CHUNK_BYTES", chunk)
    text = (
        "external_user_id,platform,token\n"
        "ann,android,token-1-is-long\n"
        "bob,ios,token-1-is-long\n"
        "cleo,ios,token-2-is-long\n"
    )

    job = check(upload(app, text)).check_job

    assert (job.counts["devices"], job.counts["conflicting"]) == (2, 1)
    assert is_told(list_reasons(job), "Line 2 says something else of the device: another platform")


def test_a_token_that_is_stored_for_another_platform_makes_no_second_device(app):
    known = builders.make_device(app, "token-1-is-long", person=builders.make_person(app.workspace))
    text = "external_user_id,platform,token\nbob,ios,token-1-is-long\ncleo,ios,token-2-is-long\n"

    checked = check(upload(app, text))
    applied = apply(checked)

    told = f"stored for the device Android #{known.pk}. Correct the platform."
    assert is_told(list_reasons(checked.check_job), told)
    assert ",conflicting,platform,Its token" in read_left_out(checked.check_job)
    for job in (checked.check_job, applied.apply_job):
        assert (job.counts["devices"], job.counts["conflicting"]) == (1, 1)
    assert [*Device.objects.order_by("pk").values_list("platform", "token")] == [
        ("android", "token-1-is-long"), ("ios", "token-2-is-long"),
    ]  # fmt: skip


def test_a_device_that_is_known_by_an_id_takes_no_token_of_another_platform(app):
    builders.make_device(app, "token-1-is-long")
    heading = "platform,token,device.id.installation_id\n"
    apply(check(upload(app, f"{heading}ios,token-2-is-long,its-own-id\n")))

    job = check(upload(app, f"{heading}ios,token-1-is-long,its-own-id\n")).check_job

    assert is_told(list_reasons(job), "stored for the device Android #")


def test_a_token_that_was_called_dead_on_another_platform_may_be_brought_for_the_right_one(app):
    builders.make_device(app, "token-1-is-long", token_state=Device.TokenState.DISABLED)

    apply(check(upload(app, "platform,token\nios,token-1-is-long\n")))

    assert Device.objects.filter(platform="ios", token="token-1-is-long").exists()


def test_two_devices_that_have_one_token_already_are_told_apart_by_the_platform(app):
    for platform in ("android", "ios"):
        builders.make_device(app, "token-1-is-long", platform)

    job = check(upload(app, "platform,token,device.language\nios,token-1-is-long,de\n")).check_job

    assert (job.counts["changed"], job.counts["conflicting"]) == (1, 0)


def test_somebody_of_one_app_brings_people_of_no_app_again(app, colleague):
    text = "external_user_id,country\nann,DE\nbob,FR\n"
    apply(check(upload(app, text), principal=colleague), principal=colleague)

    again = check(upload(app, text.replace("FR", "IT")), principal=colleague).check_job

    assert count(again) == {"rows": 2, "unchanged": 1, "changed": 1}
    [told] = [json.loads(line) for line in b"".join(read_file(again, "samples")).splitlines()]
    assert told["changes"] == [["person.country", "", "IT"]]  # not what is stored of them


def test_reasons_are_counted_over_all_chunks_and_no_number_makes_another_of_one(app, monkeypatch):
    monkeypatch.setattr("campaigns.services.import_text.CHUNK_BYTES", 1)
    text = "external_user_id,country,email\n" + "".join(
        f"u{number},{country},{mail}\n"
        for number, mail in ((1, ""), (2, "no mail"), (3, "no mail"))
        for country in ("DE", "FR")
    )

    job = check(upload(app, text)).check_job

    told = [(one.column, one.words, one.rows, one.first) for one in read_tally(job).reasons]
    assert told[0][0::2] == ("email", 4)
    assert job.counts["conflicting"] + job.counts["rejected"] == read_tally(job).rows == 5
    again = check(upload(app, text.replace("no mail", ""))).check_job
    [lines] = read_tally(again).reasons
    assert (lines.rows, lines.first, "Line … says" in lines.words) == (3, 3, True)


def test_of_more_reasons_than_are_told_apart_it_is_counted_in_how_many_rows(app):
    names = [chr(ord("a") + number // 26) + chr(ord("a") + number % 26) for number in range(120)]
    text = "external_user_id,email,labels\n" + "".join(f"{n},no mail,{n}\n" for n in names)

    tally = read_tally(check(upload(app, text)).check_job)

    assert (tally.rows, tally.others, len(tally.reasons)) == (120, 120 - 99, 100)
    assert tally.reasons[0].rows == 120


def test_who_is_erased_goes_from_reasons_of_a_job_that_goes_on_meanwhile(app):
    job = check(upload(app, "external_user_id,labels\nann,buyer-0002\n")).check_job
    moves = [lambda: Job.objects.update(cursor=job.cursor | {"start": 999})]

    def move(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        moves.pop()() if moves else None
        return result

    with transaction.atomic(), connection.execute_wrapper(move):
        search_page(JOBS, app.workspace_id, 0, Words(["buyer-0002"]), 0)

    kept = Job.objects.get(pk=job.pk)
    assert (kept.cursor["start"], "erased" in read_tally(kept).reasons[0].words) == (999, True)
    assert "buyer-0002" not in str(kept.cursor)


def test_a_step_begins_with_what_is_left_of_a_cursor_once_it_holds_its_job(app, monkeypatch):
    monkeypatch.setattr("campaigns.services.import_text.CHUNK_BYTES", 1)

    def erase(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "lease_token" in sql:
            job = Job.objects.get(kind="import_check")
            cursor = json.loads(json.dumps(job.cursor).replace("buyer-0002", "erased"))
            Job.objects.filter(pk=job.pk).update(cursor=cursor)
        return result

    with connection.execute_wrapper(erase):
        one = check(upload(app, "external_user_id,labels\nann,buyer-0002\nbob,\ncid,\n"))

    [reason] = read_tally(one.check_job).reasons
    assert reason.words == "The app has no label erased; create it first."


def test_a_country_that_is_none_is_told_beside_all_else_that_is_wrong(app):
    text = "user_id,email,platform,token,country\n" + "".join(
        f"{row}\n"
        for row in (
            "ann,no mail,nokia,token-1-is-long,XX", "bob,,,,UK", "cyd,,,,Germany", "dan,,,,gb",
            "eve,,,,XK",
        )
    )  # fmt: skip

    checked = check(upload(app, text)).check_job

    ann, bob, cyd = csv.DictReader(io.StringIO(read_left_out(checked)))
    assert [column for column, _words in read_reasons(ann["column"], ann["reason"])] == [
        "email", "platform", "country",
    ]  # fmt: skip
    assert "“XX” is no country code: write one such as DE" in ann["reason"]
    assert bob["reason"] == "“UK” is no country code: write GB."
    assert cyd["reason"] == "“Germany” is no country code: write DE."
    assert count(checked)["new"] == 2
