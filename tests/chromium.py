"""Find a Chromium for the browser tests, or install one, or say the one command to type.

`python -m tests.chromium` does that before a test run; tests call `find_chromium`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "apt-get update && apt-get install -y chromium"
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
    """Path of a Chromium: the CHROMIUM variable, else the first that PATH has."""
    given = os.environ.get("CHROMIUM")
    if given:
        return given
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """0 when there is a browser, installing one if we may."""
    if find_chromium():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests ...", flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
        subprocess.run(["sh", "-c", f"({INSTALL}) >/dev/null"], env=quiet, check=False)
    if find_chromium():
        return 0
    print(f"The browser tests need Chromium. Install it with: sudo sh -c '{INSTALL}'")
    print("or say where it is: CHROMIUM=/path/to/chromium make test")
    return 1


if __name__ == "__main__":
    sys.exit(main())
