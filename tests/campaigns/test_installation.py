"""An installation knows itself and its keys."""

from __future__ import annotations

import pytest

from campaigns.errors import NotReady
from campaigns.models import Installation
from campaigns.models.access import find_installation
from campaigns.services.installation import (
    PROGRAM_VERSION,
    check_keys,
    check_start,
    check_versions,
    record_versions,
)
from providers import vault

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_an_installation_keeps_its_id():
    first = find_installation()

    second = find_installation()

    assert first.installation_id == second.installation_id
    assert len(first.installation_id) == 32


def test_a_program_starts_on_the_database_it_has_made():
    record_versions()

    check_start()

    assert Installation.objects.count() == 1


def test_what_a_newer_program_has_noted_stays_when_an_older_one_migrates():
    find_installation()
    Installation.objects.update(schema_version=9999, oldest_worker=1)

    record_versions()

    check_versions()
    assert find_installation().schema_version == 9999


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("oldest_worker", PROGRAM_VERSION + 1, "update pushadmin"),
        ("schema_version", 0, "manage.py migrate"),
    ],
)
def test_a_program_that_does_not_fit_the_database_does_not_start(column, value, words):
    record_versions()
    Installation.objects.update(**{column: value})

    with pytest.raises(NotReady, match=words):
        check_versions()


def test_a_start_with_foreign_keys_is_refused(settings):
    settings.VAULT_KEYS = [vault.generate_key()]
    check_keys()
    settings.VAULT_KEYS = [vault.generate_key()]

    with pytest.raises(NotReady, match="not the ones"):
        check_keys()


def test_a_new_key_in_front_of_the_old_one_is_accepted(settings):
    old, new = vault.generate_key(), vault.generate_key()
    settings.VAULT_KEYS = [old]
    check_keys()
    settings.VAULT_KEYS = [new, old]

    check_keys()

    assert set(find_installation().key_fingerprints) == set(vault.fingerprints())
