"""Browser tests take the lighter Chromium where there is one, and any other where there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chromium import LIGHT, find_chromium, find_whole_chromium, get_chromium

# Knows each package that has a file beside it, and installs the one that is asked for.
APT = """#!/bin/sh
echo "$*" >> "${0%/*}/asked"
for name in "$@"; do
  if [ -e "${0%/*}/known-$name" ]; then /bin/cp -p "$0" "${0%/*}/$name"; exit 0; fi
done
[ "$1" = update ]
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH: a machine with nothing but a shell and packages to install."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "sh").symlink_to("/bin/sh")
    put(tmp_path, "apt-get")
    return tmp_path


def put(machine: Path, name: str) -> None:
    (machine / name).write_text(APT)
    (machine / name).chmod(0o755)


def test_what_is_given_comes_before_the_lighter_one_and_that_before_any_other(machine, monkeypatch):
    put(machine, "chromium")
    put(machine, LIGHT)
    found = find_chromium(), find_whole_chromium()
    monkeypatch.setenv("CHROMIUM", "/elsewhere/chrome")

    assert found == (str(machine / LIGHT), str(machine / "chromium"))
    assert {find_chromium(), find_whole_chromium()} == {"/elsewhere/chrome"}


@pytest.mark.parametrize("has_one", [True, False])
@pytest.mark.parametrize("known", [["chromium", LIGHT], ["chromium"]])
def test_the_lighter_one_is_installed_where_there_is_such_a_package(machine, has_one, known):
    for name in known:
        (machine / f"known-{name}").touch()
    if has_one:
        put(machine, "chromium")

    assert get_chromium(may_install=True) == 0

    assert find_chromium() == str(machine / known[-1])
    assert find_whole_chromium() == str(machine / "chromium")


def test_nothing_is_installed_where_one_is_given_or_it_is_not_allowed(machine, monkeypatch, capsys):
    without = get_chromium(may_install=False)
    monkeypatch.setenv("CHROMIUM", "/elsewhere/chrome")

    assert (without, get_chromium(may_install=True)) == (1, 0)
    assert "sudo sh -c 'apt-get update" in capsys.readouterr().out
    assert not (machine / "asked").exists()
