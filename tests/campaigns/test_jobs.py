"""Long work: steps that are kept with their cursor, leases, cancel, files, the people's side."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.dispatch.prune import prune
from campaigns.errors import IllegalMove, Invalid
from campaigns.models import AuditEntry, Job, JobPiece, Label, Membership
from campaigns.pages.jobs import describe_job
from campaigns.services import job_kinds, jobs
from campaigns.services.job_work import MAX_ATTEMPTS, drain_jobs, work_on_jobs
from tests import builders
from tests.api.conftest import make_client

pytestmark = pytest.mark.database
Status = Job.Status


def make_labels(job: Job, now) -> jobs.Step:
    """Two labels a step, until there are as many as `params` say."""
    done = job.cursor.get("done", 0)
    for number in range(done, min(done + 2, job.params["count"])):
        Label.objects.create(app=job.app, name=f"label {number}")
    done = min(done + 2, job.params["count"])
    jobs.append_file(job, "names", f"{done}\n".encode())
    is_last = done == job.params["count"]
    return jobs.Step({"done": done}, done, {"made": done}, is_last=is_last, note="Labels.")


def refuse(job: Job, now) -> jobs.Step:
    raise Invalid("The file is no CSV.")


def trip(job: Job, now) -> jobs.Step:
    Label.objects.create(app=job.app, name="half done")
    raise ZeroDivisionError("ann@example.org")


NAMES = jobs.JobFile("names", "The names", "names.txt", "text/plain")
KINDS = {
    kind.key: kind
    for kind in (
        jobs.JobKind(
            key="labels", label="Labels", step=make_labels, counts={"made": "Made"}, files=(NAMES,)
        ),
        jobs.JobKind(key="refuse", label="Refuse", step=refuse),
        jobs.JobKind(key="trip", label="Trip", step=trip),
    )
}


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    for key, kind in KINDS.items():
        monkeypatch.setitem(job_kinds.KINDS, key, kind)


@pytest.fixture
def start(app, now):
    def begin(kind="labels", count=5):
        return jobs.start_job(KINDS[kind], app, {"count": count}, actor="ann", now=now, total=count)

    return begin


def test_a_job_is_worked_off_step_by_step_with_figures_and_history(start, app):
    job = start()

    assert work_on_jobs("one")
    job.refresh_from_db()
    middle = (job.status, job.done, job.share, job.counts)
    drain_jobs()
    job.refresh_from_db()

    assert middle == (Status.RUNNING, 2, 40, {"made": 2})
    assert (job.status, job.done, job.share, job.note) == (Status.DONE, 5, 100, "Labels.")
    assert job.finished_at is not None
    assert [event.new for event in job.events.all()] == ["waiting", "running", "done"]
    assert b"".join(jobs.read_file(job, "names")) == b"2\n4\n5\n"
    assert app.labels.count() == 5
    assert not work_on_jobs("one")


def test_jobs_take_turns(start):
    first, second = start(), start(count=3)

    work_on_jobs("one")
    Label.objects.all().delete()
    work_on_jobs("one")

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.done, second.done) == (2, 2)


def test_what_a_worker_holds_nobody_else_takes_until_its_lease_is_over(start, now):
    job = start()
    Job.objects.filter(pk=job.pk).update(
        lease_by="dead", lease_token="x", lease_until=now + timedelta(minutes=5)
    )

    others = work_on_jobs("other", clock=lambda: now)
    itself = work_on_jobs("dead", clock=lambda: now)
    Job.objects.filter(pk=job.pk).update(lease_by="dead", lease_until=now + timedelta(minutes=5))
    later = work_on_jobs("other", clock=lambda: now + timedelta(minutes=6))

    assert (others, itself, later) == (False, True, True)


def test_what_waits_for_something_is_let_be_and_then_gone_on_with(start, now, monkeypatch):
    job, asked = start(), []

    def wait_once(held, at):
        asked.append(at)
        if len(asked) == 1:
            return jobs.Step(held.cursor, held.done, wait=2)
        return make_labels(held, at)

    monkeypatch.setitem(
        job_kinds.KINDS, "labels", jobs.JobKind(key="labels", label="x", step=wait_once)
    )
    moments = [now + timedelta(seconds=seconds) for seconds in (0, 1, 1.9, 2)]

    did = [work_on_jobs("one", clock=lambda at=at: at) for at in moments]

    job.refresh_from_db()
    assert did == [True, False, False, True]
    assert asked == [moments[0], moments[3]]
    assert (job.attempts, job.done) == (0, 2)


def test_a_step_whose_lease_was_taken_over_changes_nothing(start, app, monkeypatch):
    job = start()

    def lose(held, now):
        Job.objects.filter(pk=held.pk).update(lease_token="somebody else")
        return make_labels(held, now)

    monkeypatch.setitem(
        job_kinds.KINDS, "labels", jobs.JobKind(key="labels", label="x", step=make_labels)
    )
    monkeypatch.setattr("campaigns.services.job_work._hold", lambda held: False)
    work_on_jobs("zombie")

    job.refresh_from_db()
    assert (job.done, app.labels.count()) == (0, 0)


def test_a_cancelled_job_stops_and_what_is_done_stays(start, app, now):
    job = start()
    work_on_jobs("one")

    job.refresh_from_db()
    jobs.cancel_job(job, actor="ann", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert (job.status, job.done, app.labels.count()) == (Status.CANCELLED, 2, 2)
    assert job.finished_at == now
    assert AuditEntry.objects.filter(verb="cancel_job", target_id=str(job.pk)).count() == 1
    with pytest.raises(IllegalMove):
        jobs.cancel_job(job, actor="ann", now=now)


@pytest.mark.parametrize(
    ("kind", "words"), [("refuse", "The file is no CSV."), ("trip", "ZeroDivisionError")]
)
def test_what_cannot_be_worked_off_fails_with_a_sentence_and_half_a_step_is_no_step(
    start, app, kind, words
):
    job = start(kind)

    drain_jobs()

    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert words in job.note
    assert "ann@example.org" not in job.note
    assert words in job.events.last().note
    assert not app.labels.exists()


def test_a_step_that_kills_its_worker_again_and_again_ends_the_job(start):
    job = start()
    Job.objects.filter(pk=job.pk).update(attempts=MAX_ATTEMPTS)

    work_on_jobs("one")

    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert f"{MAX_ATTEMPTS} times" in job.note


def test_what_must_come_to_its_end_is_tried_again_later_and_later(start, now):
    job = start("trip")
    Job.objects.filter(pk=job.pk).update(params={"is_final": True}, attempts=MAX_ATTEMPTS)
    wait = timedelta(seconds=2 ** (MAX_ATTEMPTS + 1))

    turns = [
        work_on_jobs("one", clock=lambda moment=moment: moment)
        for moment in (now, now + wait / 2, now + wait)
    ]

    job.refresh_from_db()
    assert turns == [True, False, True]
    assert (job.status, job.attempts) == (Status.RUNNING, MAX_ATTEMPTS + 2)
    assert "ZeroDivisionError" in job.note
    assert job.lease_until == now + wait + 2 * wait


def test_who_died_too_often_over_what_must_end_takes_it_up_later_and_ends_it(start, now):
    job = start()
    Job.objects.filter(pk=job.pk).update(
        params=job.params | {"is_final": True}, attempts=MAX_ATTEMPTS + 1, lease_by="one",
        lease_until=now + timedelta(seconds=60),
    )  # fmt: skip

    early = work_on_jobs("one", clock=lambda: now)
    drain_jobs("one", clock=lambda: now + timedelta(seconds=60))

    job.refresh_from_db()
    assert (early, job.status) == (False, Status.DONE)


def test_a_kind_that_this_version_does_not_know_ends_the_job(start):
    job = start()
    Job.objects.filter(pk=job.pk).update(kind="of_tomorrow")

    drain_jobs()

    job.refresh_from_db()
    assert job.status == Status.FAILED


def test_a_file_is_kept_in_pieces_up_to_its_limit(start, monkeypatch):
    monkeypatch.setattr(jobs, "PIECE_BYTES", 4)
    job = start()

    size = jobs.keep_file(job, "input", [b"ab", b"cdefgh", b"", b"ijk"], limit=11)
    too_long = jobs.keep_file(job, "other", [b"abcdef", b"ghijkl"], limit=11)

    assert (size, too_long) == (11, None)
    assert list(jobs.read_file(job, "input")) == [b"abcd", b"efgh", b"ijk"]
    assert list(jobs.read_file(job, "input", 2)) == [b"ijk"]
    assert jobs.measure_files(job) == {"input": 11}


def test_files_are_forgotten_first_and_jobs_later(start, now, settings):
    drain_jobs() if start() else None
    old = now - timedelta(days=settings.KEEP_FILES_DAYS + 1)
    Job.objects.update(finished_at=old)

    first = prune(now)
    Job.objects.update(finished_at=now - timedelta(days=settings.KEEP_JOBS_DAYS + 1))
    second = prune(now)

    assert (first["files"], first["jobs"]) == (3, 0)
    assert (second["files"], second["jobs"]) == (0, 1)
    assert not JobPiece.objects.exists()


def test_pages_show_progress_and_let_who_may_cancel_and_download(start, app, client, now):
    composer = builders.make_member("composer", app.workspace, app=app, role="composer")
    viewer = builders.make_member("viewer", app.workspace, app=app, role="viewer")
    job = start()
    work_on_jobs("one")
    page, file = reverse("job", args=[job.pk]), reverse("job_file", args=[job.pk, "names"])

    client.force_login(viewer)
    seen = client.get(page).content.decode()
    refused = (client.get(file).status_code, client.post(f"{page}cancel/").status_code)
    client.force_login(composer)
    offered = client.get(page).content.decode()
    listed = client.get(reverse("jobs")).content.decode()
    polled = client.get(reverse("job_status", args=[job.pk])).status_code
    taken = b"".join(client.get(file).streaming_content)
    client.post(f"{page}cancel/")
    last = client.get(reverse("job_status", args=[job.pk])).status_code

    assert "Labels" in seen
    assert "Cancel" not in seen
    assert refused == (403, 403)
    assert all(words in offered for words in ("Cancel", "The names", 'value="40"'))
    assert f"Labels #{job.pk}" in listed
    assert (polled, last) == (200, 286)
    assert taken == b"2\n"
    job.refresh_from_db()
    assert job.status == Status.CANCELLED
    assert AuditEntry.objects.filter(verb="download_names", actor="composer").count() == 1


def test_a_running_job_says_how_long_it_will_take_and_no_other_does(start, owner, client):
    job, waiting, whole = start(), start(), start()
    since = timezone.now() - timedelta(seconds=10)
    Job.objects.filter(pk=job.pk).update(status="running", done=2, status_since=since)
    Job.objects.filter(pk=whole.pk).update(status="done", done=5, status_since=since)
    job.refresh_from_db()
    client.force_login(owner)

    pages = [
        client.get(reverse("job", args=[one.pk])).content.decode() for one in (job, waiting, whole)
    ]

    assert describe_job(job, since + timedelta(seconds=10)).seconds_left == 15  # three, 5 s each
    assert ["to go" in page for page in pages] == [True, False, False]


def test_a_stranger_sees_no_job(start, stranger, client):
    job = start()
    client.force_login(stranger)

    found = [client.get(reverse(name, args=[job.pk])).status_code for name in ("job", "job_status")]
    listed = client.get(reverse("jobs")).content.decode()

    assert found == [404, 404]
    assert client.post(reverse("cancel_job", args=[job.pk])).status_code == 404
    assert "Nothing runs" in listed


def test_scripts_watch_cancel_and_download(start, app):
    job = start()
    script = make_client(app.workspace)
    reader = make_client(app.workspace, scopes=["read"])
    foreign = make_client(builders.make_workspace(slug="foreign"))
    work_on_jobs("one")
    address = f"/api/v1/jobs/{job.pk}/"

    row = script.get(address).json()
    listed = script.get("/api/v1/jobs/?kind=labels&status=running").json()["results"]
    content = b"".join(script.get(f"{address}files/names/").streaming_content)
    missing = script.get(f"{address}files/other/")
    refused = reader.get(f"{address}files/names/")
    hidden = foreign.get(address)
    cancelled = script.post(f"{address}cancel/").json()
    again = script.post(f"{address}cancel/")

    assert (row["status"], row["done"], row["total"]) == ("running", 2, 5)
    assert (row["counts"], row["files"]) == ({"made": 2}, ["names"])
    assert [item["id"] for item in listed] == [job.pk]
    assert content == b"2\n"
    assert (missing.status_code, refused.status_code, hidden.status_code) == (404, 403, 404)
    assert cancelled["status"] == "cancelled"
    assert again.status_code == 409


def test_a_workspaces_job_is_seen_by_members_for_all_its_apps_only(app, now, client):
    job = jobs.start_job(KINDS["labels"], app.workspace, {}, actor="ann", now=now)
    wide = builders.make_member("wide", app.workspace, role=Membership.Role.VIEWER)
    narrow = builders.make_member("narrow", app.workspace, app=app, role=Membership.Role.ADMIN)

    codes = []
    for user in (wide, narrow):
        client.force_login(user)
        codes.append(client.get(reverse("job", args=[job.pk])).status_code)

    assert codes == [200, 404]
