"""Whether this program may run on this database: versions, and the keys it was set up with."""

from __future__ import annotations

import logging
import pkgutil
import time
from collections.abc import Mapping
from types import MappingProxyType

from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from campaigns import migrations
from campaigns.errors import NotReady, Refused
from campaigns.models import Installation
from campaigns.models.access import find_installation
from providers import vault

logger = logging.getLogger(__name__)
# One more with each release; 1 is the program of the first schema.
PROGRAM_VERSION = 2
# The oldest program that this release's schema lets run beside it. Raised by the release that
# takes away what an older one needs.
OLDEST_WORKER = 1
AFTER_DATABASE_ERROR = 1.0


def find_newest_migration() -> int:
    """The schema that this program needs: the number of its newest migration."""
    names = [module.name for module in pkgutil.iter_modules(migrations.__path__)]
    return max(int(name[:4]) for name in names)


def record_versions() -> None:
    """Note what the database has just been migrated to, and who may run on it from now on."""
    installation = find_installation()
    Installation.objects.filter(pk=installation.pk).update(
        schema_version=max(installation.schema_version, find_newest_migration()),
        oldest_worker=max(installation.oldest_worker, OLDEST_WORKER),
    )


def check_versions() -> None:
    """Raise NotReady where this program is too old for the database, or too new for it."""
    installation = find_installation()
    if installation.oldest_worker > PROGRAM_VERSION:
        raise NotReady(_("This program is older than the database allows: update pushadmin here."))
    if installation.schema_version < find_newest_migration():
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


def check_start() -> None:
    """Raise NotReady with a sentence where no process of this program may run here."""
    if Installation._meta.db_table not in connection.introspection.table_names():
        raise NotReady(_("The database is empty: run manage.py migrate."))
    check_versions()
    check_keys()


def start_or_exit(*, needs: Mapping[str, str] = MappingProxyType({})) -> None:
    """End this process with a sentence where it may not run, or where a setting it needs is empty.

    A database that is away is waited for.
    """
    for name, value in needs.items():
        if not value:
            raise SystemExit(_("%(name)s is not set, and this process needs it.") % {"name": name})
    try:
        while not may_start():
            time.sleep(AFTER_DATABASE_ERROR)
    except Refused as refusal:
        raise SystemExit(refusal.message) from refusal


def may_start() -> bool:
    """False when the database did not say; raises NotReady where it says no."""
    try:
        check_start()
    except DatabaseError as error:
        logger.warning("The database did not answer (%s).", error)
        return False
    finally:
        connection.close()
    return True
