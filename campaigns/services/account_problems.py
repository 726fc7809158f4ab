"""What stands against a campaign because an account's credentials end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import Account, App
from campaigns.selectors.account_expiry import SOON, find_expiry, name_day
from campaigns.selectors.routes import find_first_ways
from campaigns.services.messages import Problem


def find_expiry_problems(
    ways: Iterable[tuple[App, Iterable[str]]], starts_at: datetime | None, now: datetime
) -> Iterator[Problem]:
    """Of the account that each app uses for each of its platforms and channels, told once.

    `starts_at` is when the campaign begins, None for at once. Credentials that have ended block;
    those that end within two weeks, or before it begins, are told of.
    """
    accounts: dict[int, Account] = {}
    for app, names in ways:
        first = find_first_ways(app)
        accounts |= {first[name].account.pk: first[name].account for name in names if name in first}
    for account in accounts.values():
        until = find_expiry(account)
        if until is None or until > max(now + SOON, starts_at or now):
            continue
        is_over = until <= now
        words = (
            _("The credentials of %(account)s ended on %(day)s. Enter new ones and their day.")
            if is_over
            else _("The credentials of %(account)s end on %(day)s. Enter new ones before that.")
        )
        yield Problem(
            code="credentials_expired" if is_over else "credentials_expire",
            field="audience",
            sentence=words
            % {"account": account.name, "day": date_format(name_day(until), "j F Y")},
            is_blocking=is_over,
            subject=f"account:{account.pk}",
        )
