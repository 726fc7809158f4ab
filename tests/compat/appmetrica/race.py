"""Many scripts send under one client's id at one instant, each on a connection of its own.

Works on the database of DATABASE_URL and prints one JSON line: what the calls with one body were
answered, what those with two were, and what the database holds afterwards.
"""

from __future__ import annotations

import copy
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import django

CALLERS = 8


def main() -> dict[str, Any]:
    from campaigns.models import Group, Submission, Transfer
    from campaigns.services.access import issue_key
    from tests import builders

    app = builders.make_app(builders.make_workspace("race"))
    _key, text = issue_key(app.workspace, name="Race", actor="race", now=datetime.now(UTC))
    found: dict[str, Any] = {}
    for name, tags in {"same": ["spring"], "other": ["spring", "autumn"]}.items():
        group = Group.objects.create(app=app, name=name)
        found[name] = {
            "answers": send_all(group, text, tags),
            "transfers": list(Transfer.objects.filter(group=group).values_list("pk", "tag")),
        }
    found["submissions"] = Submission.objects.filter(app=app).count()
    return found


def send_all(group: Any, text: str, tags: list[str]) -> list[Any]:
    """The status, the transfer (null if refused) and the tag of each call."""
    from tests.fixtures.appmetrica import World, read_examples

    example = read_examples(World(group_id=group.pk, token=text, push_url="/compat/appmetrica"))
    send = example["send"]
    start = Barrier(CALLERS)

    def call(number: int) -> tuple[int, int | None, str]:
        from django.db import connection
        from django.test import Client

        body = copy.deepcopy(send.body)
        tag = tags[number % len(tags)]
        body["push_batch_request"] |= {"tag": tag, "client_transfer_id": 77}
        start.wait()
        answer = Client().generic(send.method, send.url, json.dumps(body), headers=send.headers)
        connection.close()
        return answer.status_code, read_transfer(answer.json()), tag

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(call, range(CALLERS)))


def read_transfer(body: Any) -> int | None:
    sent = body.get("push_response")
    return None if sent is None else int(sent["transfer_id"])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    django.conf.settings.ALLOWED_HOSTS.append("testserver")
    print(json.dumps(main()))
