"""The vendor's bounds: exactly at one is taken, one over is refused with its number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import App, KeyUse, Transfer
from campaigns.services.doors import ensure_door, set_options
from providers.vendors.engagelab import DIALECT
from tests import builders
from tests.compat.engagelab.conftest import read_error

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALERT = {"platform": "android", "notification": {"alert": "Hi"}}


def write_batch(count: int) -> dict[str, Any]:
    return {"requests": [{"target": f"rid-{number}", **ALERT} for number in range(count)]}


def test_each_target_of_a_batch_counts_as_a_call(
    script: Any, phones: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    script("GET", "v4/tags")
    spent = KeyUse.objects.get()
    KeyUse.objects.update(level=5.0)

    exact = script("POST", "v4/batch/push/regid", write_batch(3)).json()
    over = script("POST", "v4/batch/push/regid", write_batch(3)).json()
    refused = script("POST", "v4/batch/push/regid", write_batch(1))

    assert spent.level == 499
    assert [entry["success"] for entry in exact["results"].values()] == [True, True, True]
    assert exact["rate_limit_info"] == {"message": "", "rate_limit_occurred": False}
    assert [entry["success"] for entry in over["results"].values()] == [True, True, False]
    assert over["results"]["rid-2"]["error"]["code"] == 23008
    assert over["rate_limit_info"]["rate_limit_occurred"] is True
    assert over["rate_limit_info"]["message"]
    assert read_error(refused) == (400, 23008)
    assert int(refused["Retry-After"]) >= 1
    assert Transfer.objects.count() == 5


BOTH = {
    "to": {"registration_id": ["rid-0"]},
    "body": {
        "platform": ["android"], "notification": {"alert": "Hi"}, "message": {"msg_content": "x"},
    },
}  # fmt: skip


def test_a_notification_beside_a_message_is_refused_by_a_strict_door(
    script: Any, app: App, phones: list[str]
) -> None:
    lenient = script("POST", "v4/push", BOTH)
    builders.make_route(app, "android")
    door = ensure_door(app, DIALECT, NOON)
    set_options(door, DIALECT, {"strict": True}, actor="owner", now=NOON)

    strict = script("POST", "v4/push", BOTH)
    alone = script("POST", "v4/push", {**BOTH, "body": {**BOTH["body"], "message": None}})

    assert lenient.status_code == 200
    assert read_error(strict) == (401, 21306)
    assert alone.status_code == 200


def test_the_list_of_plans_tells_how_often_each_was_used(script: Any, phones: list[str]) -> None:
    for plan in ("spring", "autumn"):
        script("POST", "v4/push_plan", {"plan_id": plan, "plan_description": plan})
    push = {"to": {"registration_id": phones}, "body": {**ALERT, "options": {"plan_id": "spring"}}}
    for _time in range(2):
        script("POST", "v4/push", push)

    spring, autumn = script("GET", "v4/push_plan/list").json()["push_plan_info"]

    last = Transfer.objects.latest("pk").created_at
    assert (spring["count"], autumn["count"]) == (2, 0)
    assert spring["last_used_time"] == int(last.timestamp() * 1000) >= spring["create_time"]
    assert "last_used_time" not in autumn
