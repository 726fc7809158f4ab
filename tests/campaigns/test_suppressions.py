"""The suppression list: added, removed, searched, in bulk, over the API and the pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from campaigns.errors import Invalid
from campaigns.models import (
    AuditEntry,
    Installation,
    Job,
    JobPiece,
    Membership,
    Suppression,
    SuppressionCount,
    Workspace,
)
from campaigns.selectors.audience import Audience, AudienceKind, select_devices
from campaigns.selectors.left_out import LeftOut, count_left_out
from campaigns.selectors.seals import Sealer, mask
from campaigns.services.access import issue_key
from campaigns.services.job_work import drain_jobs
from campaigns.services.suppressions import (
    Entry,
    Place,
    Terms,
    add_suppressions,
    find_entries,
    prune_ended,
    remove_suppressions,
)
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
MAIL = Entry("email", "Ann@X.example")
TERMS = Terms(reason="complaint", source="ticket 1")


def read_counts() -> dict[str, int]:
    return dict(SuppressionCount.objects.values_list("kind", "count"))


def test_the_list_is_added_to_searched_and_taken_from(app, now):
    by: dict[str, Any] = {"actor": "owner", "now": now}
    place = Place(app.workspace)
    same = [MAIL, Entry("email", " ann@x.EXAMPLE"), Entry("fax", "1"), Entry("phone", "+ ")]

    first = add_suppressions(place, [*same, Entry("token", "t" * 40)], TERMS, **by)
    again = add_suppressions(place, [MAIL], Terms(reason="legal"), **by)
    of_app = add_suppressions(Place(app.workspace, app), [MAIL], TERMS, **by)
    rows = Suppression.objects.filter(workspace=app.workspace)
    found = find_entries(rows, "ann@x.example")

    assert (first.changed, first.same) == (2, 1)
    assert [(one.index, one.reason) for one in first.rejected] == [
        (2, "unknown_kind"), (3, "invalid_value"),
    ]  # fmt: skip
    assert (again.changed, again.same, of_app.changed) == (0, 1, 1)
    assert sorted(found.values_list("reason", "app")) == [("complaint", app.pk), ("legal", None)]
    assert {row.masked for row in rows} == {"a…@x.example", "tt…tt"}
    assert read_counts() == {"email": 2, "token": 1}

    gone = remove_suppressions(place, [MAIL], channel="", reason="consent", **by)
    nobody = remove_suppressions(place, [MAIL], channel="", reason="consent", **by)

    assert (gone.changed, nobody.changed, nobody.same) == (1, 0, 1)
    assert read_counts() == {"email": 1, "token": 1}
    assert list(find_entries(rows, "ann@x.example").values_list("app", flat=True)) == [app.pk]
    entry = AuditEntry.objects.filter(verb="unsuppress").get()
    assert entry.fields == ["consent: 1"]


def test_what_is_no_address_is_left_out_unless_somebody_has_it(app, now):
    """Rows of before addresses were checked may hold anything, and must not be sent to."""
    by: dict[str, Any] = {"actor": "owner", "now": now}
    person = builders.make_person(app.workspace, "old", email="ann at home")
    place = Place(app.workspace)
    entries = [
        Entry("email", "not an email"), Entry("email", "Ann at Home"),
        Entry("phone", "0170 1234567"), Entry("external_user_id", "not an email"), MAIL,
    ]  # fmt: skip

    done = add_suppressions(place, entries, TERMS, **by)
    off = remove_suppressions(place, entries[1:2], channel="", reason="mistake", **by)

    assert [(one.index, one.reason) for one in done.rejected] == [
        (0, "invalid_value"), (2, "invalid_value"),
    ]  # fmt: skip
    assert (done.changed, off.changed, off.rejected) == (3, 1, ())
    assert Suppression.objects.filter(person_id=person.pk, kind="email").count() == 0
    assert set(Suppression.objects.values_list("kind", flat=True)) == {"email", "external_user_id"}


def test_what_the_list_holds_cannot_be_tried_out(app, now):
    """A seal is made with this installation's key, and no column has the value."""
    add_suppressions(Place(app.workspace), [MAIL], TERMS, actor="owner", now=now)
    held = Suppression.objects.get()

    assert held.seal == Sealer().seal(app.workspace_id, "email", "ann@x.example")
    assert held.seal != Sealer().seal(app.workspace_id + 1, "email", "ann@x.example")
    Installation.objects.update(seal_key="")
    assert held.seal != Sealer().seal(app.workspace_id, "email", "ann@x.example")
    assert not [value for value in held.__dict__.values() if "ann" in str(value).lower()]
    assert mask("phone", "12") == "…"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"reason": "spite"}, "reason"),
        ({"channel": "fax"}, "channel"),
        ({"source": "s" * 81}, "source"),
        ({"until": "past"}, "until"),
    ],
)
def test_terms_that_make_no_sense_change_nothing(app, now, terms, field):
    given = {"reason": "legal", **terms}
    if "until" in terms:
        given["until"] = now

    with pytest.raises(Invalid) as caught:
        add_suppressions(Place(app.workspace), [MAIL], Terms(**given), actor="o", now=now)

    assert set(caught.value.fields) == {field}
    assert not Suppression.objects.exists()


