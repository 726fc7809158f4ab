"""Credentials at rest."""

from __future__ import annotations

import pytest

from providers import vault
from providers.vault import VaultError

OLD, NEW = vault.generate_key(), vault.generate_key()
CREDENTIALS = {"api_key": "s3cr3t-4711", "user": "я"}


@pytest.fixture(autouse=True)
def vault_keys(settings):
    settings.VAULT_KEYS = [OLD]


def test_credentials_come_back_as_they_went_in():
    ciphertext = vault.encrypt(CREDENTIALS)

    assert vault.decrypt(ciphertext) == CREDENTIALS
    assert "s3cr3t" not in ciphertext


def test_no_credentials_are_an_empty_dict():
    assert vault.decrypt("") == {}


def test_a_new_key_in_front_still_reads_what_the_old_one_wrote(settings):
    ciphertext = vault.encrypt(CREDENTIALS)
    settings.VAULT_KEYS = [NEW, OLD]

    rotated = vault.encrypt(vault.decrypt(ciphertext))

    settings.VAULT_KEYS = [NEW]
    assert vault.decrypt(rotated) == CREDENTIALS


@pytest.mark.parametrize("spoil", [lambda text: text, lambda text: text[:-8], lambda text: "x"])
def test_a_wrong_key_is_an_error_and_never_ciphertext(settings, spoil):
    ciphertext = vault.encrypt(CREDENTIALS)
    settings.VAULT_KEYS = [NEW]

    with pytest.raises(VaultError, match="PUSHADMIN_VAULT_KEYS") as caught:
        vault.decrypt(spoil(ciphertext))

    assert ciphertext not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("keys", [[], ["too short"], [NEW, "ä" * 44]])
def test_missing_and_malformed_keys_are_named(settings, keys):
    settings.VAULT_KEYS = keys

    with pytest.raises(VaultError, match="PUSHADMIN_VAULT_KEYS") as caught:
        vault.encrypt(CREDENTIALS)

    assert "too short" not in str(caught.value)


def test_only_the_last_four_characters_of_a_long_secret_are_shown():
    assert vault.last_four("0123456789abcdef") == "cdef"
    assert vault.last_four("short-one") == ""


def test_fingerprints_tell_keys_apart_and_hide_them(settings):
    settings.VAULT_KEYS = [NEW, OLD]

    assert vault.fingerprints() == (vault.fingerprint(NEW), vault.fingerprint(OLD))
    assert len(set(vault.fingerprints())) == 2
    assert vault.fingerprint(NEW) not in NEW
