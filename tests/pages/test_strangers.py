"""What a role or another workspace may not do through the pages: forged posts change nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns.models import Campaign, Group, Membership, Transfer
from campaigns.pages import campaign
from campaigns.pages import transfer as transfer_page
from campaigns.pages.urls import urlpatterns
from tests import builders
from tests.pages.test_pages import make_campaign

Role = Membership.Role
READ = {"campaign", "edit", "campaign_status", "transfer", "transfer_status", "recipients",
        "recipients_csv"}  # fmt: skip


@pytest.fixture
def transfer(app, now):
    """A running transfer of the app."""
    return Transfer.objects.create(
        app=app, group=Group.objects.get(app=app), due_at=now, created_at=now, status_since=now
    )


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COMPOSER])
@pytest.mark.parametrize("verb", ["launch", "pause", "resume", "cancel"])
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


@pytest.mark.parametrize("name", sorted(READ))
def test_a_stranger_opens_no_page_of_ours(client, app, transfer, stranger, name):
    pk = make_campaign(app).pk if name in {"campaign", "edit", "campaign_status"} else transfer.pk
    client.force_login(stranger)

    response = client.get(reverse(name, args=[pk]))

    assert response.status_code == 404


def list_posts(app, transfer):
    """Every address of a row that changes something, from the resolver, with every verb."""
    rows = {"campaigns": make_campaign(app).pk, "transfers": transfer.pk}
    verbs = {"change_campaign": campaign.VERBS, "change_transfer": transfer_page.VERBS}
    return [
        reverse(pattern.name, args=[rows[str(pattern.pattern).partition("/")[0]], *verb])
        for pattern in urlpatterns
        if "pk" in pattern.pattern.converters and pattern.name not in READ
        for verb in ([[name] for name in verbs[pattern.name]] if pattern.name in verbs else [[]])
    ]


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.COMPOSER, Role.APPROVER])
def test_who_may_not_send_changes_nothing_behind_any_address(client, app, transfer, stranger, role):
    posts = list_posts(app, transfer)
    low = builders.make_member("low", app.workspace, app=app, role=role) if role else stranger
    client.force_login(low)
    before = [list(model.objects.values()) for model in (Campaign, Transfer)]

    statuses = {post: client.post(post, {"rate": "5"}).status_code for post in posts}

    assert len(posts) == 13
    assert set(statuses.values()) == {403 if role else 404}, statuses
    assert [list(model.objects.values()) for model in (Campaign, Transfer)] == before


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
