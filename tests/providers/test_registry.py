"""Vendors are found by looking in the folder."""

from __future__ import annotations

import sys

import pytest

from providers import registry


def test_every_folder_is_a_vendor_and_keys_are_sorted():
    keys = [dialect.key for dialect in registry.all_dialects()]

    assert keys == sorted(keys)
    assert all(registry.get(key).key == key for key in keys)


def test_an_unknown_vendor_is_named():
    with pytest.raises(registry.NoSuchDialect, match="no vendor 'pigeon'"):
        registry.get("pigeon")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "must define DIALECT"),
        ("DIALECT = 'pigeon'", "must define DIALECT"),
        (
            "from providers.contract import Dialect, Limits\n"
            "DIALECT = Dialect(key='dove', label='Dove', limits=Limits(), platforms=frozenset())",
            "calls itself 'dove'",
        ),
    ],
)
def test_a_package_that_is_no_vendor_is_an_error_in_words(tmp_path, monkeypatch, source, words):
    (tmp_path / "pigeon").mkdir()
    (tmp_path / "pigeon" / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pigeon", raising=False)

    with pytest.raises(ImportError, match=words):
        registry.load_dialect("pigeon")
