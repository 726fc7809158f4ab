"""Imports and exports in pages: a journey with a dry run, and what is refused in words."""

from __future__ import annotations

import csv
import re
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from campaigns.models import App, Import, Job, Label, Membership, Person
from campaigns.services.job_work import drain_jobs
from campaigns.templatetags.pa import byte_size
from tests import builders
from tests.campaigns.importing import apply, check, upload
from tests.campaigns.test_erase import erase
from tests.looking import find_barriers

PEOPLE = "user_id,email,platform,token,Stufe\nann,ann@example.org,android,token-of-ann,gold\n"


@pytest.fixture
def member(client, colleague):
    client.force_login(colleague)
    return client


def send(client, app, body, **told):
    told = {"app": app.pk, "source": "Shop", "name": "people.csv", **told}
    address = f"{reverse('upload_import')}?{urlencode(told)}"
    return client.post(address, body, content_type="application/octet-stream")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_file_is_brought_looked_at_and_imported(staff, live_server, app, tmp_path, complaints):
    builders.make_person(app.workspace, "bob", email="old@example.org")
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE + "bob,bob@example.org,,,\nzoe,no mail,,,\n")

    staff.goto(f"{live_server.url}/imports/new/")
    staff.get_by_role("button", name="Upload").click()
    staff.get_by_role("alert").filter(has_text="where these people come from").wait_for()
    staff.get_by_label("Source").fill("Shop, consent of May")
    staff.get_by_label("File").set_input_files(path)
    barriers = find_barriers(staff)
    staff.get_by_role("button", name="Upload").click()
    staff.get_by_role("button", name="Dry run").click()
    staff.get_by_role("button", name="Cancel").wait_for()
    drain_jobs()
    unread = staff.get_by_role("region", name="Columns left out")
    unread.get_by_text("Stufe").wait_for()
    barriers += find_barriers(staff)
    unread.get_by_role("link", name="Say what it is").click()
    own = staff.get_by_label("Name of the attribute in Stufe")
    assert own.is_hidden()
    staff.get_by_label("Stufe", exact=True).select_option("Another attribute of the person…")
    own.fill(" ")
    staff.get_by_role("button", name="Dry run").click()
    staff.get_by_text("Say what the attribute is called").wait_for()
    own.fill("tier")
    barriers += find_barriers(staff)
    staff.get_by_role("button", name="Dry run").click()
    staff.get_by_role("button", name="Cancel").wait_for()
    drain_jobs()
    staff.get_by_role("button", name="Import now").wait_for()
    seen = staff.locator("main, #main").inner_text()
    barriers += find_barriers(staff)
    staff.set_viewport_size({"width": 390, "height": 844})
    width = staff.evaluate("document.documentElement.scrollWidth")
    with staff.expect_download() as taken:
        staff.get_by_role("link", name="1 row of the dry run").click()
    rows = list(csv.DictReader(taken.value.path().read_text().splitlines()))
    staff.get_by_role("button", name="Import now").click()
    staff.get_by_text("The import has begun").wait_for()
    drain_jobs()
    staff.get_by_text("What was done").wait_for()
    staff.get_by_text("Imported").first.wait_for()
    found = staff.locator("#pa-import a", has_text="People").get_attribute("href")

    complaints.clear()  # the browser notes the answers' status, 422
    assert barriers == []
    assert found == reverse("admin:campaigns_person_changelist")
    assert width <= 390
    assert "old@example.org" in seen
    assert [(row["line"], row["column"], row["email"]) for row in rows] == [
        ("4", "email", "no mail")
    ]
    assert Person.objects.get(external_user_id="ann").attributes == {"tier": "gold"}
    assert Person.objects.get(external_user_id="bob").email == "bob@example.org"
    assert not Person.objects.filter(external_user_id="zoe").exists()


def test_a_dry_run_says_on_its_page_why_rows_are_left_out(member, app):
    body = "user_id,labels\n" + "".join(f"u{n},nope\n" for n in range(1200)) + '"",vip;new\n'
    send(member, app, body.encode())
    one = Import.objects.get()
    given = {"column-0": "person.external_user_id", "column-1": "labels", "verb": "save"}
    address = reverse("import", args=[one.pk])

    member.post(reverse("check_import", args=[one.pk]), given)
    drain_jobs()
    page = member.get(address).context

    assert [(why.rows, why.first) for why in page["why"]["rows"]] == [
        (1200, 2),
        (1, 1202),
        (1, 1202),
    ]
    assert "no label nope" in page["why"]["rows"][0].words
    assert (page["may_apply"], page["is_idle"]) == (False, True)


