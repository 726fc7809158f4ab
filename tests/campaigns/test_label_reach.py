"""Whom a list of ids may label: the persons whom its principal sees, whatever numbers rows have."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from campaigns.models import Job, Label, LabelMember, Membership, Workspace
from campaigns.services.job_work import drain_jobs
from campaigns.services.labels import BulkVerb, IdLines, change_by_list
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Role = Membership.Role
FREE = 900_000  # a number that no row of either table has


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="VIP")


@pytest.fixture
def person(app):
    """Of the workspace, without a device: only who sees all of it sees them."""
    return builders.make_person(app.workspace, "ann")


def add(label, user, now):
    change_by_list(label, BulkVerb.ADD, IdLines([b"ann"]), principal=user, actor="x", now=now)
    drain_jobs()
    return Job.objects.latest("pk").counts


def make_user():
    return get_user_model().objects.create_user("lee", password="pw", is_staff=True)


def test_an_admin_of_the_workspace_reaches_who_has_no_device(label, person, app, now):
    user = make_user()
    Membership.objects.create(pk=FREE, user=user, workspace=app.workspace, role=Role.ADMIN)

    assert add(label, user, now) == {"changed": 1, "same": 0, "unknown": 0}
    assert LabelMember.objects.get().person == person


def test_an_admin_of_another_workspace_does_not_though_rows_share_a_number(label, person, app, now):
    user, other = make_user(), Workspace.objects.create(pk=FREE, name="Other", slug="other-too")
    Membership.objects.create(
        pk=app.workspace.pk + FREE, user=user, workspace=app.workspace, app=app, role=Role.COMPOSER
    )
    taken = Membership.objects.filter(pk=app.workspace.pk)
    assert not taken.exists()
    Membership.objects.create(pk=app.workspace.pk, user=user, workspace=other, role=Role.ADMIN)

    assert add(label, user, now) == {"changed": 0, "same": 0, "unknown": 1}
    assert not LabelMember.objects.exists()
