"""Two scripts with one client's id at one instant make one transfer, on either database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests.compat.appmetrica.race import CALLERS
from tests.house.sources import ROOT


def find_database(folder: Path) -> str:
    """A file of SQLite's, or the test database of the server that the suite runs on."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{folder / 'race.sqlite3'}"
    server = urlsplit(os.environ["DATABASE_URL"])
    return server._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_one_clients_id_makes_one_transfer_whoever_is_faster(tmp_path):
    environment = {
        **os.environ, "DATABASE_URL": find_database(tmp_path), "PUSHADMIN_VAR": str(tmp_path),
    }  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-m", "tests.compat.appmetrica.race"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    [[transfer, _tag]] = told["same"]["transfers"]
    assert told["same"]["answers"] == [[200, transfer, "spring"]] * CALLERS
    [[transfer, winner]] = told["other"]["transfers"]
    for status, answered, tag in told["other"]["answers"]:
        assert (status, answered) == ((200, transfer) if tag == winner else (409, None))
    assert told["submissions"] == 2
