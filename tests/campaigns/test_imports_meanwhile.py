"""Two apps of a workspace share its people: what another writes of them during an import stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns.models import Label, LabelMember, Person
from campaigns.services import imports
from campaigns.services.job_work import drain_jobs, work_on_jobs
from tests import builders
from tests.campaigns.importing import NOW, Root, check, upload
from tests.campaigns.rival import Rival

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


KEY = {"external_user_id": "person.external_user_id"}


def begin(app):
    """An import that has been looked through and is to be done."""
    mapping = KEY | {"plan": "person.custom.plan:text"}
    one = check(upload(app, "external_user_id,plan\nann,gold\n"), mapping=mapping)
    imports.apply_import(one, principal=Root(), actor="owner", now=NOW)
    return one


def find_ann():
    ann = Person.objects.get(external_user_id="ann")
    return ann.attributes, ann.language


def test_an_attribute_that_another_import_writes_meanwhile_stays(app):
    ann = builders.make_person(app.workspace, "ann")
    one = begin(app)
    rival = Rival(lambda: work_on_jobs("rival"))

    with transaction.atomic():
        Person.objects.filter(pk=ann.pk).update(attributes={"crm": "x-7"}, language="fr")
        rival.begin()

    assert rival.end()
    drain_jobs()
    one.refresh_from_db()
    assert (one.apply_job.status, find_ann()) == ("done", ({"crm": "x-7", "plan": "gold"}, "fr"))


def test_a_label_that_is_given_during_an_import_is_no_ring_of_waits(app):
    ann = builders.make_person(app.workspace, "ann")
    label = Label.objects.create(app=app, name="vip")
    one = check(upload(app, "external_user_id\nann\n"), labels=[label.pk], mapping=KEY)
    imports.apply_import(one, principal=Root(), actor="owner", now=NOW)
    rival = Rival(lambda: work_on_jobs("rival"))

    with transaction.atomic():
        Label.objects.filter(pk=label.pk).update(member_count=1)
        rival.begin()  # it holds the person, and waits for the label
        LabelMember.objects.create(label=label, person=ann, added_at=NOW)

    assert rival.end()
    drain_jobs()
    one.refresh_from_db()
    assert (one.apply_job.status, LabelMember.objects.count()) == ("done", 1)


def test_a_person_whom_another_import_makes_meanwhile_is_found_when_it_is_done_again(app):
    one = begin(app)
    rival = Rival(try_job)

    with transaction.atomic():
        builders.make_person(app.workspace, "ann", attributes={"crm": "x-7"})
        rival.begin()

    assert rival.end()
    later = timezone.now() + timedelta(hours=1)
    drain_jobs(clock=lambda: later)
    one.refresh_from_db()
    assert one.apply_job.status == "done"
    assert find_ann()[0] == {"crm": "x-7", "plan": "gold"}


def try_job():
    """As a worker, which lets go of a job when the database refuses a row that is there already."""
    try:
        return work_on_jobs("rival")
    except IntegrityError:
        return True
