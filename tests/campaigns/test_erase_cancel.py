"""An erasure that is cancelled: no half of anybody is left, and the others are as they were."""

from __future__ import annotations

import pytest

from campaigns.errors import IllegalMove
from campaigns.models import App, Job, JobPiece, Person, Tombstone
from campaigns.services import erase as service
from campaigns.services import job_work
from campaigns.services.erase import start_erasure
from campaigns.services.job_work import drain_jobs, work_on_jobs
from campaigns.services.jobs import cancel_job
from tests import builders
from tests.campaigns.test_erase import MARKER, grep, make_client, now

__all__ = ["now"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PEOPLE, STEP = 9, 3


@pytest.fixture
def owner(app: App, monkeypatch):
    monkeypatch.setattr(service, "LINES", STEP)
    for number in range(PEOPLE):
        person = builders.make_person(app.workspace, f"{MARKER}-{number}")
        builders.make_device(app, f"{MARKER}-t{number}", person=person)
    return builders.make_member("chief", app.workspace, role="admin")


@pytest.fixture
def job(app, owner, now) -> Job:
    lines = "".join(f"{MARKER}-{number}\n" for number in range(PEOPLE)).encode()
    return start_erasure(
        owner, app.workspace, [lines], kind="external_user_id", actor="chief", now=now
    )


def list_left() -> list[str | None]:
    return list(Person.objects.order_by("pk").values_list("external_user_id", flat=True))


def find_search(job: Job) -> None:
    """Work until the tables are searched."""
    while "table" not in job.cursor:
        work_on_jobs("w")
        job.refresh_from_db()


def test_who_was_not_erased_yet_is_left_and_who_was_is_searched_for(job, now):
    work_on_jobs("w")
    left = [f"{MARKER}-{number}" for number in range(STEP, PEOPLE)]

    cancel_job(job, actor="chief", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert (job.status, job.counts["persons"]) == (Job.Status.CANCELLED, STEP)
    assert "nobody who was not erased by then" in job.note
    assert list_left() == left
    assert Tombstone.objects.count() == 2 * STEP
    assert not JobPiece.objects.filter(job=job).exists()
    assert grep(f"{MARKER}-0") == grep(f"{MARKER}-t0") == []


def test_what_nobody_has_begun_erases_nobody(job, now):
    cancel_job(job, actor="chief", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED
    assert len(list_left()) == PEOPLE
    assert not JobPiece.objects.filter(job=job).exists()
    with pytest.raises(IllegalMove):
        cancel_job(job, actor="chief", now=now)


def test_once_all_are_gone_their_search_is_not_cancelled(job, now):
    find_search(job)

    with pytest.raises(IllegalMove):
        cancel_job(job, actor="chief", now=now)
    drain_jobs()

    job.refresh_from_db()
    assert (job.status, list_left()) == (Job.Status.DONE, [])


def test_a_worker_that_has_just_taken_the_job_sees_that_it_was_cancelled(job, now, monkeypatch):
    work_on_jobs("w")
    hold = job_work._hold

    def cancel_first(leased: Job) -> bool:
        monkeypatch.setattr(job_work, "_hold", hold)
        cancel_job(Job.objects.get(pk=leased.pk), actor="chief", now=now)
        return hold(leased)

    monkeypatch.setattr(job_work, "_hold", cancel_first)
    drain_jobs()

    assert len(list_left()) == PEOPLE - STEP


def test_operators_and_scripts_cancel_it_while_somebody_is_left(job, app, owner, client):
    client.force_login(owner)
    script = make_client(app)
    page, call = f"/jobs/{job.pk}/", f"/api/v1/jobs/{job.pk}/cancel/"

    offered = client.get(page).content.decode()
    cancelled = client.post(f"{page}cancel/", follow=True).content.decode()
    again = script.post(call)
    drain_jobs()

    assert "Nobody else of the list is erased" in offered
    assert f"{page}cancel/" not in cancelled
    assert again.status_code == 409
    assert len(list_left()) == PEOPLE
