"""What a person may have of their data: what came back from them, and from nobody else."""

from __future__ import annotations

import pytest

from campaigns.models import AuditEntry, Delivery, Message, Part, ReceiptRow, Transfer
from campaigns.selectors.access_request import collect_held
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def make_part(transfer: Transfer, kind: Part.Kind, outcomes: dict[int, str]) -> Part:
    """A part whose recipients all have opened it."""
    message = Message.objects.create(app=transfer.app, content={"body": "Hi"})
    number = transfer.parts.count()
    part = Part.objects.create(transfer=transfer, message=message, kind=kind, number=number)
    for recipient, outcome in outcomes.items():
        Delivery.objects.create(
            part_id=part.pk, recipient=recipient, at=NOW, cohort_id=0, outcome=outcome
        )
        ReceiptRow.objects.create(part=part, recipient=recipient, kind="opened", at=NOW)
    return part


def test_a_person_with_a_devices_number_is_somebody_else(app):
    """Ann is person 5 and has device 7; Bob is person 7 and has device 5."""
    ann, bob = (
        builders.make_person(app.workspace, name, pk=pk) for name, pk in (("ann", 5), ("bob", 7))
    )
    builders.make_device(app, "of-ann", pk=7, person=ann)
    builders.make_device(app, "of-bob", pk=5, person=bob)
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), status="sent", status_since=NOW, due_at=NOW,
        created_at=NOW,
    )  # fmt: skip
    push = make_part(transfer, Part.Kind.DEVICE, {5: "sent", 7: "sent"})
    mail = make_part(transfer, Part.Kind.PERSON, {5: "failed", 7: "failed"})

    for person, device in ((ann, 7), (bob, 5)):
        held = collect_held(person)

        theirs = {(push.pk, device), (mail.pk, person.pk)}
        for table in ("deliveries", "receipts"):
            assert {(row["part_id"], row["recipient"]) for row in held[table]} == theirs, table


def test_the_log_tells_of_a_person_and_their_devices_in_its_order(app):
    """Ann is person 5 and has device 7; person 7 and device 5 are Bob's."""
    ann, bob = (
        builders.make_person(app.workspace, name, pk=pk) for name, pk in (("ann", 5), ("bob", 7))
    )
    builders.make_device(app, "of-ann", pk=7, person=ann)
    builders.make_device(app, "of-bob", pk=5, person=bob)
    about = [
        ("device", 7),
        ("person", 5),
        ("person", 7),
        ("device", 5),
        ("label", 5),
        ("device", 7),
    ]
    entries = [
        AuditEntry.objects.create(
            workspace=app.workspace, at=NOW, actor="eve", verb="touch", target_type=kind,
            target_id=str(pk),
        ).pk
        for kind, pk in about
    ]  # fmt: skip

    held = collect_held(ann)

    assert [row["id"] for row in held["audit"]] == [entries[0], entries[1], entries[5]]
