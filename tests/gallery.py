"""`make gallery`: screenshots of every operator page of a demo of its own, wide and narrow, light
and dark, into var/gallery; those that README shows go to docs/images.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import FLAGS, find_chromium

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a-long-gallery-password"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
SHOWN = {"home_desk_light", "compose_desk_light", "transfer_desk_dark", "reports_desk_light"}


@contextmanager
def run_demo() -> Iterator[str]:
    """A server over a demo in a folder of its own; gives its address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {
            **os.environ, "PUSHADMIN_VAR": folder, "PUSHADMIN_PORT": str(port),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }  # fmt: skip
        for command in (
            ["migrate", "--verbosity", "0"],
            ["collectstatic", "--noinput", "--verbosity", "0"],
            ["demo"],
            ["createsuperuser", "--noinput", "--username", "gallery", "--email", "g@example.org"],
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


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/login/")
    page.fill("#id_username", "gallery")
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{url}/**")


def fill_compose(page: Page) -> None:
    page.fill("#id_title", "Autumn sale: 30 % off today")
    page.fill("#id_body", "Fresh looks have landed. Tap to see what is new in your size.")
    page.get_by_role("tab", name="Android").click()
    page.fill("#id_android-channel_id", "offers")
    page.fill("#id_android-priority", "1")
    page.wait_for_selector("[data-pa-total]")
    page.wait_for_timeout(1200)


def send_campaign(page: Page, url: str) -> str:
    """Send to the demo's devices; gives the path of its transfer."""
    page.goto(f"{url}/campaigns/new/")
    fill_compose(page)
    page.locator("[data-pa-ask]").click()
    page.get_by_role("button", name="Yes, go").click()
    link = page.get_by_role("link", name="Transfer")
    link.first.wait_for()
    return str(link.first.get_attribute("href"))


def list_pages(transfer: str) -> dict[str, str]:
    return {
        "home": "/", "campaigns": "/campaigns/", "compose": "/campaigns/new/",
        "transfer": transfer, "recipients": f"{transfer}recipients/", "reports": "/reports/",
    }  # fmt: skip


def shoot(browser: Browser, url: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, url)
    transfer = send_campaign(page, url)
    target = ROOT / "var" / "gallery"
    target.mkdir(parents=True, exist_ok=True)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for name, path in list_pages(transfer).items():
                page.goto(url + path)
                if name == "compose":
                    fill_compose(page)
                page.wait_for_timeout(400)
                key = f"{name}_{size}_{scheme}"
                page.screenshot(path=target / f"{key}.png", full_page=True)
                if key in SHOWN:
                    page.screenshot(path=ROOT / "docs" / "images" / f"{key}.png")
                print(key)


def main() -> None:
    with run_demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
        shoot(browser, url)
        browser.close()


if __name__ == "__main__":
    main()
