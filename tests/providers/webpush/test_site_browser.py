"""A website of a customer's, as docs/vendors/webpush.md tells its makers: two origins, a real
Chromium, the simulated push service in between."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import OperationalError

from campaigns.dispatch.engine import drain
from campaigns.dispatch.verify import check_books
from campaigns.models import Account, App, Device, DeviceSession
from campaigns.services import device_door
from campaigns.services.browsers import send_first_push
from providers import vault
from providers.vendors.webpush import DIALECT
from tests import builders
from tests.admin.conftest import base_url, browser_context_args, browser_type_launch_args
from tests.campaigns.test_erase import erase, grep
from tests.house.sources import ROOT
from tests.installation import wait_for
from tests.pages.test_browsers_browser import (
    SHOWN,
    browser,
    deliver,
    find_registration,
    list_kinds,
    seen,
    service,
    write_subscription,
)

__all__ = [
    "base_url",
    "browser",
    "browser_context_args",
    "browser_type_launch_args",
    "seen",
    "service",
]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = ROOT / "docs" / "vendors" / "webpush.md"
ADDRESS = "https://push.shop.example"
# No push service gives Chromium a subscription here.
SUBSCRIBE = """
let given = JSON.parse(sessionStorage.getItem("given") || "null");
const make = () => given && {
  toJSON: () => given,
  options: {applicationServerKey: new Uint8Array(JSON.parse(sessionStorage.getItem("key"))).buffer},
  unsubscribe: async () => { given = null; sessionStorage.removeItem("given"); return true; },
};
PushManager.prototype.getSubscription = async () => make();
PushManager.prototype.subscribe = async (options) => {
  given = %s;
  sessionStorage.setItem("given", JSON.stringify(given));
  sessionStorage.setItem("key", JSON.stringify([...options.applicationServerKey]));
  return make();
};
"""


def read_steps(app: App, server: str) -> dict[str, str]:
    """The files of the page's steps by their paths at the site."""
    blocks = dict(re.findall(r"```(js|html)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    filled = {
        kind: text.replace(ADDRESS, server).replace("{app_key}", app.device_key)
        for kind, text in blocks.items()
    }
    return {"/": f"<!doctype html>{filled['html']}", "/push_worker.js": filled["js"]}


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """A website: its origin, and its files by their paths."""
    files: dict[str, str] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response(200 if path in files else 404)
            kind = "text/javascript" if path.endswith(".js") else "text/html"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(files.get(path, "").encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://localhost:{server.server_address[1]}", files
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shop(app, site):
    """The app after the first step of the page."""
    device_door.open_door(app, actor="owner", now=datetime.now(UTC))
    builders.make_route(app, "web", DIALECT.key)
    Account.objects.update(credentials=vault.encrypt(dict(DIALECT.make_credentials())))
    app.web_origins = [site[0]]
    app.save()
    return app


def subscribe(page, origin, endpoint):
    """A visitor's click; gives the keys of the subscription that the browser makes for it."""
    key, secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    page.context.grant_permissions(["notifications"], origin=origin)
    page.add_init_script(SUBSCRIBE % write_subscription(endpoint, key, secret))
    page.goto(origin)
    page.get_by_role("button", name="Tell me of offers").click()
    # Not the row: a page that is left before it has the answer does not know that it is registered.
    wait_for("its registration", lambda: page.evaluate("localStorage.length"))
    return key, secret


def test_a_website_subscribes_its_visitors_by_the_steps_of_the_page(
    page, live_server, shop, site, service, seen
):
    origin, files = site
    files |= read_steps(shop, live_server.url)
    key, secret = subscribe(page, origin, f"{service}/b/1")
    device = Device.objects.get()
    page.reload()  # registers nothing anew

    owner = builders.make_member("owner", shop.workspace, role="admin")
    send_first_push(device, owner, actor="owner", now=datetime.now(UTC))
    drain()
    [sealed] = seen
    push = json.loads(http_ece.decrypt(sealed, private_key=key, auth_secret=secret))
    session = page.context.new_cdp_session(page)
    deliver(session, origin, find_registration(page, session), push)
    wait_for("its receipt", lambda: list_kinds(page) == ["shown"])
    shown = page.evaluate(SHOWN)
    page.get_by_role("button", name="No more").click()
    wait_for("its end", lambda: turn(page, lambda: not DeviceSession.objects.exists()))

    assert [one["tag"] for one in shown] == [push["receipt"]]
    assert (device.platform, device.language) == ("web", "en-GB")
    assert Device.objects.get().token_state != device.token_state
    assert check_books().faults == []
    page.goto("about:blank")


def test_a_browser_that_was_erased_comes_back_by_a_click_and_by_nothing_else(
    page, live_server, shop, site, service
):
    origin, files = site
    files |= read_steps(shop, live_server.url)
    key, secret = subscribe(page, origin, f"{service}/b/new")
    erased = Device.objects.get()
    erase(shop, erased.token, datetime.now(UTC), kind="token")

    # The browser changes the subscription by itself, and the page is opened again.
    page.add_init_script(SUBSCRIBE % write_subscription(f"{service}/b/another", key, secret))
    other = write_subscription(f"{service}/b/renewed", key, secret)
    page.evaluate(f"sessionStorage.setItem('given', JSON.stringify({other}))")
    page.reload()
    wait_for("its end", lambda: turn(page, lambda: not page.evaluate("localStorage.length")))
    page.reload()
    page.wait_for_load_state("networkidle")
    after_waking = Device.objects.count()
    page.get_by_role("button", name="Tell me of offers").click()
    wait_for("its registration", lambda: page.evaluate("localStorage.length"))

    assert after_waking == 0
    assert Device.objects.get().person is None
    assert grep(str(erased.token)) == []
    page.goto("about:blank")


def test_a_website_that_is_not_listed_registers_nobody(page, live_server, shop, site):
    origin, files = site
    files |= read_steps(shop, live_server.url)
    App.objects.update(web_origins=["https://shop.example"])
    page.context.grant_permissions(["notifications"], origin=origin)
    page.goto(origin)

    with page.expect_event("pageerror") as refused:
        page.get_by_role("button", name="Tell me of offers").click()

    assert "Failed to fetch" in str(refused.value)
    assert not Device.objects.exists()
    page.goto("about:blank")


def turn(page: Any, look: Any) -> bool:
    """Look, and let the page go on."""
    page.wait_for_timeout(50)
    try:
        return bool(look())
    except OperationalError:  # the server's thread writes there, in the same memory
        return False
