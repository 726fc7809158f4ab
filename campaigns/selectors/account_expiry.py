"""Until when an account's credentials are good: as its certificate says, or as somebody noted."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from campaigns.models import Account

SOON = timedelta(days=14)  # so long before it one is told of it


def find_expiry(account: Account) -> datetime | None:
    """The earlier one of the two; a day that was noted counts to its end, in UTC."""
    noted = account.credentials_expire_on
    # Not the midnight after it: 31 December 9999, by which people mean never, has none.
    end = datetime.combine(noted, time.max, UTC) if noted else None
    return min(filter(None, (end, account.certificate_until)), default=None)


def find_last_day(account: Account) -> date | None:
    """The day on which they end, in UTC."""
    until = find_expiry(account)
    return name_day(until) if until else None


def name_day(until: datetime) -> date:
    """The last day of what ends then: midnight is the end of the day before."""
    return (until - timedelta.resolution).date()


def has_expired(account: Account, now: datetime) -> bool:
    """Whether its vendor takes the credentials no more."""
    until = find_expiry(account)
    return until is not None and until <= now


def expires_soon(account: Account, now: datetime) -> bool:
    """Whether they end within two weeks, or have ended."""
    until = find_expiry(account)
    return until is not None and until <= now + SOON
