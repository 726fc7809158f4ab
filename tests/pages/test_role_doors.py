"""The table of roles beside what the doors do: everybody tries every verb at each of its doors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Device, Invitation, Membership, Suppression
from campaigns.services.access import SCOPE_OF_ROLE
from campaigns.services.permissions import VERB_NEEDS, WIDE_VERBS
from campaigns.services.role_matrix import draw_matrix
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from tests import builders
from tests.api.conftest import make_client
from tests.pages.sending import press_send

pytestmark = pytest.mark.database
Role = Membership.Role
Status = Campaign.Status
Try = Callable[[Any, Campaign], Any]


@pytest.fixture
def draft(app, now):
    builders.make_route(app, "android")
    builders.make_device(app, "alone", token_state=Device.TokenState.DISABLED)
    builders.make_device(app, "other")
    return builders.make_campaign(app, now)


def page(name: str, *args: Any, **form: Any) -> Try:
    """A form of a page, for an address without a row or of the draft."""
    return lambda client, draft: client.post(reverse(name, args=args or [draft.pk]), form)


def decide(client: Any, draft: Campaign) -> Any:
    Campaign.objects.update(status=Status.IN_REVIEW)
    return client.post(reverse("campaign_approval", args=[draft.pk, "approve"]))


def skip_approval(client: Any, draft: Campaign) -> Any:
    """The reason is heard from who may go without, and is nothing from others."""
    type(draft.app).objects.update(needs_approval=True, approval_above=0)
    answer = press_send(client, draft.pk, reason="Urgent")
    draft.refresh_from_db()
    answer.status_code = 403 if draft.status == Status.DRAFT else answer.status_code
    return answer


def unsuppress(client: Any, draft: Campaign) -> Any:
    place, entry = Place(draft.workspace, draft.app), Entry("email", "a@example.org")
    terms = Terms(reason="legal")
    add_suppressions(place, [entry], terms, actor="owner", now=timezone.now())
    row = Suppression.objects.get()
    return client.post(reverse("unsuppress", args=[row.pk]), {"reason": "mistake"})


def enable(client: Any, draft: Campaign) -> Any:
    return client.post(reverse("enable_device", args=[Device.objects.get(token="alone").pk]))


def withdraw(client: Any, draft: Campaign) -> Any:
    row = Invitation.objects.create(
        workspace=draft.workspace, role=Role.VIEWER, secret_hash="0" * 64,
        created_at=timezone.now(), expires_at=timezone.now(),
    )  # fmt: skip
    return client.post(reverse("withdraw_invitation", args=[row.pk]))


DOORS: dict[str, dict[str, Try]] = {
    "launch": {
        "review": page("campaign_review"),
        "resume": lambda client, draft: client.post(
            reverse("change_campaign", args=[draft.pk, "resume"])
        ),
        "rate": page("campaign_rate", rate="5"),
    },
    "approve": {"review": decide},
    "test": {"compose": page("test_send", test_term="other")},
    "bypass": {"review": skip_approval},
    "enable": {"device": enable},
    "suppress": {"list": unsuppress},
    "invite": {"withdraw": withdraw},
}
TRIES = [(verb, door) for verb, doors in DOORS.items() for door in doors]


def read_ticks(verb: str) -> dict[str, tuple[bool, bool]]:
    """By role what the table on the page says: whether, and whether for all apps only."""
    label = VERB_NEEDS[verb][0]
    lines = [line for _title, lines in draw_matrix() for line in lines if line.name == label]
    return {
        role.value: (bool(words), is_wide)
        for role, (words, is_wide) in zip(Role, lines[0].cells, strict=True)
    }


def test_every_verb_of_the_table_is_tried():
    assert set(DOORS) == set(VERB_NEEDS)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("verb", "door"), TRIES)
def test_a_door_does_what_the_table_says_of_a_role(client, app, draft, verb, door, role):
    is_told, is_wide = read_ticks(verb)[role]
    # Who has it in this app only, unless the table has its star there.
    place = None if is_wide else app
    client.force_login(builders.make_member("somebody", app.workspace, app=place, role=role))

    answer = DOORS[verb][door](client, draft)

    assert (answer.status_code != 403) == is_told


@pytest.mark.parametrize("verb", sorted(WIDE_VERBS))
def test_a_star_means_that_one_app_is_not_enough(client, app, draft, verb):
    client.force_login(builders.make_member("low", app.workspace, app=app, role=Role.ADMIN))

    answers = [door(client, draft).status_code for door in DOORS[verb].values()]

    assert set(answers) <= {403, 404}


@pytest.mark.parametrize(
    ("verb", "address", "body"),
    [
        ("launch", "campaigns/{campaign}/launch/", {}),
        ("test", "campaigns/{campaign}/test/", {"audience": {"all": True}}),
        ("enable", "devices/{device}/enable/", {}),
    ],
)
def test_a_key_needs_the_scope_of_the_same_role(app, draft, verb, address, body):
    path = "/api/v1/" + address.format(campaign=draft.pk, device=Device.objects.first().pk)
    scope = SCOPE_OF_ROLE[Role(VERB_NEEDS[verb][1])]
    others = sorted({*map(str, SCOPE_OF_ROLE.values())} - {scope})

    codes = [
        make_client(app.workspace, scopes=scopes).post(path, body).status_code
        for scopes in (others, ["read", scope])
    ]

    assert codes[0] == 403
    assert codes[1] < 300