def test_what_has_ended_is_forgotten_and_not_counted(app, now):
    place, end = Place(app.workspace), now + timedelta(days=1)
    person = builders.make_person(app.workspace, "ann", email="Ann@X.example")
    out = builders.make_person(app.workspace, "out", opted_out_at=now)
    for name, owner in (("a", person), ("b", person), ("c", out), ("d", None)):
        builders.make_device(app, name, person=owner)
    add_suppressions(place, [MAIL], Terms(reason="legal", until=end), actor="o", now=now)
    add_suppressions(place, [Entry("token", "d")], TERMS, actor="o", now=now)
    everybody = select_devices(app, Audience(AudienceKind.ALL))

    since = {"opted_out": 1, "out_anew": 1, "is_exact": False}
    assert count_left_out(app, everybody, now) == LeftOut(suppressed=3, anew=4, **since)
    assert count_left_out(app, everybody, end) == LeftOut(suppressed=1, anew=2, **since)
    assert (prune_ended(now), prune_ended(end), prune_ended(end)) == (0, 1, 0)
    assert read_counts() == {"email": 0, "token": 1}


def test_scripts_add_find_and_remove(app, now, client_of):
    client = client_of(app.workspace)
    body = {"reason": "bounced", "entries": [{"kind": "email", "value": "a@x.example"}]}

    added = client.post("/api/v1/suppressions/", body)
    again = client.post("/api/v1/suppressions/", {**body, "app": "shop"})
    found = client.get("/api/v1/suppressions/?value=A@x.example").json()["results"]
    other = client.get("/api/v1/suppressions/?value=b@x.example").json()["results"]
    removed = client.post("/api/v1/suppressions/remove/", {**body, "reason": "mistake"})
    bad = client.post("/api/v1/suppressions/", {**body, "until": "tomorrow", "why": 1})
    wrong = client.post("/api/v1/suppressions/remove/", {**body, "reason": "spite"})

    assert added.json() == {"changed": 1, "same": 0, "rejected": []}
    assert again.json()["changed"] == 1
    assert [(row["app"], row["masked"]) for row in found] == [
        (None, "a…@x.example"), ("shop", "a…@x.example"),
    ]  # fmt: skip
    assert other == []
    assert removed.json()["changed"] == 1
    assert bad.status_code == 400
    assert set(bad.json()["fields"]) == {"why"}
    assert set(wrong.json()["fields"]) == {"reason"}


def test_a_key_for_one_app_suppresses_in_no_other(app, now, client_of):
    other = builders.make_app(app.workspace, "other")
    add_suppressions(Place(app.workspace, other), [MAIL], TERMS, actor="o", now=now)
    client = client_of(app.workspace, apps=[app])
    body = {"reason": "legal", "entries": [{"kind": "email", "value": "a@x.example"}]}

    wide = client.post("/api/v1/suppressions/", body)
    foreign = client.post("/api/v1/suppressions/", {**body, "app": "other"})
    seen = client.get("/api/v1/suppressions/").json()["results"]

    assert (wide.status_code, foreign.status_code, seen) == (403, 400, [])
    assert Suppression.objects.count() == 1


@pytest.fixture
def client_of(now: Any) -> Any:
    """A client with a key of a workspace."""

    def client_of(workspace: Workspace, **limits: Any) -> APIClient:
        _key, text = issue_key(workspace, name="script", actor="owner", now=now, **limits)
        client = APIClient()
        client.default_format = "json"
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return client

    return client_of