def test_after_an_erasure_the_page_tells_why_of_all_rows_and_names_nobody(member, app, now):
    rows = ("one,no mail,1", "buyer-0002,no mail,for buyer-0002", "three,,for all", "four,,")
    send(member, app, ("user_id,email,labels\n" + "\n".join(rows)).encode())
    one = Import.objects.get()
    columns = ("person.external_user_id", "person.email", "labels")
    given = {f"column-{number}": target for number, target in enumerate(columns)}
    member.post(reverse("check_import", args=[one.pk]), {**given, "verb": "save"})
    drain_jobs()
    address = reverse("import", args=[one.pk])
    named = "buyer-0002" in member.get(address).content.decode()

    builders.make_person(app.workspace, "buyer-0002")
    erase(app, "buyer-0002", now)

    shown = member.get(address)
    why = [(row.column, row.rows, row.first) for row in shown.context["why"]["rows"]]
    assert why == [("email", 2, 2), ("labels", 1, 2), ("labels", 1, 3), ("labels", 1, 4)]
    assert (shown.context["left_out"], shown.context["why"]["is_whole"]) == (3, True)
    assert (named, "buyer-0002" in shown.content.decode()) == (True, False)


def test_the_page_tells_every_reason_of_a_row_and_every_column_that_was_not_read(member, app):
    send(member, app, b"user_id,email,phone,Stadt\nann,no mail,12,Bonn\nbob,,,Ulm\n")
    one = Import.objects.get()
    columns = ("person.external_user_id", "person.email", "person.phone")
    given = {f"column-{number}": target for number, target in enumerate(columns)}

    member.post(reverse("check_import", args=[one.pk]), {**given, "verb": "save"})
    drain_jobs()
    checked = member.get(reverse("import", args=[one.pk]))
    member.post(reverse("apply_import", args=[one.pk]))
    drain_jobs()
    applied = member.get(reverse("import", args=[one.pk]))

    why = [(row.column, row.rows, row.first) for row in checked.context["why"]["rows"]]
    assert why == [("email", 1, 2), ("phone", 1, 2)]
    assert (checked.context["unread"], applied.context["unread"]) == (["Stadt"], ["Stadt"])
    assert (
        "1 column of the file is not read: nobody has said what it is." in checked.content.decode()
    )
    assert "1 column of the file was not read" in applied.content.decode()


def test_what_the_dry_run_left_out_has_not_changed_since(member, app):
    send(member, app, b"user_id,email\nann,ann@example.org\nbob,no mail\n")
    one = Import.objects.get()
    given = {"column-0": "person.external_user_id", "column-1": "person.email", "verb": "save"}

    member.post(reverse("check_import", args=[one.pk]), given)
    drain_jobs()
    member.post(reverse("apply_import", args=[one.pk]))
    drain_jobs()
    page = member.get(reverse("import", args=[one.pk]))

    assert (page.context["left_out"], page.context["left_out_since"]) == (1, 0)
    assert "something has changed for since" not in page.content.decode()
    assert Person.objects.get().external_user_id == "ann"


@pytest.mark.parametrize("total", [5, None])
def test_how_far_an_import_is_stands_on_its_page_until_its_end(member, app, total):
    send(member, app, PEOPLE.encode())
    one = Import.objects.get()
    given = {"column-0": "person.external_user_id", "verb": "save"}
    member.post(reverse("check_import", args=[one.pk]), given)
    job = Job.objects.filter(kind="import_check")
    job.update(status="running", done=2, total=total)

    live = member.get(reverse("import_status", args=[one.pk]))
    job.update(status="done")
    last = member.get(reverse("import_status", args=[one.pk]))

    bars = [re.findall(r"<progress[^>]*>", page.content.decode()) for page in (live, last)]
    shown = ' value="40"' if total else ""
    assert bars == [[f'<progress class="pa-progress" max="100"{shown} aria-label="Progress">'], []]


def test_what_is_imported_leads_to_the_newest_people(member, app):
    one = apply(check(upload(app, "user_id,labels\nann,\nbob,\n")))
    page = member.get(reverse("import", args=[one.pk])).content.decode()
    address = reverse("admin:campaigns_person_changelist")

    assert f'href="{address}"' in page.split('id="pa-import"')[1]
    assert member.get(address).status_code == 200


def test_a_target_that_is_none_says_what_an_attribute_is_called(member, app):
    send(member, app, b"user_id,Stufe\nann,gold\n")
    one = Import.objects.get()
    given = {"column-0": "person.external_user_id", "column-1": "tier", "verb": "save"}

    answer = member.post(reverse("check_import", args=[one.pk]), given)

    assert answer.status_code == 422
    assert "an attribute is person.custom.tier:text" in answer.content.decode()


