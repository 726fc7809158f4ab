"""Who counts as a writer of what a script wrote: whoever was shown the text of its key."""

from __future__ import annotations

import pytest

from campaigns.errors import Forbidden
from campaigns.models import App, AppGroup
from campaigns.selectors.approvals import list_writers
from campaigns.selectors.signing import digest_campaign
from campaigns.services import approvals, campaigns
from campaigns.services.access import (
    ensure_group_principal,
    issue_key,
    name_actor,
    regenerate_group_secret,
    revoke_key,
)
from campaigns.services.audience import create_segment, update_segment
from tests import builders

pytestmark = pytest.mark.database
BODY = {"name": "One", "audience": {"all": True}, "message": {"title": "Hi", "body": "There"}}
ANDROID = {"field": "device.platform", "op": "eq", "value": "android"}


@pytest.fixture
def served(app):
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    App.objects.filter(pk=app.pk).update(needs_approval=True)
    app.refresh_from_db()
    return app


@pytest.fixture
def key(served, now):
    return issue_key(served.workspace, name="Nightly", actor="eve", now=now)[0]


def write(owner, now, *, actor, **body):
    campaign = campaigns.create_campaign(owner, BODY | body, actor=actor, now=now)
    approvals.request_approval(campaign, actor=actor, now=now)
    return campaign


def approve(campaign, now, actor):
    return approvals.approve_campaign(campaign, digest_campaign(campaign), actor=actor, now=now)


@pytest.mark.parametrize("is_revoked", [False, True])
def test_who_made_the_key_cannot_approve_what_it_wrote(owner, served, key, now, is_revoked):
    campaign = write(owner, now, actor=name_actor(key))
    for name in ("eve", "bob"):
        builders.make_member(name, served.workspace, role="approver")
    if is_revoked:
        revoke_key(key, actor="sue", now=now)

    with pytest.raises(Forbidden) as refusal:
        approve(campaign, now, "eve")

    assert refusal.value.code == "own_work"
    approvers = approvals.list_approvers(campaign, list_writers(campaign))
    assert "bob" in approvers
    assert "eve" not in approvers
    assert approve(campaign, now, "bob").decided_by == "bob"


def test_a_key_of_somebody_else_holds_nobody_up(owner, served, key, now):
    issue_key(served.workspace, name="Other", actor="joe", now=now)
    campaign = write(owner, now, actor=name_actor(key))

    assert approve(campaign, now, "joe").decided_by == "joe"


def test_who_made_the_key_that_changed_its_segment_cannot_approve(owner, served, key, now):
    segment = create_segment(served, name="Some", expression=ANDROID, actor="ann", now=now)
    campaign = write(owner, now, actor="ann", audience={"segment": segment.pk})
    update_segment(segment, expression={"and": []}, actor=name_actor(key), now=now)

    with pytest.raises(Forbidden):
        approve(campaign, now, "eve")


def test_who_made_a_master_secret_cannot_approve_what_its_group_wrote(owner, served, now):
    group = AppGroup.objects.create(
        workspace=served.workspace, name="All", slug="all", group_key="g" * 24
    )
    group.apps.set([served])
    regenerate_group_secret(group, actor="eve", now=now)
    campaign = write(owner, now, actor=name_actor(ensure_group_principal(group)))

    with pytest.raises(Forbidden):
        approve(campaign, now, "eve")
    assert approve(campaign, now, "bob").decided_by == "bob"
