"""Google's own Python client against our live server, with a key file of ours."""

from __future__ import annotations

import json
import re
import textwrap
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from campaigns.models import Device, Transfer
from tests import builders
from tests.compat.fcm.conftest import Script
from tests.house.sources import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # those of the libraries that it brings along
    import firebase_admin
    from firebase_admin import credentials, messaging

PAGE = (ROOT / "docs" / "vendors" / "fcm.md").read_text()
ADDRESS = "https://push.example.org"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def google(
    transactional_db: None, live_server: Any, settings: Any, client: Any, app: Any, monkeypatch: Any
) -> Iterator[Any]:
    settings.PUBLIC_URL = live_server.url
    script = Script(client, app)
    service_account = json.loads(script.told["service_account"])
    url = f"{live_server.url}/compat/fcm/v1/projects/{{0}}/messages:send"
    monkeypatch.setattr(messaging._MessagingService, "FCM_URL", url)
    made = firebase_admin.initialize_app(credentials.Certificate(service_account), name="ours")
    yield made
    forget(made)


def forget(made: Any) -> None:
    """In a thread: it runs a loop, and a browser of an earlier test keeps one running in ours."""
    for service in made._services.values():
        service._client.close()  # or its connections stay, and the live server waits for them
    with ThreadPoolExecutor(1) as thread:
        thread.submit(firebase_admin.delete_app, made).result()


def test_the_script_of_the_page_sends(google, app, client, live_server):
    """Its lines as they stand, but for our address and for what `issue_key` has printed."""
    builders.make_route(app, "android")
    builders.make_device(app, "token-1")
    [lines] = [part for part in re.findall(r"(?:^    .+\n)+", PAGE, re.M) if "firebase" in part]
    script = textwrap.dedent(lines).replace(ADDRESS, live_server.url)
    told = Script(client, app).told

    names = {"json": json, "service_account": told["service_account"], "token": "token-1"}
    exec(script, names)
    forget(names["app"])

    assert ADDRESS in lines
    assert Transfer.objects.get().parts.get().message.read().title == "Hi"


def test_the_vendors_own_client_passes_through(google, app):
    builders.make_route(app, "android")
    builders.make_device(app, "token-1")
    builders.make_device(app, "dead")
    Device.objects.filter(token="dead").update(token_state="disabled")
    message = messaging.Message(
        token="token-1",
        notification=messaging.Notification("Hi", "There"),
        data={"order": "17"},
        android=messaging.AndroidConfig(ttl=60, priority="high", collapse_key="7"),
        apns=messaging.APNSConfig(payload=messaging.APNSPayload(messaging.Aps(badge=3))),
        fcm_options=messaging.FCMOptions(analytics_label="spring"),
    )

    name = messaging.send(message, app=google)
    trial = messaging.send(message, dry_run=True, app=google)
    many = messaging.send_each(
        [messaging.Message(token=token, data={"a": "1"}) for token in ("token-1", "dead", "else")],
        app=google,
    )

    transfer = Transfer.objects.order_by("pk").first()
    sent = transfer.parts.get().message.read()
    assert name == f"projects/{google.project_id}/messages/{transfer.pk}"
    assert trial.endswith("/messages/fake_message_id")
    assert (transfer.tag, sent.title, sent.body) == ("spring", "Hi", "There")
    assert (sent.android.time_to_live, sent.android.urgency, sent.ios.badge) == (60, "high", 3)
    assert json.loads(sent.android.data) == {"order": "17"}
    assert [type(one.exception) for one in many.responses] == [
        type(None), messaging.UnregisteredError, messaging.SenderIdMismatchError,
    ]  # fmt: skip


def test_calls_may_come_all_at_once(transactional_db, live_server, client, app):
    builders.make_route(app, "android")
    builders.make_device(app, "token-1")
    told = Script(client, app).told
    url = f"{live_server.url}/compat/fcm/v1/projects/{told['project_id']}/messages:send"
    headers = {"Authorization": told["authorization"], "Connection": "close"}

    def call(number: int) -> int:
        body = {"message": {"token": "token-1", "data": {"number": str(number)}}}
        return requests.post(url, json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(call, range(40)))

    assert answers == [200] * 40
    assert Transfer.objects.count() == 40