def test_a_file_that_cannot_be_read_is_told_how_to_mend(member, app):
    answers = [
        send(member, app, b""),
        send(member, app, "name;stra\xdfe\n1;2\n".encode("latin-1")),
        send(member, app, b"PK\x03\x04rest"),
        send(member, app, b"user_id\nann\n", source=" "),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert [answer.json()["message"].split(".")[0] for answer in answers] == [
        "The file is empty",
        "The file is not UTF-8: line 1 cannot be read",
        "This is a workbook or an archive",
        "Say where these people come from and what they agreed to",
    ]
    assert not Import.objects.exists()


def test_a_body_over_the_cap_is_refused_before_it_is_kept(member, app, settings):
    settings.MAX_IMPORT_BYTES = 1000

    answer = send(member, app, b"user_id\n" + b"ann\n" * 1000)

    assert (answer.status_code, Job.objects.get().status) == (413, "failed")


def test_a_form_is_no_file(member, app):
    address = f"{reverse('upload_import')}?app={app.pk}&source=x"

    assert member.post(address, {"file": "x"}).status_code == 415


def test_a_list_of_ids_is_brought_for_a_label(member, app, stranger):
    builders.make_person(app.workspace, "ann")
    builders.make_device(app, "anns", person=Person.objects.get())
    label = Label.objects.create(app=app, name="vip")
    page = member.get(reverse("new_import"), {"label": label.pk}).content.decode()

    answer = send(member, app, b"ann\nzoe\n", label=label.pk, verb="add")
    drawn = member.get(answer.json()["address"]).content.decode()

    one = Import.objects.get()
    assert "gets the label vip" in page
    assert (one.verb, one.labels, one.shape["columns"]) == ("add", [label.pk], ["column 1"])
    assert 'value="person.external_user_id"' in drawn
    client = type(member)()
    client.force_login(stranger)
    assert client.get(reverse("new_import"), {"label": label.pk}).status_code == 404
    assert send(client, app, b"ann\n").status_code == 404


def test_a_viewer_sees_imports_and_brings_none(client, app, member):
    send(member, app, PEOPLE.encode())
    client = type(member)()
    client.force_login(
        builders.make_member("low", app.workspace, app=app, role=Membership.Role.VIEWER)
    )

    page = client.get(reverse("import", args=[Import.objects.get().pk]))

    assert "people.csv" in client.get(reverse("imports")).content.decode()
    assert page.status_code == 200
    assert "ann@example.org" not in page.content.decode()
    assert client.get(reverse("new_import")).status_code == 403
    assert send(client, app, PEOPLE.encode()).status_code == 403
    assert client.post(reverse("exports"), {"what": "x"}).status_code == 403


def test_a_member_of_one_app_sees_and_does_nothing_of_a_wider_dry_run(member, app, owner):
    other = builders.make_app(app.workspace, "other")
    person = builders.make_person(app.workspace, "ann", email="old@example.org")
    builders.make_device(other, "hers", person=person)
    checked = check(upload(app, "user_id,email\nann,new@example.org\n"), principal=owner)
    address = reverse("import", args=[checked.pk])

    page = member.get(address)
    member.post(reverse("apply_import", args=[checked.pk]))
    wide = type(member)()
    wide.force_login(owner)

    assert "old@example.org" in wide.get(address).content.decode()
    assert "old@example.org" not in page.content.decode()
    assert "Make one of your own" in page.content.decode()
    assert page.context["may_apply"] is False
    assert not Job.objects.filter(kind="import_apply").exists()


def test_an_export_is_begun_and_its_file_taken(member, app, stranger):
    builders.make_device(app, "anns", person=builders.make_person(app.workspace, "ann"))
    foreign = builders.make_app(Membership.objects.get(user=stranger).workspace, "theirs")

    wrong = member.post(reverse("exports"), {"what": f"people-app-{foreign.pk}", "format": "csv"})
    begun = member.post(reverse("exports"), {"what": f"people-app-{app.pk}", "format": "csv"})
    drain_jobs()

    job = Job.objects.get()
    file = member.get(reverse("job_file", args=[job.pk, "csv"]))
    assert wrong.status_code == 422
    assert begun.headers["Location"] == reverse("job", args=[job.pk])
    assert b"ann" in b"".join(file.streaming_content)
    assert f"People #{job.pk}" in member.get(reverse("exports")).content.decode()
    assert App.objects.count() == 2


def test_a_page_of_many_columns_stays_small(member, app):
    names = ",".join(f"column_{number}" for number in range(500))

    answer = send(member, app, f"{names}\n{',' * 499}x\n".encode())
    page = member.get(answer.json()["address"])

    assert len(page.content) < 300_000


@pytest.mark.parametrize(
    ("count", "words"),
    [(1_000_000_000, "1 GB"), (2_500_000, "2.5 MB"), (999, "999 bytes"), (1_500, "1.5 kB")],
)
def test_a_size_is_said_as_systems_show_it(count, words):
    assert byte_size(count) == words


def test_a_new_import_says_what_a_file_may_hold(client, app, owner):
    client.force_login(owner)
    builders.make_app(app.workspace, "aaa")

    page = client.get(reverse("new_import"))

    assert page.context["apps"][0] == app
    assert "at most 1 GB" in page.content.decode()
    assert "<code>person.external_user_id</code>" in page.content.decode()
