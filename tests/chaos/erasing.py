"""Erasures on a machine: the same people in several workspaces, and what is left of them.

`python -m tests.chaos.erasing '{"verb": "begin" | "drain" | "read", ...}'`
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import django

MARK = "Erasable"


def act(verb: str, **wanted: Any) -> Any:
    from campaigns.dispatch.engine import name_worker
    from campaigns.services.job_work import drain_jobs

    if verb == "drain":
        drain_jobs(name_worker("jobs"))
        return {}
    return {"begin": begin, "read": read}[verb](**wanted)


def begin(people: int, name: str) -> dict[str, int]:
    """People with a phone each, of whom all but every tenth are named in a list, and in texts."""
    from campaigns.models import Device, Message, Person
    from campaigns.models.audience import hash64
    from campaigns.services.erase import start_erasure
    from tests import builders
    from tests.campaigns.importing import NOW

    app = builders.make_app(builders.make_workspace(name), f"shop-{name}")
    persons = Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=f"{MARK}-{number}")
        for number in range(people)
    )
    Device.objects.bulk_create(
        Device(app=app, person=person, platform="android", token=token, token_hash=hash64(token))
        for person in persons
        for token in [f"token {person.external_user_id}"]
    )
    Message.objects.bulk_create(
        Message(app=app, content={"body": f"Hi {MARK}-{number}!"}) for number in range(people)
    )
    admin = builders.make_member(f"admin-{name}", app.workspace, role="admin")
    lines = "\n".join(f"{MARK}-{number}" for number in range(people + 3) if number % 10)
    job = start_erasure(
        admin, app.workspace, [lines.encode()], kind="external_user_id", actor="me", now=NOW
    )
    return {"job": job.pk, "workspace": app.workspace_id}


def read(job: int, workspace: int) -> dict[str, Any]:
    """All that is left, without ids of rows and times."""
    from campaigns.models import AuditEntry, Device, Job, JobPiece, Message, Person, Tombstone

    one = Job.objects.get(pk=job)
    texts = Message.objects.filter(app__workspace=workspace).order_by("pk")
    left = {
        "persons": list(
            Person.objects.filter(workspace=workspace)
            .order_by("external_user_id")
            .values_list("external_user_id", flat=True)
        ),
        "devices": list(
            Device.objects.filter(app__workspace=workspace)
            .order_by("token")
            .values_list("token", "person__external_user_id")
        ),
        "texts": [row.content for row in texts],
    }
    entries = AuditEntry.objects.filter(workspace=workspace, verb="erase")
    return {
        "digest": hashlib.sha256(json.dumps(left).encode()).hexdigest(),
        "persons": len(left["persons"]),
        "tombstones": Tombstone.objects.filter(workspace=workspace).count(),
        "audited": entries.count(),
        "pieces": JobPiece.objects.filter(job=one).count(),
        "status": one.status,
        "counts": one.counts,
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(act(**json.loads(sys.argv[1]))))
