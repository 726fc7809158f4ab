"""Credentials that end: told two weeks ahead, and nothing is launched with them afterwards."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from campaigns.models import Account
from campaigns.selectors.account_expiry import find_last_day, has_expired
from campaigns.services.preflight import find_problems
from tests.campaigns.test_campaigns import make, served

__all__ = ["make", "served"]
pytestmark = pytest.mark.database
TODAY = date(2026, 11, 20)  # `now` is its noon, UTC


@pytest.mark.parametrize(
    ("days", "code"),
    [
        (-1, "credentials_expired"), (0, "credentials_expire"), (13, "credentials_expire"),
        (14, ""), (300, ""),
    ],
)  # fmt: skip
def test_a_noted_day_is_told_two_weeks_ahead_and_blocks_once_it_is_over(make, now, days, code):
    Account.objects.update(credentials_expire_on=TODAY + timedelta(days=days))

    problems = find_problems(make(), now=now)

    account = Account.objects.get()
    told = [(item.code, item.is_blocking, item.subject) for item in problems]
    assert told == ([(code, days < 0, f"account:{account.pk}")] if code else [])
    assert find_last_day(account) == TODAY + timedelta(days=days)
    assert has_expired(account, now) == (days < 0)


def test_a_day_that_stands_for_never_is_like_any_other(make, now):
    Account.objects.update(credentials_expire_on=date.max)

    account = Account.objects.get()

    assert find_problems(make(), now=now) == ()
    assert (find_last_day(account), has_expired(account, now)) == (date.max, False)


def test_a_certificate_ends_to_the_second_and_the_earlier_end_counts(make, now):
    Account.objects.update(credentials_expire_on=TODAY + timedelta(days=300), certificate_until=now)

    [over] = find_problems(make(), now=now)
    [soon] = find_problems(make(), now=now - timedelta(seconds=1))

    assert (over.code, soon.code) == ("credentials_expired", "credentials_expire")
    assert "20 November 2026" in over.sentence


def test_what_begins_after_the_credentials_end_is_told_of_it_now(make, now):
    Account.objects.update(credentials_expire_on=TODAY + timedelta(days=30))
    campaign = make(send_at="2027-01-20T12:00:00", timezone="UTC")

    problems = find_problems(campaign, now=now)

    assert [(item.code, item.is_blocking) for item in problems] == [("credentials_expire", False)]


def test_an_account_that_the_campaign_does_not_use_is_no_matter_of_it(make, app, now):
    Account.objects.create(
        workspace=app.workspace, name="Other", dialect="sandbox", credentials_expire_on=TODAY
    )

    assert find_problems(make(), now=now) == ()
