"""Databases that are made once and copied: for tests with processes of their own, for workers of
one run, for the tests of one module.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction

from tests.house.sources import ROOT


def make_once(shared: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder `name` in `shared` that the first process of a run to come here fills; the others
    wait for it.
    """
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            begun = Path(tempfile.mkdtemp(dir=shared))
            make(begun)
            begun.rename(folder)
    return folder


@contextmanager
def kept_rows(blocker: Any) -> Iterator[None]:
    """What is written inside stays for all tests of a module; each test takes back its own.

    A module-scoped fixture yields inside it. It asks for `django_db_setup` and gives
    `django_db_blocker`; its module has no test that wants an empty database or that commits.
    """
    kept = transaction.atomic()
    kept._from_testcase = True
    with blocker.unblock(), kept:
        try:
            yield
        finally:
            transaction.set_rollback(True)


def keep_tables(path: Path) -> None:
    """Copy the suite's own SQLite database, which lives in memory, to a file."""
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)


def make_tables(path: Path) -> None:
    """A new SQLite file with tables, for a suite that runs on another database."""
    usual = {**os.environ, "DJANGO_SETTINGS_MODULE": "pushadmin.settings"}
    subprocess.run(
        [sys.executable, "-m", "tests.tables"],
        cwd=ROOT, env={**usual, "DATABASE_URL": f"sqlite:///{path}"}, check=True,
    )  # fmt: skip


def find_database(folder: Path, tables: Path | None) -> str:
    """A file of SQLite's with empty tables, or the test database of the suite's own server."""
    if connection.vendor == "sqlite":
        assert tables is not None
        shutil.copy(tables, folder / "own.sqlite3")
        return f"sqlite:///{folder / 'own.sqlite3'}"
    server = urlsplit(os.environ["DATABASE_URL"])
    return server._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def run_script(module: str, folder: Path, tables: Path | None) -> Any:
    """Run a module in a process of its own; gives the JSON of its last line."""
    environment = {
        **os.environ,
        "DATABASE_URL": find_database(folder, tables),
        "PUSHADMIN_VAR": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
