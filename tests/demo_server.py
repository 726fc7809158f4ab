"""A whole pushadmin in a folder of its own: migrated, filled with the demo, started by `up`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
USER = "operator"
PASSWORD = "a-long-password-of-a-demo"


@contextmanager
def run_demo(*fill: list[str], of: Path | None = None) -> Iterator[str]:
    """A server over a demo in a folder of its own, filled by more commands; gives its address.

    It begins with a copy of `of`, the folder of another demo, where there is one.
    """
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {
            **os.environ, "PUSHADMIN_VAR": folder, "PUSHADMIN_PORT": str(port),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }  # fmt: skip
        if of is not None:
            shutil.copytree(of, folder, dirs_exist_ok=True)
        for command in (
            *([] if of else [["migrate", "--verbosity", "0"], ["demo"]]),
            ["collectstatic", "--noinput", "--verbosity", "0"],
            ["createsuperuser", "--noinput", "--username", USER, "--email", "g@example.org"],
            *fill,
        ):
            manage(command, environment)
        up = [sys.executable, "manage.py", "up", "--port", str(port), "--workers", "1"]
        server = subprocess.Popen(up, cwd=ROOT, env=environment)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def manage(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)


def wait_for(url: str) -> None:
    for _attempt in range(300):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer")


def sign_in(page: Page, url: str, user: str = USER) -> None:
    page.goto(f"{url}/admin/login/")
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{url}/**")