def test_operators_paste_upload_and_take_off(app, owner, client, now):
    client.force_login(owner)
    empty = client.get("/suppressions/")
    given = {
        "verb": "add", "add-place": f"w{app.workspace_id}", "add-kind": "email",
        "add-values": "ann@x.example\n\nphone; +49 30 1234\n", "add-reason": "complaint",
    }  # fmt: skip

    pasted = client.post("/suppressions/", given, follow=True)
    neither = client.post("/suppressions/", {**given, "add-values": " "})
    wrong = client.post("/suppressions/", {**given, "add-values": "fine@x.example\nphone,none"})
    row = Suppression.objects.get(kind="phone")
    unsaid = client.post(f"/suppressions/{row.pk}/remove/", {"reason": ""}, follow=True)
    off = client.post(f"/suppressions/{row.pk}/remove/", {"reason": "mistake"}, follow=True)
    found = client.get("/suppressions/?value=ANN@x.example")

    assert b"Nobody is suppressed" in empty.content
    assert b"2 changed, 0 were so already." in pasted.content
    assert neither.status_code == wrong.status_code == 422
    assert b"Paste identifiers, or choose a file" in neither.content
    assert "fine@x.example\nphone,none" in wrong.content.decode()
    assert b"Say why." in unsaid.content
    assert b"Taken off the list." in off.content
    assert "a…@x.example".encode() in found.content
    assert set(Suppression.objects.values_list("kind", flat=True)) == {"email"}


def test_a_file_is_worked_off_as_a_job_and_not_kept(app, owner, client, now):
    client.force_login(owner)
    lines = "".join(f"user{number}@x.example\n" for number in range(2_500))
    lines += "phone,x\nfine@x.example"
    upload = SimpleUploadedFile("list.txt", lines.encode())
    given = {"place": f"a{app.pk}", "kind": "email", "reason": "legal"}

    begun = client.post(
        "/suppressions/", {"verb": "add", **{f"add-{k}": v for k, v in given.items()},
                           "add-file": upload},
    )  # fmt: skip
    drain_jobs()
    job = Job.objects.get()
    shown = client.get(begun["Location"])
    rejected = b"".join(client.get(f"/jobs/{job.pk}/files/rejected/").streaming_content)
    upload.seek(0)
    client.post(
        "/suppressions/",
        {"verb": "remove", **{f"remove-{k}": v for k, v in given.items()},
         "remove-reason": "other", "remove-file": upload},
    )  # fmt: skip
    added = Suppression.objects.count()
    drain_jobs()

    assert (job.status, job.counts) == ("done", {"changed": 2_501, "same": 0, "rejected": 1})
    assert b"2501" in shown.content.replace(b",", b"")
    assert rejected == b"2501,invalid_value\n"
    assert not JobPiece.objects.filter(role="input").exists()
    assert (added, Suppression.objects.count()) == (2_501, 0)
    assert read_counts() == {"email": 0}


def test_what_is_another_apps_can_neither_be_seen_nor_changed(app, now, client):
    other = builders.make_app(app.workspace, "other")
    add_suppressions(Place(app.workspace, other), [MAIL], TERMS, actor="o", now=now)
    add_suppressions(Place(app.workspace), [Entry("token", "t" * 40)], TERMS, actor="o", now=now)
    client.force_login(
        builders.make_member("eve", app.workspace, role=Membership.Role.COMPOSER, app=app)
    )
    of_other = Suppression.objects.get(app=other)
    of_all = Suppression.objects.get(app=None)
    given = {"verb": "add", "add-kind": "email", "add-values": "a@x.example", "add-reason": "legal"}

    page = client.get("/suppressions/").content.decode()
    hidden = client.post(f"/suppressions/{of_other.pk}/remove/", {"reason": "mistake"})
    wide = client.post(f"/suppressions/{of_all.pk}/remove/", {"reason": "mistake"})
    added = [
        client.post("/suppressions/", {**given, "add-place": place}).status_code
        for place in (f"w{app.workspace_id}", f"a{other.pk}", f"a{app.pk}")
    ]

    assert ("a…@x.example" in page, "tt…tt" in page) == (False, True)
    assert (hidden.status_code, wide.status_code) == (404, 403)
    assert added == [422, 422, 302]
    assert Suppression.objects.count() == 3
