"""What the models promise by themselves."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import ChangedMeanwhile, IllegalMove
from campaigns.models import Campaign, Message, Segment
from campaigns.models.audience import pack_version
from campaigns.models.packing import pack_cohorts, pack_ids, unpack_cohorts, unpack_ids
from tests import builders

pytestmark = pytest.mark.database
STATUSES = list(Campaign.Status)


@pytest.fixture
def campaign(app, now):
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="One", message=message, status_since=now,
        created_at=now, created_by="owner", audience={"all": True},
    )  # fmt: skip


@pytest.mark.parametrize(("old", "new"), list(product(STATUSES, STATUSES)))
def test_only_listed_moves_happen(campaign, now, old, new):
    Campaign.objects.filter(pk=campaign.pk).update(status=old)
    campaign.refresh_from_db()

    if new in Campaign.MOVES[old]:
        campaign.move_to(new, actor="owner", now=now)
    else:
        with pytest.raises(IllegalMove):
            campaign.move_to(new, actor="owner", now=now)

    campaign.refresh_from_db()
    assert campaign.status == (new if new in Campaign.MOVES[old] else old)


def test_a_move_that_is_not_listed_is_refused_in_the_words_of_the_pages(campaign, now):
    campaign.move_to("in_review", actor="owner", now=now)

    with pytest.raises(IllegalMove, match=r"What is in review cannot become paused\."):
        campaign.move_to("paused", actor="owner", now=now)


def test_the_second_of_two_movers_is_told(campaign, now):
    late = Campaign.objects.get(pk=campaign.pk)
    campaign.move_to("sending", actor="first", now=now)

    with pytest.raises(ChangedMeanwhile):
        late.move_to("cancelled", actor="second", now=now)

    assert [event.actor for event in campaign.events.all()] == ["first"]


def test_the_database_refuses_a_status_that_nobody_defined(campaign):
    with pytest.raises(IntegrityError):
        Campaign.objects.filter(pk=campaign.pk).update(status="flying")


def test_a_stranger_sees_nothing_of_a_workspace(app, owner, colleague, stranger, campaign):
    Segment.objects.create(app=app, name="All", expression={"and": []})

    seen = {
        user.username: (
            Segment.objects.for_user(user).count(),
            Campaign.objects.for_user(user).count(),
        )
        for user in (owner, colleague, stranger)
    }

    assert seen == {"owner": (1, 1), "colleague": (1, 1), "stranger": (0, 0)}


def test_a_colleague_of_one_app_does_not_see_another(app, colleague):
    builders.make_app(app.workspace, slug="second")

    seen = type(app).objects.for_user(colleague)

    assert list(seen) == [app]


@given(st.lists(st.integers(min_value=1, max_value=2**53), unique=True).map(sorted))
def test_packed_recipients_come_back_in_order(ids):
    assert unpack_ids(pack_ids(ids)) == ids


@given(st.lists(st.integers(min_value=0, max_value=2**31 - 1)))
def test_packed_cohorts_come_back_in_order(cohorts):
    assert list(unpack_cohorts(pack_cohorts(cohorts))) == cohorts


def test_versions_sort_as_numbers_and_not_as_text():
    assert pack_version("2.10.0") > pack_version("2.9.9") > pack_version("2.9")
