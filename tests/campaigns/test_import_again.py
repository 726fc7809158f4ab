"""Imports that are cancelled, clicked twice or begun again: what comes of them is the same."""

from __future__ import annotations

import pytest

from campaigns.errors import Conflict
from campaigns.models import Import, ImportKey, Job, Person
from campaigns.services import import_text, imports
from campaigns.services.import_targets import Choice
from campaigns.services.job_work import drain_jobs, work_on_jobs
from tests import builders
from tests.campaigns.import_race import ROUNDS
from tests.campaigns.importing import NOW, Root, apply, check, read_left_out, upload
from tests.chaos.importing import read, write_file
from tests.databases import run_script

pytestmark = pytest.mark.database
ROWS, CHUNK = 400, 50


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(import_text.read_chunk, "__kwdefaults__", {"most": CHUNK, "skips": False})


def bring(name):
    """The same file for a workspace of its own."""
    app = builders.make_app(builders.make_workspace(name))
    app.labels.create(name="vip")
    return upload(app, b"".join(write_file(ROWS)))


def begin(one):
    """The dry run, none of it done yet."""
    choice = Choice(imports.propose(one))
    return imports.check_import(one, choice, principal=Root(), actor="owner", now=NOW)


def begin_to_apply(one):
    return imports.apply_import(one, principal=Root(), actor="owner", now=NOW)


def cancel_after(one, steps):
    """Some steps of what is begun, then Cancel."""
    for _step in range(steps):
        work_on_jobs("worker")
    imports.cancel_import(Import.objects.get(pk=one.pk), actor="owner", now=NOW)
    drain_jobs()
    stopped = Import.objects.get(pk=one.pk)
    assert imports.name_state(stopped) == "cancelled"
    return stopped


def read_tables(one):
    """Everything that it has made, but files: an upload lies with the first dry run."""
    return {name: mark for name, mark in read(one.pk)["digests"].items() if name != "pieces"}


@pytest.mark.values(2)
@pytest.mark.parametrize("steps", [0, 1, 4, ROWS // CHUNK - 1])
def test_an_import_cancelled_midway_and_applied_again_ends_as_one_left_alone(small_steps, steps):
    alone = apply(check(bring("alone")))
    stopped = cancel_after(begin_to_apply(check(bring("stopped"))), steps)

    written = Person.objects.filter(workspace=stopped.app.workspace).count()
    again = apply(stopped)

    assert bool(written) == bool(steps)
    assert imports.name_state(again) == "applied"
    assert read_tables(again) == read_tables(alone)
    assert read_left_out(again.apply_job) == read_left_out(alone.apply_job) == ""
    assert again.apply_job.counts["rows"] == ROWS


@pytest.mark.values(2)
@pytest.mark.parametrize("steps", [0, 1, 4, ROWS // CHUNK - 1])
def test_a_dry_run_cancelled_midway_and_made_again_finds_what_one_left_alone_does(
    small_steps, steps
):
    alone = check(bring("alone"))
    stopped = cancel_after(begin(bring("stopped")), steps)

    again = check(stopped)

    assert again.check_job.counts == alone.check_job.counts
    assert read_left_out(again.check_job) == read_left_out(alone.check_job) != ""
    assert not ImportKey.objects.filter(job=again.check_job).exists()
    assert read_tables(apply(again)) == read_tables(apply(alone))


def test_two_who_have_loaded_one_page_apply_an_import_once(app):
    checked = check(upload(app, "user_id\nann\n"))
    first, second = (Import.objects.select_related("apply_job").get(pk=checked.pk) for _ in "12")

    begin_to_apply(first)
    with pytest.raises(Conflict):
        begin_to_apply(second)
    drain_jobs()

    assert Job.objects.get(kind="import_apply").status == Job.Status.DONE
    assert Import.objects.get(pk=checked.pk).apply_job == first.apply_job


def test_whoever_makes_another_dry_run_of_what_is_being_applied_is_refused(app):
    checked = check(upload(app, "user_id\nann\n"))
    late = Import.objects.select_related("apply_job").get(pk=checked.pk)

    begin_to_apply(checked)
    with pytest.raises(Conflict):
        begin(late)
    drain_jobs()

    assert imports.name_state(Import.objects.get(pk=checked.pk)) == "applied"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_apply_an_import_at_one_instant_one_is_refused(tmp_path, own_tables):
    told = run_script("tests.campaigns.import_race", tmp_path, own_tables)

    assert told == {"told": ["done"] * ROUNDS + ["refused"] * ROUNDS, "jobs": ROUNDS}
