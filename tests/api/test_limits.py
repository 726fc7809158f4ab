"""What the native API holds under load: races, large bodies, revoked keys."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from campaigns.api import authentication
from campaigns.models import ApiKey, Device
from campaigns.services.access import issue_key, revoke_key
from tests.api.conftest import make_client
from tests.api.race import CALLERS
from tests.databases import run_script


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_callers_at_one_instant_get_one_answer_and_labels_count_right(tmp_path, own_tables):
    told = run_script("tests.api.race", tmp_path, own_tables)

    assert told["statuses"] == [201]
    assert (told["groups"], told["replayed"]) == (1, CALLERS - 1)
    assert told["member_count"] == told["members"] > 0
    assert told["registered"] == [201] + [409] * (CALLERS - 1)
    assert set(told["told"]) == {200}
    assert (told["receipts"], told["counted"]) == (1, [1])


@pytest.mark.long
@pytest.mark.database
def test_ten_thousand_devices_are_registered_in_one_call(client, app):
    rows = [
        {"platform": "android", "token": f"{number:0>300}", "external_user_id": f"u{number}"}
        for number in range(10_000)
    ]

    answer = client.post("/api/v1/devices/bulk/", {"devices": rows})

    assert answer.json() == {"created": 10_000, "updated": 0, "rejected": []}
    assert Device.objects.count() == 10_000


@pytest.mark.database
def test_a_revoked_key_ends_within_a_second(workspace, app, monkeypatch):
    client = make_client(workspace)
    before = client.get("/api/v1/apps/").status_code
    revoke_key(ApiKey.objects.get(), actor="owner", now=datetime.now(tz=UTC))
    later = authentication.time.monotonic() + 1
    monkeypatch.setattr(authentication.time, "monotonic", lambda: later)

    after = client.get("/api/v1/apps/").status_code

    assert (before, after) == (200, 401)


def test_a_client_that_sends_too_much_can_still_read_the_answer(live_server, workspace):
    moment = datetime.now(tz=UTC)
    _key, text = issue_key(workspace, name="Script", actor="owner", now=moment)
    connection = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}

    connection.request("POST", "/api/v1/groups/", b" " * 12_000_000, headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()

    assert (answer.status, body["code"]) == (413, "too_large")


@pytest.mark.database
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "TRACE", "BREW"])
@pytest.mark.parametrize("address", ["/api/v1/groups/", "/api/v1/devices/bulk/", "/api/v1/x/"])
def test_no_method_meets_a_page_or_a_500(client, app, method, address):
    answer = client.generic(method, address)

    assert answer.status_code in {200, 404, 405}
    assert answer.headers["Content-Type"] == "application/json"
