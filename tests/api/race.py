"""Many callers at one instant, each with a connection of its own, on the database of DATABASE_URL.

Prints one JSON line: what they were answered and what the database holds afterwards.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import django

CALLERS = 8


def main() -> dict:
    from campaigns.models import Group, Label, LabelMember, Person
    from campaigns.services.access import issue_key
    from tests import builders

    app = builders.make_app(builders.make_workspace())
    moment = datetime.now(tz=UTC)
    _key, text = issue_key(app.workspace, name="Race", actor="race", now=moment)
    names = [f"p{number}" for number in range(50)]
    Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=name) for name in names
    )
    label = Label.objects.create(app=app, name="busy")
    groups = call_all(text, [("/api/v1/groups/", {"name": "News"}, "same")] * CALLERS)
    members = f"/api/v1/labels/{label.pk}/members/"
    call_all(
        text,
        [
            (f"{members}{verb}/", {"persons": names[start : start + 30]}, None)
            for start, verb in enumerate(["add", "remove", "add", "add"] * 2)
        ],
    )
    label.refresh_from_db()
    return race_devices(app, moment) | {
        "statuses": sorted({status for status, _replayed in groups}),
        "replayed": sum(replayed for _status, replayed in groups),
        "groups": Group.objects.filter(name="News").count(),
        "member_count": label.member_count,
        "members": LabelMember.objects.filter(label=label).count(),
    }


def race_devices(app: Any, moment: datetime) -> dict:
    """One installation that registers many times at once, and one click that is told as often."""
    from campaigns.dispatch.receipt_tokens import write_receipt_token
    from campaigns.models import Device, Message, Part, ReceiptCount, ReceiptRow, Transfer
    from campaigns.services import device_door

    device_door.open_door(app, actor="race", now=moment)
    body = {"app_key": app.device_key, "platform": "web", "installation_id": "one"}
    registered = call_all("", [("/device/v1/register/", body, None)] * CALLERS)
    transfer = Transfer.objects.create(
        app=app, group=app.groups.first(), status="sent", due_at=moment, created_at=moment,
        status_since=moment,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message)
    click = {"reference": write_receipt_token(part.pk, Device.objects.get().pk), "event": "clicked"}
    told = call_all("", [("/device/v1/receipts/", click, None)] * CALLERS)
    return {
        "registered": sorted(status for status, _replayed in registered),
        "told": sorted(status for status, _replayed in told),
        "receipts": ReceiptRow.objects.count(),
        "counted": [row.count for row in ReceiptCount.objects.all()],
    }


def call_all(text: str, calls: list) -> list:
    start = Barrier(len(calls))

    def call(item) -> tuple[int, bool]:
        from django.db import connection
        from rest_framework.test import APIClient

        address, body, key = item
        headers = {"HTTP_AUTHORIZATION": f"Bearer {text}"} if text else {}
        headers |= {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
        start.wait()
        answer = APIClient().post(address, body, format="json", **headers)
        connection.close()
        return answer.status_code, "Idempotent-Replay" in answer.headers

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    django.conf.settings.ALLOWED_HOSTS.append("testserver")
    print(json.dumps(main()))
