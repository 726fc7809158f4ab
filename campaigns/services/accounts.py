"""Accounts at vendors: kept with encrypted credentials, tried at the vendor on request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, Invalid
from campaigns.models import Account
from campaigns.selectors.browsers import find_test_browser
from campaigns.services.access import record_audit
from providers import checks, registry, vault
from providers.limits import find_limit_faults
from providers.outbound import AccountConfig, CheckResult


def save_account(
    account: Account,
    credentials: Mapping[str, str],
    *,
    fields: Iterable[str] = (),
    actor: str,
    now: datetime,
) -> Account:
    """Keep an account with these credentials, encrypted; `fields` are the names that changed. What
    its vendor wants of secrets of our own is made where it is missing.

    What was checked before says nothing about new values, so its health becomes unknown. Raises
    Invalid when its own limits are none, or higher than the vendor's.
    """
    _refuse_limits(account)
    is_new = account.pk is None
    complete = _complete(account, credentials)
    account.credentials = vault.encrypt(complete)
    account.certificate_until = _read_expiry(account, complete)
    account.health, account.health_words, account.checked_at = Account.Health.UNKNOWN, "", None
    with transaction.atomic():
        account.save()
        verb = "add" if is_new else "change"
        record_audit(actor, verb, account, workspace=account.workspace, fields=fields, now=now)
    return account


def _complete(account: Account, credentials: Mapping[str, str]) -> dict[str, str]:
    make = registry.get(account.dialect).make_credentials
    filled = {name: text for name, text in credentials.items() if text}
    missing = make is not None and not make().keys() <= filled.keys()
    return {**make(), **filled} if make and missing else dict(credentials)


def _read_expiry(account: Account, credentials: Mapping[str, str]) -> datetime | None:
    find = registry.get(account.dialect).find_expiry
    return find(credentials) if find else None


def _refuse_limits(account: Account) -> None:
    faults = find_limit_faults(registry.get(account.dialect).limits, account.limits)
    if faults:
        fields = {f"limits.{name}".rstrip("."): fault for name, fault in faults.items()}
        name, fault = next(iter(fields.items()))
        raise Invalid(_("%(name)s: %(fault)s") % {"name": name, "fault": fault}, fields=fields)


def check_account(account: Account, *, actor: str, now: datetime) -> CheckResult:
    """Ask the vendor, outside any transaction, and keep what it said in its own words; where it
    said nothing of the account, what was known of it stays. Raises ChangedMeanwhile."""
    result = _ask_vendor(account)
    record_audit(actor, "check", account, workspace=account.workspace, now=now)
    if not result.is_heard:
        return result
    health = Account.Health.GOOD if result.is_good else Account.Health.BAD
    words = result.words[:500]
    until = _read_expiry(account, find_credentials(account) or {})
    # Of the credentials that were asked about: others may have been saved meanwhile.
    same = Account.objects.filter(pk=account.pk, credentials=account.credentials)
    if not same.update(health=health, health_words=words, checked_at=now, certificate_until=until):
        raise ChangedMeanwhile(_("The account was changed while it was checked. Check again."))
    account.health, account.health_words, account.checked_at = health, words, now
    account.certificate_until = until
    return result


def find_credentials(account: Account) -> dict[str, str] | None:
    """What is kept, in clear; None when no key of ours decrypts it, so it must be entered again."""
    try:
        return vault.decrypt(account.credentials)
    except vault.VaultError:
        return None


def _ask_vendor(account: Account) -> CheckResult:
    try:
        credentials = vault.decrypt(account.credentials)
    except vault.VaultError as error:
        return CheckResult(False, str(error))
    dialect = registry.get(account.dialect)
    config = AccountConfig(
        public_id=account.public_id,
        credentials=credentials,
        base_urls=account.base_urls,
        options=account.options,
        test_browser=find_test_browser(account) if dialect.find_browser_key else "",
    )
    return checks.check_account(dialect, config)
