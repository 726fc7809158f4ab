"""This installation: its id, which loops are refused by, and the keys it was set up with."""

from __future__ import annotations

import secrets

from django.utils.translation import gettext as _

from campaigns.errors import NotReady
from campaigns.models import Installation
from providers import vault


def find_installation() -> Installation:
    """The one row, made when it is first asked for."""
    fresh = {"installation_id": secrets.token_hex(16)}
    installation, _is_new = Installation.objects.get_or_create(pk=1, defaults=fresh)
    return installation


def check_keys() -> None:
    """Compare the vault's keys with those of the last start, and remember these.

    Raises NotReady when none of the keys is known here: credentials could not be read, and
    what is saved now could not be read by the other hosts.
    """
    installation = find_installation()
    known = set(installation.key_fingerprints)
    current = list(vault.fingerprints())
    if known and not known & set(current):
        raise NotReady(
            _(
                "The keys in PUSHADMIN_VAULT_KEYS are not the ones this database was set up with. "
                "Restore the old key, or put it behind the new one."
            )
        )
    if set(current) != known:
        Installation.objects.filter(pk=1).update(key_fingerprints=current)
