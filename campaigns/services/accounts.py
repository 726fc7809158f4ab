"""Accounts at vendors: kept with encrypted credentials, tried at the vendor on request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from campaigns.models import Account
from campaigns.services.access import record_audit
from providers import checks, registry, vault
from providers.contract import AccountConfig, CheckResult


def save_account(
    account: Account,
    credentials: Mapping[str, str],
    *,
    fields: Iterable[str] = (),
    actor: str,
    now: datetime,
) -> Account:
    """Keep an account with these credentials, encrypted; `fields` are the names that changed.

    What was checked before says nothing about new values, so its health becomes unknown.
    """
    is_new = account.pk is None
    account.credentials = vault.encrypt(credentials)
    account.health, account.health_words, account.checked_at = Account.Health.UNKNOWN, "", None
    with transaction.atomic():
        account.save()
        verb = "add" if is_new else "change"
        record_audit(actor, verb, account, workspace=account.workspace, fields=fields, now=now)
    return account


def check_account(account: Account, *, actor: str, now: datetime) -> CheckResult:
    """Ask the vendor, outside any transaction, and keep what it said in its own words."""
    result = checks.check_account(registry.get(account.dialect), _configure(account))
    health = Account.Health.GOOD if result.is_good else Account.Health.BAD
    words = result.words[:500]
    with transaction.atomic():
        Account.objects.filter(pk=account.pk).update(
            health=health, health_words=words, checked_at=now
        )
        record_audit(actor, "check", account, workspace=account.workspace, now=now)
    account.health, account.health_words, account.checked_at = health, words, now
    return result


def mask_credentials(account: Account) -> dict[str, str]:
    """The last four characters of each secret that is long enough, by field name."""
    kept = vault.decrypt(account.credentials)
    return {name: vault.last_four(value) for name, value in kept.items()}


def _configure(account: Account) -> AccountConfig:
    return AccountConfig(
        public_id=account.public_id,
        credentials=vault.decrypt(account.credentials),
        base_urls=account.base_urls,
        options=account.options,
    )
