"""How many a launch is sent to, told before it: what the freeze then makes of it, never fewer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch import freeze
from campaigns.dispatch.plan import start_campaign
from campaigns.models import Account, Batch, Campaign, Device, Person, Transfer
from campaigns.selectors.addressing import EACH_DEVICE
from campaigns.services.review import Guard, Review, review_campaign
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from providers import registry
from providers.message_fields import Platform
from tests import builders

pytestmark = pytest.mark.database
STATES = ("active", "disabled", "missing")


@pytest.fixture
def shop(app):
    """Four phones, one of whose owner opted out, and three browsers, one of the same owner's."""
    out = Person.objects.create(workspace=app.workspace, opted_out_at=builders.NOW)
    for number in range(4):
        builders.make_device(app, f"phone-{number}", person=None if number else out)
    for number in range(3):
        builders.make_device(app, f"web-{number}", "web", person=None if number else out)
    builders.make_route(app, "android")
    return app


def freeze_all(campaign: Campaign, now: Any) -> int:
    """How many the freeze leaves to be sent to."""
    start_campaign(campaign, actor="ann", now=now)
    freeze.freeze_transfer(Transfer.objects.get(), now=now)
    return Batch.objects.aggregate(count=Sum("count", default=0))["count"]


def review_with_guard(campaign: Campaign, size: int, now: Any) -> Review:
    campaign.app.guard_size = size
    campaign.app.save()
    return review_campaign(Campaign.objects.get(pk=campaign.pk), now=now)


def test_a_platform_that_no_route_serves_is_not_sent_to(shop, now):
    campaign = builders.make_campaign(shop, now)

    above, below = (review_with_guard(campaign, size, now) for size in (2, 3))

    assert (above.total, above.sent_to, above.opted_out) == (7, 3, 2)
    assert (above.guard, below.guard) == (Guard("Shop", 3), None)
    assert freeze_all(campaign, now) == 3


@pytest.mark.parametrize("channel", ["vendor", "own"])
def test_a_platform_that_there_is_no_text_for_is_not_sent_to(shop, now, channel):
    builders.make_route(shop, "web")
    text = {"title": "Hi", "android": {"body": "There"}, "channel": channel}
    campaign = builders.make_campaign(shop, now, text)

    review = review_campaign(campaign, now=now)

    # Whether the app's own channel reaches somebody is known as it is sent.
    assert (review.sent_to, review.most_sent) == (3 if channel == "vendor" else None, 3)
    assert freeze_all(campaign, now) == 3


@pytest.mark.parametrize("is_renewed", [False, True])
def test_whom_the_suppression_list_means_is_known_as_it_is_sent(shop, now, is_renewed):
    """Whose token is another by now is sent to, whoever was meant when the entry was made."""
    entries = [Entry("token", "phone-1")]
    add_suppressions(Place(shop.workspace), entries, Terms(reason="legal"), actor="o", now=now)
    if is_renewed:
        Device.objects.filter(token="phone-1").update(token="phone-new", token_hash=7)

    review = review_with_guard(builders.make_campaign(shop, now), 2, now)

    assert (review.suppressed, review.sent_to, review.most_sent) == (1, None, 3)
    assert review.guard == Guard("Shop", 3, is_exact=False)


def test_an_ended_entry_of_the_suppression_list_leaves_the_count_exact(shop, now):
    terms = Terms(reason="legal", until=now + timedelta(hours=1))
    entry = Entry("token", "phone-1")
    add_suppressions(Place(shop.workspace), [entry], terms, actor="o", now=now)

    later = now + timedelta(hours=2)

    assert review_campaign(builders.make_campaign(shop, now), now=later).sent_to == 3


def list_dialects() -> list[tuple[str, str]]:
    """All that send to Android phones, and each with the option to be told of an audience."""
    found = [one for one in registry.all_dialects() if Platform.ANDROID in one.platforms]
    return [(one.key, name) for one in found for name in dict.fromkeys(("", one.audience_option))]


@pytest.mark.parametrize(("dialect", "option"), list_dialects())
def test_never_fewer_are_told_of_than_are_sent_to(app, now, dialect, option):
    route = builders.make_route(app, "android", dialect=dialect)
    Account.objects.filter(pk=route.account_id).update(options={option: True} if option else {})
    for number, state in enumerate((*STATES, "active")):
        person = builders.make_person(app.workspace, f"p{number}") if number else None
        builders.make_device(app, f"t{number}", token_state=state, person=person)
    Device.objects.filter(token_state="missing").update(token="", token_hash=None)
    if option:  # else it would not be told of an audience
        Device.objects.filter(token_state="disabled").delete()
    campaign = builders.make_campaign(app, now)

    review = review_campaign(campaign, now=now)
    sent = freeze_all(campaign, now)

    assert review.sent_to in (None, sent)
    assert review.most_sent >= sent
    if registry.get(dialect).limits.addressing & EACH_DEVICE and not option:
        assert review.most_sent <= review.total - review.tokenless


def test_an_audience_is_not_counted_once_more_for_it(shop, now):
    campaign = builders.make_campaign(shop, now)
    with CaptureQueriesContext(connection) as few:
        review_campaign(campaign, now=now)
    builders.make_route(shop, "web")
    with CaptureQueriesContext(connection) as all_served:
        review_campaign(campaign, now=now)

    assert len(count_looks(few)) == len(count_looks(all_served))


def count_looks(asked: CaptureQueriesContext) -> list[str]:
    """Queries that count devices."""
    return [one["sql"] for one in asked if "COUNT(" in one["sql"] and "_device" in one["sql"]]
