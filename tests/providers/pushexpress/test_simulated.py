"""A simulated vendor answers every call of the dialect, over a socket."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from providers.simulator import Simulator
from tests.fixtures.pushexpress import read_examples
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]

EXAMPLES = read_examples()
APP = "0123456789abcdef0123456789abcdef"
UUID = EXAMPLES["register"]["call"]["ic_token"]


@pytest.fixture
def call(simulator: Simulator) -> Any:
    session = requests.Session()
    session.trust_env = False

    def call_path(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = session.request(
            method, f"{simulator.url}/pushexpress/api/{path}", json=body,
            headers={"Authorization": "Bearer k"}, timeout=5,
        )  # fmt: skip
        return answer.status_code, answer.json() if answer.content else None

    with session:
        yield call_path


def test_sendings_pushes_and_bindings_are_kept(call: Any) -> None:
    _status, sent = call("POST", "b/v2/send/instant", EXAMPLES["instant"]["call"])
    _status, later = call("POST", "b/v2/sched/onesend", EXAMPLES["onesend"]["call"])
    _status, push = call("POST", "b/v2/pushes", EXAMPLES["push"]["call"])

    bound = call("PUT", f"b/v2/sched/onesend/{later['id']}/pushes", [push["id"]])

    assert bound == (200, {})
    assert call("GET", f"b/v2/sched/onesend/{later['id']}")[1]["pushes"] == [push["id"]]
    assert call("GET", f"b/v2/pushes/{sent['push_id']}")[1]["active"] is True


def test_a_device_is_new_until_it_has_said_what_it_is(call: Any) -> None:
    path = f"r/v2/apps/{APP}/instances"

    first = call("POST", path, EXAMPLES["register"]["call"])
    unknown = call("POST", f"{path}/{UUID}/events/lifecycle", {"event": "onscreen"})
    told = call("PUT", f"{path}/{UUID}/info", EXAMPLES["update"]["call"])
    again = call("POST", path, EXAMPLES["register"]["call"])

    assert (first[1]["just_created"], unknown[0]) == (True, 404)
    assert told == (200, {"id": UUID, "update_interval_sec": 120})
    assert again == (200, {"id": UUID, "just_created": False})


def test_apps_groups_and_devices_are_asked_for(call: Any) -> None:
    filters = {"app_ids_include": [1]}

    assert [item["id"] for item in call("GET", "b/v2/apps")[1]["apps"]] == [1]
    assert call("GET", "b/v2/app/groups/4")[1]["id"] == 4
    assert call("POST", "b/v2/query/app-instances", filters)[1] == {
        "active_count": 0, "app_instances": [],
    }  # fmt: skip
