"""Whether this program may run on this database: versions, and the keys it was set up with."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import NotReady
from campaigns.models import Installation
from campaigns.models.access import find_installation
from providers import vault

# Raised by a release that cannot run beside older ones, or that needs a newer schema.
PROGRAM_VERSION = 1
NEEDED_SCHEMA = 1


def check_versions() -> None:
    """Raise NotReady where this program is too old for the database, or too new for it."""
    installation = find_installation()
    if installation.oldest_worker > PROGRAM_VERSION:
        raise NotReady(_("This program is older than the database allows: update pushadmin here."))
    if installation.schema_version < NEEDED_SCHEMA:
        raise NotReady(_("The database is older than this program: run manage.py migrate."))


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
