"""The page that shows every call, in a real browser, offline and under our own policy."""

from __future__ import annotations

import os

import pytest

from tests.chromium import FLAGS, find_chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": FLAGS}


@pytest.fixture(scope="session")
def base_url(live_server):
    return str(live_server.url)


def test_the_page_of_calls_works_offline_and_under_the_policy(page, live_server):
    complaints, elsewhere = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((live_server.url, "data:"))
            else elsewhere.append(request.url)
        ),
    )

    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_text("/api/v1/devices/bulk/").first.wait_for(timeout=20_000)

    assert elsewhere == []
    assert complaints == []
