"""Tries an account at its vendor with a harmless call and says what came back."""

from __future__ import annotations

from django.utils.translation import gettext as _

from providers.contract import Dialect
from providers.outbound import AccountConfig, CheckResult
from providers.outcomes import Failure


def check_account(dialect: Dialect, account: AccountConfig) -> CheckResult:
    """Connect and ask. Never raises; a failure's words are the vendor's own where it has any."""
    missing = _find_missing(dialect, account)
    if missing:
        return CheckResult(False, _("Fill in first: %(fields)s.") % {"fields": ", ".join(missing)})
    if dialect.connect is None:
        return CheckResult(False, _("Nothing can be sent through this vendor."))
    try:
        return dialect.connect(account).check()
    except Failure as failure:
        return CheckResult.of_failure(failure)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        # Whatever is wrong here is in the account's values, which the text must not repeat.
        return CheckResult(False, _("The account's values cannot be used. Enter them again."))


def _find_missing(dialect: Dialect, account: AccountConfig) -> list[str]:
    return [
        _(spec.label)
        for spec in dialect.credentials
        if spec.required and not account.credentials.get(spec.name)
    ]
