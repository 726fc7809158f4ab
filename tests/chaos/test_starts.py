"""What may not run ends with a sentence, whichever process it is."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, load_command_class

from tests.hosts import WEB, WORKER
from tests.installation import Installation

MANAGE = [sys.executable, "manage.py"]
OWN_LOOP = {
    "up": [*MANAGE, "up"],
    "worker": [*MANAGE, "dispatch"],
    "scheduler": [*MANAGE, "dispatch", "--scheduler"],
    "web": WEB,
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Installation:
    """A migrated SQLite installation."""
    machine = Installation(tmp_path_factory.mktemp("machine"))
    machine.take_tables(migrated)
    return machine


def change_installation(machine: Installation, **columns: int) -> None:
    with sqlite3.connect(machine.folder / "pushadmin.sqlite3") as database:
        for name, value in columns.items():
            database.execute(f"UPDATE campaigns_installation SET {name} = ?", [value])


@pytest.fixture
def outdated(machine: Installation) -> Iterator[Installation]:
    """A database that a much newer program has been migrated to."""
    change_installation(machine, oldest_worker=99)
    yield machine
    change_installation(machine, oldest_worker=1)


@pytest.mark.some(2)
@pytest.mark.parametrize("name", OWN_LOOP)
def test_a_program_older_than_the_database_allows_does_not_start(name, outdated):
    code, words = outdated.try_to_start(OWN_LOOP[name])

    assert code != 0
    assert "This program is older than the database allows: update pushadmin here." in words


@pytest.mark.parametrize("name", ["up", "worker"])
def test_nothing_starts_on_an_empty_database(name, tmp_path):
    code, words = Installation(tmp_path).try_to_start(OWN_LOOP[name])

    assert code != 0
    assert "The database is empty: run manage.py migrate." in words


@pytest.mark.parametrize("command", [OWN_LOOP["up"], WORKER], ids=["up", "celery worker"])
def test_a_broker_with_sqlite_stops_the_start(command, machine):
    broker = "redis://127.0.0.1:6379/0"

    code, words = machine.try_to_start(command, PUSHADMIN_BROKER_URL=broker)

    assert code != 0
    assert "PUSHADMIN_BROKER_URL is for many hosts, and SQLite is for one" in words


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"PUSHADMIN_BROKER_URL": "kafka://127.0.0.1/0"}, "with one of the schemes amqp, amqps"),
        ({"PUSHADMIN_BROKER_URL": "redis:///0"}, "must look like redis://host:6379/0"),
        ({"PUSHADMIN_LEASE_SECONDS": "20"}, "PUSHADMIN_LEASE_SECONDS must be a whole number from"),
        ({"PUSHADMIN_CALL_SECONDS": "0"}, "PUSHADMIN_CALL_SECONDS must be a whole number from 1"),
        ({"PUSHADMIN_KEEP_RECEIPTS": "0"}, "PUSHADMIN_KEEP_RECEIPTS must be a whole number from 1"),
        ({"PUSHADMIN_KEEP_EXCHANGES": "-3"}, "PUSHADMIN_KEEP_EXCHANGES must be a whole number"),
        ({"PUSHADMIN_KEEP_IDEMPOTENCY": "0"}, "PUSHADMIN_KEEP_IDEMPOTENCY must be a whole number"),
    ],
)
def test_absurd_settings_stop_the_start_with_a_sentence(changes, sentence, machine):
    code, words = machine.try_to_start(OWN_LOOP["up"], **changes)

    assert code != 0
    assert sentence in words
    assert "secret" not in words


def test_an_absurd_number_of_workers_stops_the_start(machine):
    code, words = machine.try_to_start([*OWN_LOOP["up"], "--workers", "65"])

    assert code != 0
    assert "must be a whole number from 1 to 64" in words


@pytest.mark.parametrize("count", ["0", "-1", "65", "many"])
def test_an_absurd_number_of_workers_is_refused_in_words(count):
    parser = load_command_class("campaigns", "up").create_parser("manage.py", "up")

    with pytest.raises(CommandError, match="must be a whole number from 1 to 64"):
        parser.parse_args(["--workers", count])


READ_URL = (
    "from campaigns.management.commands.up import find_url; "
    "from django.conf import settings; print(find_url(settings.PORT + 1))"
)


@pytest.mark.parametrize("said", ["https://push.example.org", "http://127.0.0.1:8000"])
def test_an_address_that_is_said_stays_whatever_the_port(said, tmp_path):
    machine = Installation(tmp_path, PUSHADMIN_URL=said, PUSHADMIN_PORT="8000")

    assert machine.manage("shell", "--no-imports", "-c", READ_URL).strip() == said
