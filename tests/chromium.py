"""Find a Chromium for the browser tests, or install one, or say the one command to type.

`python -m tests.chromium` does that before a test run; tests call `find_chromium`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# Chromium without windows draws the same pages for less, and shows no pushes
# (docs/decisions/0034).
LIGHT = "chromium-headless-shell"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "apt-get update && apt-get install -y chromium"
# Beside the one that is there, which stays as it is where there is no such package.
INSTALL_LIGHT = f"apt-get install -y --no-remove {LIGHT}"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def find_chromium() -> str | None:
    """Path of one for pages: the CHROMIUM variable, else the light one, else any."""
    return os.environ.get("CHROMIUM") or shutil.which(LIGHT) or find_whole_chromium()


def find_whole_chromium() -> str | None:
    """Path of one that shows pushes too: the CHROMIUM variable, else the first that PATH has."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def get_chromium(may_install: bool) -> int:
    """0 when there is a browser, after installing what is missing if we may."""
    if may_install and not find_whole_chromium():
        print("Installing Chromium for the browser tests ...", flush=True)
        _run_quietly(f"({INSTALL}) >/dev/null")
    if may_install and not (os.environ.get("CHROMIUM") or shutil.which(LIGHT)):
        print("Looking for a lighter Chromium for the browser tests ...", flush=True)
        needed = f"{INSTALL_LIGHT} || (apt-get update && {INSTALL_LIGHT})"
        _run_quietly(f"({needed}) >/dev/null 2>&1")
    if find_whole_chromium():
        return 0
    print(f"The browser tests need Chromium. Install it with: sudo sh -c '{INSTALL}'")
    print("or say where it is: CHROMIUM=/path/to/chromium make test")
    return 1


def _run_quietly(command: str) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    subprocess.run(["sh", "-c", command], env=quiet, check=False)


def main() -> int:
    """As root, and where there is apt, what is missing is installed."""
    return get_chromium(may_install=os.geteuid() == 0 and bool(shutil.which("apt-get")))


if __name__ == "__main__":
    sys.exit(main())
