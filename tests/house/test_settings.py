"""Settings come from the environment, and what is wrong there stops the start with a sentence."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pushadmin.checks import find_sqlite_faults
from pushadmin.environment import SQLITE_OPTIONS

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own and print a few."""
    code = (
        "import django; django.setup(); from django.conf import settings as s;"
        "print(s.ALLOWED_HOSTS, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.DEBUG,"
        "repr(s.METRICS_TOKEN))"
    )
    clean = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "pushadmin.settings"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        check=False,
        env={**clean, "PUSHADMIN_VAR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_setting_of_the_environment_is_in_the_example_and_no_other():
    sources = [ROOT / "pushadmin/settings.py"]
    read = {
        name
        for source in sources
        for name in re.findall(r'(?:env\.\w+|read_\w+)\(\s*"([A-Z][A-Z_]+)"', source.read_text())
    }

    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert read
    assert listed == read


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PUSHADMIN_URL": "http://push.example.org"}, "plain http on push.example.org"),
        ({"PUSHADMIN_URL": "push.example.org"}, "must look like https://"),
        ({"PUSHADMIN_DEBUG": "perhaps"}, "PUSHADMIN_DEBUG must be true or false"),
        ({"PUSHADMIN_DEBUG": "1", "PUSHADMIN_URL": "https://push.example.org"}, "loopback"),
        ({"PUSHADMIN_PORT": "eighty"}, "PUSHADMIN_PORT must be a whole number"),
        ({"PUSHADMIN_PORT": "--80"}, "PUSHADMIN_PORT must be a whole number"),
        ({"PUSHADMIN_URL": "https://[::1"}, "PUSHADMIN_URL cannot be read"),
        ({"DATABASE_URL": "postgres://u:p@db:port/x"}, "DATABASE_URL cannot be read"),
        ({"PUSHADMIN_PORT": "70000"}, "from 1 to 65535"),
        ({"PUSHADMIN_MAIL_URL": "mail.shop.example"}, "must look like smtp+tls://"),
        ({"DATABASE_URL": "mysql://u:p@h/n"}, "sqlite:// or a postgres://"),
        ({"DATABASE_URL": "postgres://u:p@127.0.0.1/n"}, "SECRET_KEY is not set"),
        (
            {"DATABASE_URL": "postgres://u:p@127.0.0.1/n", "SECRET_KEY": KEY},
            "PUSHADMIN_VAULT_KEYS is not set",
        ),
        ({"PUSHADMIN_LOG_LEVEL": "loud"}, "PUSHADMIN_LOG_LEVEL"),
        (
            {"PUSHADMIN_LEASE_SECONDS": "43"},
            "PUSHADMIN_LEASE_SECONDS must be a whole number from 44",
        ),
        (
            {"PUSHADMIN_LEASE_SECONDS": "60", "PUSHADMIN_CALL_SECONDS": "30"},
            "PUSHADMIN_LEASE_SECONDS must be a whole number from 64",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(tmp_path, environment, sentence):
    process = start(tmp_path, **environment)

    assert process.returncode != 0
    assert sentence in process.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "PUSHADMIN_BROKER_URL"])
@pytest.mark.parametrize("password", ["s3cr3t/", "s3cr3t?", "s3cr3t/99999"])
def test_an_address_with_a_raw_password_stops_the_start_and_is_not_shown(tmp_path, name, password):
    kind = "postgres" if name == "DATABASE_URL" else "redis"
    given = {"DATABASE_URL": "postgres://u@db/x", "SECRET_KEY": KEY, "PUSHADMIN_VAULT_KEYS": KEY}

    process = start(tmp_path, **{**given, name: f"{kind}://u:{password}@host:6379/0"})

    assert process.returncode != 0
    assert f"{name} cannot be read" in process.stderr
    assert "s3cr3t" not in process.stderr


def test_the_defaults_are_safe_and_local(tmp_path):
    process = start(tmp_path)

    assert (
        process.stdout.strip()
        == "['127.0.0.1', '127.0.0.1', 'localhost', '[::1]'] False 0 False ''"
    )


def test_the_example_as_it_stands_is_a_working_environment(tmp_path):
    lines = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)

    process = start(tmp_path, **{k: v for k, v in lines if k != "PUSHADMIN_VAR"})

    assert process.returncode == 0, process.stderr


def test_https_switches_on_redirect_and_hsts(tmp_path):
    process = start(tmp_path, PUSHADMIN_URL="https://push.example.org")

    assert process.stdout.strip() == "['push.example.org', '127.0.0.1'] True 31536000 False ''"


def test_generated_keys_are_private_and_stay(tmp_path):
    start(tmp_path)
    first = (tmp_path / "secret.key").read_text()
    start(tmp_path)

    mode = stat.S_IMODE((tmp_path / "secret.key").stat().st_mode)

    assert mode == 0o600
    assert (tmp_path / "secret.key").read_text() == first
    assert (tmp_path / "vault.key").read_text() != first


def test_a_key_may_come_from_a_file(tmp_path):
    (tmp_path / "given").write_text("from-a-file-that-is-long-enough")

    process = start(tmp_path, SECRET_KEY_FILE=str(tmp_path / "given"))

    assert process.returncode == 0, process.stderr
    assert not (tmp_path / "secret.key").exists()


def test_the_line_end_of_a_token_file_is_no_part_of_the_token(tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cr3t\n")

    process = start(tmp_path, PUSHADMIN_METRICS_TOKEN_FILE=str(file))

    assert process.stdout.endswith(" 's3cr3t'\n")


@pytest.mark.parametrize("missing", sorted(SQLITE_OPTIONS))
def test_sqlite_without_an_option_is_refused(missing):
    options = {name: value for name, value in SQLITE_OPTIONS.items() if name != missing}

    faults = find_sqlite_faults({"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options})

    assert [fault.id for fault in faults] == ["pushadmin.E001"]


def test_sqlite_with_every_option_is_accepted():
    faults = find_sqlite_faults({"ENGINE": "django.db.backends.sqlite3", "OPTIONS": SQLITE_OPTIONS})

    assert faults == []
