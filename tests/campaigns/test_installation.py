"""An installation knows itself and its keys."""

from __future__ import annotations

import pytest

from campaigns.errors import NotReady
from campaigns.services.installation import check_keys, find_installation
from providers import vault

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_an_installation_keeps_its_id():
    first = find_installation()

    second = find_installation()

    assert first.installation_id == second.installation_id
    assert len(first.installation_id) == 32


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
