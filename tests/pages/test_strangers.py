"""What a role or another workspace may not do through the pages: forged posts change nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns.models import (
    ApiKey,
    Approval,
    Campaign,
    Device,
    Group,
    Import,
    Invitation,
    Job,
    Label,
    LabelMember,
    Membership,
    MessageTemplate,
    Person,
    Segment,
    SegmentVersion,
    Suppression,
    TestGroup,
    Transfer,
)
from campaigns.models import Tester as GroupTester
from campaigns.pages import campaign, person, templates
from campaigns.pages import transfer as transfer_page
from campaigns.pages.urls import urlpatterns
from campaigns.services import job_kinds
from campaigns.services.access import issue_key
from campaigns.services.jobs import JobKind, Step
from campaigns.services.members import invite
from tests import builders
from tests.pages.test_pages import make_campaign

Role = Membership.Role
# Addresses of a row that only show something, with the files that go with them.
READ = {
    "campaign", "edit", "campaign_problems", "campaign_status",
    "transfer", "transfer_status", "transfer_story",
    "recipients", "recipients_csv", "review_checks", "job", "job_status", "job_file", "person",
    "device", "trace", "campaign_overlap", "segment_why", "import", "import_status",
    "test_result",
    "import_of_job", "report_job", "report_job_status", "report_job_xlsx",
    "segment_version",
}  # fmt: skip
# Who may do what an address of a row does; nobody below.
HOLDERS = {
    "cancel_job": Role.COMPOSER, "change_person": Role.COMPOSER, "revoke_key": Role.ADMIN,
    "withdraw_invitation": Role.ADMIN, "person_data": Role.ADMIN,
    "unsuppress": Role.COMPOSER,
    "campaign_approval": Role.APPROVER, "resend": Role.COMPOSER,
    "translations": Role.COMPOSER,
    "segment": Role.COMPOSER, "segment_delete": Role.COMPOSER,
    "restore_segment": Role.COMPOSER,
    "template": Role.COMPOSER, "change_template": Role.COMPOSER,
    "label": Role.COMPOSER, "label_members": Role.COMPOSER, "label_person": Role.COMPOSER,
    "label_archive": Role.COMPOSER, "label_restore": Role.COMPOSER,
    "label_delete": Role.COMPOSER,
    "test_group": Role.COMPOSER, "test_group_delete": Role.COMPOSER,
    "push_browser": Role.COMPOSER,
    "check_import": Role.COMPOSER, "apply_import": Role.COMPOSER,
}  # fmt: skip
SHAPE = {"format": "csv", "delimiter": ",", "columns": ["a"], "start": 2, "line": 2}
# Rows of no app: whoever has a role in the workspace is told that theirs is not enough.
OF_WORKSPACE = {"revoke_key", "withdraw_invitation"}
RANKS = [Role.VIEWER, Role.COMPOSER, Role.APPROVER, Role.SENDER, Role.ADMIN]


@pytest.fixture
def transfer(app, now):
    """A running transfer of the app."""
    return Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), due_at=now, created_at=now, status_since=now
    )


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COMPOSER])
@pytest.mark.parametrize("verb", ["start", "pause", "resume", "cancel"])
def test_nobody_below_a_sender_moves_a_campaign(client, app, role, verb):
    campaign = make_campaign(app)
    client.force_login(builders.make_member("low", app.workspace, app=app, role=role))

    response = client.post(reverse("change_campaign", args=[campaign.pk, verb]))

    campaign.refresh_from_db()
    assert (response.status_code, campaign.status) == (403, Campaign.Status.DRAFT)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COMPOSER])
@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_nobody_below_a_sender_moves_a_transfer(client, app, transfer, role, verb):
    client.force_login(builders.make_member("low", app.workspace, app=app, role=role))
    before = transfer.status

    response = client.post(reverse("change_transfer", args=[transfer.pk, verb]))

    transfer.refresh_from_db()
    assert (response.status_code, transfer.status) == (403, before)


@pytest.fixture
def rows(app, transfer, now):
    """A row of ours for each kind of address, by how the address begins."""
    job = Job.objects.create(app=app, workspace=app.workspace, kind="labels", status_since=now,
                             created_at=now, created_by="ann")  # fmt: skip
    owner = builders.make_person(app.workspace, "ann", opted_out_at=now)
    device = builders.make_device(app, "token", person=owner, token_state="disabled")
    key, _text = issue_key(app.workspace, name="Nightly", actor="ann", now=now)
    invitation, _secret = invite(
        app.workspace, email="", role=Role.VIEWER, app=None, actor="ann", now=now
    )
    entry = Suppression.objects.create(
        workspace=app.workspace, app=app, kind="token", seal="s", reason="legal",
        created_at=now, created_by="ann",
    )  # fmt: skip
    browser = builders.make_device(app, '{"endpoint": "https://push.example"}', platform="web")
    group = TestGroup.objects.create(app=app, name="Browsers", created_at=now)
    group.testers.create(device=browser)
    brought = Import.objects.create(app=app, source="x", shape=SHAPE, created_at=now)
    return {
        "campaigns": make_campaign(app).pk, "transfers": transfer.pk, "jobs": job.pk,
        "segments": Segment.objects.create(app=app, name="All", expression={"and": []}).pk,
        "imports": brought.pk, "labels": Label.objects.create(app=app, name="VIP").pk,
        "reports": job.pk,
        "people": owner.pk, "devices": device.pk, "keys": key.pk, "invitations": invitation.pk,
        "suppressions": entry.pk, "browsers": browser.pk,
        "templates": MessageTemplate.objects.create(
            workspace=app.workspace, app=app, name="Sale", created_at=now, updated_at=now
        ).pk,
        "test-groups": TestGroup.objects.create(app=app, name="Team", created_at=now).pk,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def kind_of_job(monkeypatch):
    kind = JobKind(key="labels", label="Labels", step=lambda job, now: Step({}, 0))
    monkeypatch.setitem(job_kinds.KINDS, "labels", kind)


def list_addresses(rows):
    """Every address of a row with its name, from the resolver, with every verb."""
    verbs = {
        "change_campaign": campaign.VERBS,
        "change_transfer": transfer_page.VERBS,
        "change_person": person.VERBS,
        "change_template": templates.VERBS,
    }
    others = {"role": "names", "number": 1, "decision": "approve"}
    return [
        (pattern.name, reverse(pattern.name, kwargs=named))
        for pattern in urlpatterns
        if "pk" in pattern.pattern.converters
        for verb in verbs.get(pattern.name, [""])
        for named in [
            {
                name: {"pk": rows[str(pattern.pattern).partition("/")[0]], "verb": verb, **others}[
                    name
                ]
                for name in pattern.pattern.converters
            }
        ]
    ]


@pytest.mark.parametrize("who", ["stranger", "neighbour"])
def test_others_find_nothing_of_ours_behind_any_address(client, rows, request, who):
    client.force_login(request.getfixturevalue(who))
    addresses = list_addresses(rows)
    before = keep_everything()

    statuses = {
        (method, name, address): getattr(client, method)(address, {"rate": "5"}).status_code
        for name, address in addresses
        for method in ("get", "post")
    }

    known = OF_WORKSPACE if who == "neighbour" else set()
    posted = {
        (name, code)
        for (method, name, _), code in statuses.items()
        if method == "post" and code != 404
    }
    assert len(addresses) > 20
    assert set(statuses.values()) <= {403, 404, 405}
    assert posted == {(name, 403) for name in known}
    assert keep_everything() == before


@pytest.mark.parametrize("role", RANKS[:-1])
def test_who_may_not_do_it_changes_nothing_behind_any_address(client, app, rows, role):
    posts = [
        (name, address)
        for name, address in list_addresses(rows)
        if name not in READ and RANKS.index(HOLDERS.get(name, Role.SENDER)) > RANKS.index(role)
    ]
    client.force_login(builders.make_member("low", app.workspace, app=app, role=role))
    before = keep_everything()

    statuses = {address: client.post(address, {"rate": "5"}).status_code for _, address in posts}

    assert posts
    assert set(statuses.values()) == {403}, statuses
    assert keep_everything() == before


KEPT = (
    Campaign, Transfer, Job, Person, Device, ApiKey, Invitation, MessageTemplate, Label, Segment,
    Suppression, Import, TestGroup, GroupTester, LabelMember, Approval, Membership, SegmentVersion,
)  # fmt: skip


def keep_everything():
    return [list(model.objects.values()) for model in KEPT]


@pytest.mark.parametrize("address", ["?copy={campaign}", "?target=app:{app}"])
def test_a_stranger_composes_from_nothing_of_ours(client, app, stranger, address):
    campaign = make_campaign(app)
    client.force_login(stranger)

    response = client.get(reverse("compose") + address.format(campaign=campaign.pk, app=app.pk))

    assert response.status_code == 404


def test_an_admin_of_a_workspace_makes_nobody_a_superuser(client, app, owner):
    client.force_login(owner)
    form = {"username": "owner", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    changed = client.post(f"/admin/auth/user/{owner.pk}/change/", form)
    added = client.post("/admin/auth/user/add/", {"username": "new", **form})

    owner.refresh_from_db()
    assert (changed.status_code, added.status_code) == (403, 403)
    assert not get_user_model().objects.filter(is_superuser=True).exists()


def test_an_admin_of_a_workspace_gives_no_role_in_another(client, app, owner, stranger):
    foreign = Membership.objects.get(user=stranger).workspace
    client.force_login(owner)

    for user in (owner, stranger):
        client.post(
            "/admin/campaigns/membership/add/",
            {"user": user.pk, "workspace": foreign.pk, "role": Role.ADMIN},
        )

    assert Membership.objects.count() == 2
