"""Imports on a machine: the same file begun for several workspaces, and what came of each.

`python -m tests.chaos.importing '[{"verb": "upload" | "apply" | "drain" | "read", ...}, ...]'` does
one after the other, each of which may name what an earlier one gave: `"pk": [0, "import"]`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import django


def write_file(rows: int) -> Iterator[bytes]:
    """People with a device each; some twice, some wrong, some contradicting an earlier row."""
    yield b"user_id,country,platform,token,google_aid,labels,person.custom.n\n"
    for number in range(rows):
        who = number - 1 if number % 10 == 9 else number
        country = "Nowhere" if number % 97 == 0 else "FR" if number % 31 == 9 else "DE"
        token = f"token-of-{who}-{number % 50 == 9}"
        yield f"u{who},{country},android,{token},g{who},vip,{who}\n".encode()


def act_all(steps: list[dict[str, Any]]) -> list[Any]:
    given: list[Any] = []
    for step in steps:
        named = {
            name: given[value[0]][value[1]] if isinstance(value, list) else value
            for name, value in step.items()
        }
        given.append(act(**named))
    return given


def act(verb: str, **wanted: Any) -> Any:
    from campaigns.dispatch.engine import name_worker
    from campaigns.services.job_work import drain_jobs

    if verb == "drain":
        drain_jobs(name_worker("jobs"))
        return {}
    return {"upload": upload, "apply": apply, "read": read}[verb](**wanted)


def upload(rows: int, name: str) -> dict[str, int]:
    """Bring the file and begin its dry run."""
    from campaigns.models import Label
    from campaigns.services import imports
    from tests import builders
    from tests.campaigns.importing import NOW, Choice, Root

    app = builders.make_app(builders.make_workspace(name))
    Label.objects.create(app=app, name="vip")
    told = imports.Told("people.csv", "test")
    one = imports.begin_import(app, write_file(rows), told, actor="me", now=NOW)
    choice = Choice(imports.propose(one))
    imports.check_import(one, choice, principal=Root(), actor="me", now=NOW)
    return {"import": one.pk, "job": one.check_job.pk, "app": app.pk}


def apply(pk: int) -> dict[str, int]:
    """Do what the dry run showed."""
    from campaigns.models import Import
    from campaigns.services import imports
    from tests.campaigns.importing import NOW, Root

    one = imports.apply_import(Import.objects.get(pk=pk), principal=Root(), actor="me", now=NOW)
    return {"job": one.apply_job.pk}


def read(pk: int) -> dict[str, Any]:
    """Everything that an import has made, without ids of rows and times."""
    from campaigns.models import DeviceIdentifier, Import, ImportKey, JobPiece, Label, Person

    one = Import.objects.get(pk=pk)
    persons = Person.objects.filter(workspace=one.app.workspace).order_by("external_user_id")
    devices = one.app.devices.order_by("token")
    tables = {
        "persons": list(persons.values_list("external_user_id", "country", "attributes")),
        "devices": list(devices.values_list("token", "token_state", "person__external_user_id")),
        "ids": list(
            DeviceIdentifier.objects.filter(app=one.app)
            .order_by("value")
            .values_list("kind", "value", "device__token")
        ),
        "members": list(
            Label.objects.filter(app=one.app).values_list("member_count", "members__added_at")[:1]
        ),
        "pieces": [
            (row.role, row.number, hashlib.sha256(row.content).hexdigest())
            for job in (one.check_job, one.apply_job)
            for row in JobPiece.objects.filter(job=job).order_by("role", "number")
        ],
    }
    digests = {
        name: hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()
        for name, rows in tables.items()
    }
    return {
        "digests": {**digests, "members": str(tables["members"][0][0])},
        "counts": [one.check_job.counts, one.apply_job.counts],
        "keys": ImportKey.objects.count(),
        "notes": [one.check_job.note, one.apply_job.note],
        "why": [job.cursor["why"] for job in (one.check_job, one.apply_job)],
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(act_all(json.loads(sys.argv[1]))))
