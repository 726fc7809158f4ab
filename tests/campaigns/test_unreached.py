"""Who gets nothing, told before it is sent: as the freeze decides, and nobody left blocks."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch import freeze
from campaigns.dispatch.plan import start_campaign
from campaigns.dispatch.routes import find_reach
from campaigns.errors import NotReady
from campaigns.models import Account, Campaign, Counter, Device, DeviceIdentifier, Person, Transfer
from campaigns.selectors.addressing import EACH_DEVICE
from campaigns.selectors.audience import Audience, AudienceKind
from campaigns.selectors.routes import Way
from campaigns.services import campaigns
from campaigns.services.forecast import count_reach
from campaigns.services.preflight import find_problems
from campaigns.services.review import review_campaign
from campaigns.services.scenarios import ScenarioValues, create_scenario
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from campaigns.services.unreached import (
    find_needs,
    find_served,
    look_for_somebody,
    write_needs,
)
from providers import registry
from providers.message_fields import Platform
from tests import builders

pytestmark = pytest.mark.database
EVERYBODY = Audience(AudienceKind.ALL)
UNREACHED = ("no_token", "left_out", "nobody_left")
STATES = ("active", "disabled", "missing")


@pytest.fixture
def phones(app):
    return [builders.make_device(app, f"token-{number}") for number in range(3)]


@pytest.fixture
def routed(app, phones):
    builders.make_route(app, "android")
    return app


def tell(campaign: Campaign, now: Any) -> dict[str, str]:
    """What is told of who gets nothing, by its code; what blocks stands in capitals."""
    told = [one for one in find_problems(campaign, now=now) if one.code in UNREACHED]
    return {one.code.upper() if one.is_blocking else one.code: one.sentence for one in told}


def lose(app: Any, *, disabled: tuple[int, ...] = (), out: tuple[int, ...] = ()) -> None:
    """Disabled tokens, and people who opted out, by the numbers of their phones."""
    person = Person.objects.create(workspace=app.workspace, opted_out_at=builders.NOW)
    names = {
        "disabled": [f"token-{one}" for one in disabled],
        "out": [f"token-{one}" for one in out],
    }
    Device.objects.filter(token__in=names["disabled"]).update(token_state="disabled")
    Device.objects.filter(token__in=names["out"]).update(person=person)


def suppress(app: Any, number: int, now: Any) -> None:
    entry = Entry("token", f"token-{number}")
    add_suppressions(Place(app.workspace), [entry], Terms(reason="legal"), actor="o", now=now)


def test_where_all_are_reached_nothing_is_told(routed, now):
    assert tell(builders.make_campaign(routed, now), now) == {}


def test_nobody_with_a_token_that_works_blocks_and_is_not_launched(routed, owner, now):
    lose(routed, disabled=(0, 1, 2))
    campaign = builders.make_campaign(routed, now)

    told = tell(campaign, now)

    assert set(told) == {"NOBODY_LEFT", "no_token"}
    assert told["no_token"].startswith("3 of 3 devices of Shop have no token that works")
    with pytest.raises(NotReady) as refusal:
        campaigns.launch_campaign(campaign, actor="ann", now=now)
    assert refusal.value.code == "nobody_left"


def test_some_without_a_token_are_told_and_nothing_is_held_up(routed, now):
    lose(routed, disabled=(0,))
    Device.objects.filter(token="token-1").update(token_state="missing", token="", token_hash=None)

    told = tell(builders.make_campaign(routed, now), now)

    assert told == {
        "no_token": "2 of 3 devices of Shop have no token that works: they get nothing."
    }


@pytest.mark.parametrize(
    ("disabled", "out", "suppressed", "is_nobody"),
    [
        ((), (0, 1, 2), None, True),
        ((0,), (1,), 2, True),
        ((0, 1), (0, 1), None, False),  # four counted, and one is left
        ((0, 1), (1, 2), None, True),
    ],
)
def test_who_opted_out_or_is_suppressed_is_nobody_to_send_to(
    routed, now, disabled, out, suppressed, is_nobody
):
    lose(routed, disabled=disabled, out=out)
    if suppressed is not None:
        suppress(routed, suppressed, now)
    campaign = builders.make_campaign(routed, now)

    assert ("NOBODY_LEFT" in tell(campaign, now)) is is_nobody
    message = campaign.message.read()
    needs = write_needs(find_needs(routed, message))
    served = find_served(routed, message)
    assert look_for_somebody(routed, EVERYBODY, platforms=served, needs=needs) is not is_nobody


def test_who_is_left_on_a_platform_without_a_route_is_nobody_to_send_to(routed, now):
    lose(routed, disabled=(0, 1))
    Device.objects.filter(token="token-2").update(platform="web")
    campaign = builders.make_campaign(routed, now)
    assert "NOBODY_LEFT" in tell(campaign, now)

    builders.make_route(routed, "web")

    assert "NOBODY_LEFT" not in tell(campaign, now)


def test_of_an_app_without_any_route_only_that_is_told(routed, now):
    routed.routes.all().delete()

    assert "NOBODY_LEFT" not in tell(builders.make_campaign(routed, now), now)


OPTED_OUT = "1 device is left out because its person opted out"
SUPPRESSED = "1 device is left out because it is on the suppression list"


@pytest.mark.parametrize(
    ("out", "suppressed", "words"),
    [
        ((0,), None, f"Of this audience {OPTED_OUT}."),
        ((), 1, f"Of this audience {SUPPRESSED}."),
        ((0,), 1, f"Of this audience {OPTED_OUT}, and {SUPPRESSED}."),
        ((0, 2), None, "Of this audience 2 devices are left out because their persons opted out."),
    ],
)
def test_who_is_left_out_is_told_without_a_half_that_is_nobody(routed, now, out, suppressed, words):
    lose(routed, out=out)
    if suppressed is not None:
        suppress(routed, suppressed, now)

    assert tell(builders.make_campaign(routed, now), now)["left_out"] == words


def test_the_apps_own_channel_needs_no_token(routed, now):
    lose(routed, disabled=(0, 1, 2))
    content = builders.CONTENT | {"channel": "own"}

    assert tell(builders.make_campaign(routed, now, content), now) == {}


def test_whom_a_push_does_not_reach_a_later_step_may(routed, now):
    lose(routed, disabled=(0, 1, 2))
    steps = [{"channel": "push", "wait": 60}, {"channel": "sms"}]
    values = ScenarioValues("Ladder", steps)
    scenario = create_scenario(routed.workspace, values, actor="ann", now=now)
    content = builders.CONTENT | {"sms": {"body": "Hi"}}

    told = tell(builders.make_campaign(routed, now, content, scenario=scenario), now)

    assert set(told) == {"no_token"}


def test_of_several_apps_one_with_somebody_is_enough(routed, now):
    lose(routed, disabled=(0, 1, 2))
    other = builders.make_app(routed.workspace, "depot")
    builders.make_route(other, "android")
    builders.make_device(other, "other")
    both = routed.workspace.app_groups.create(name="Both")
    both.apps.set([routed, other])
    campaign = builders.make_campaign(routed, now)
    Campaign.objects.filter(pk=campaign.pk).update(app=None, app_group=both)

    told = tell(Campaign.objects.get(pk=campaign.pk), now)

    assert set(told) == {"no_token"}
    assert "3 of 3 devices of Shop" in told["no_token"]


def list_dialects() -> list[str]:
    """Those that send to Android phones one by one."""
    found = [one for one in registry.all_dialects() if Platform.ANDROID in one.platforms]
    return [one.key for one in found if one.limits.addressing & EACH_DEVICE]


@pytest.mark.parametrize("dialect", list_dialects())
def test_as_many_are_told_of_as_the_freeze_leaves_out_for_want_of_a_token(app, now, dialect):
    """Of each state of a token one device with another id, and one without."""
    way = find_reach(
        Way(builders.make_route(app, "android", dialect=dialect), registry.get(dialect)), "android"
    )
    for number, state in enumerate((*STATES, *STATES)):
        device = builders.make_device(app, f"t{number}", token_state=state)
        for kind in way.id_kinds[:1] if number < len(STATES) else ():
            DeviceIdentifier.objects.create(
                app=app, device=device, kind=kind, value=str(number), value_hash=number
            )
    Device.objects.filter(token_state="missing").update(token="", token_hash=None)
    campaign = builders.make_campaign(app, now)

    told, review = tell(campaign, now), review_campaign(campaign, now=now)
    start_campaign(campaign, actor="ann", now=now)
    freeze.freeze_transfer(Transfer.objects.get(), now=now)

    skipped = Counter.objects.filter(reason="no_token").values_list("count", flat=True)
    assert told["no_token"].startswith(f"{sum(skipped)} of 6 devices")
    assert review.tokenless == sum(skipped)


def test_who_is_lost_for_several_reasons_is_lost_once(routed, now):
    lose(routed, disabled=(0, 1), out=(1,))
    suppress(routed, 1, now)

    review = review_campaign(builders.make_campaign(routed, now), now=now)

    assert (review.tokenless, review.opted_out, review.suppressed) == (2, 1, 1)
    assert (review.total, review.sent_to, review.most_sent) == (3, None, 1)


def list_forgiving() -> list[str]:
    """Those of them that take another id where a token is missing."""
    found = [
        (one, find_reach(Way(Account(), registry.get(one)), "android")) for one in list_dialects()
    ]
    return [one for one, reach in found if reach.token_kind and reach.id_kinds]


@pytest.mark.parametrize("dialect", list_forgiving())
def test_devices_without_any_id_are_looked_for_once(app, now, dialect):
    builders.make_route(app, "android", dialect=dialect)
    builders.make_device(app, "a", token_state="missing")
    builders.make_device(app, "b")
    campaign = builders.make_campaign(app, now)

    with CaptureQueriesContext(connection) as asked:
        review = review_campaign(campaign, now=now)

    told = {one.code: one.sentence for one in review.problems}["no_token"]
    looks = [one["sql"] for one in asked if "EXISTS" in one["sql"] and "COUNT(*)" in one["sql"]]
    assert (review.tokenless, told[:6]) == (1, "1 of 2")
    assert len([sql for sql in looks if "campaigns_deviceidentifier" in sql]) == 1


def test_an_exact_count_and_a_quick_one_tell_the_same(routed, now):
    lose(routed, disabled=(0,), out=(1,))
    campaign = builders.make_campaign(routed, now)

    [exact], [quick] = count_reach(campaign), count_reach(campaign, is_bounded=True)

    assert exact.unusable == quick.unusable == {("android", "disabled"): 1}
    assert (exact.opted_out, quick.opted_out) == (0, 1)
