"""Which database a script of a test of its own processes works on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from tests.house.sources import ROOT


def find_database(folder: Path) -> str:
    """A file of SQLite's, or the test database of the server that the suite runs on."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{folder / 'own.sqlite3'}"
    server = urlsplit(os.environ["DATABASE_URL"])
    return server._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def run_script(module: str, folder: Path) -> Any:
    """Run a module in a process of its own; gives the JSON of its last line."""
    environment = {
        **os.environ, "DATABASE_URL": find_database(folder), "PUSHADMIN_VAR": str(folder),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
