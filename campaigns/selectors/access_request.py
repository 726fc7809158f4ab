"""All that is held about one person, as plain values: what they may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from django.db.models import BinaryField, Model, QuerySet

from campaigns.models import (
    AuditEntry,
    Device,
    LabelMember,
    Person,
    ReceiptRow,
    Suppression,
)
from campaigns.models.bulk import IdList, TextList
from campaigns.selectors.held import (
    list_identifiers,
    match_recipients,
    select_deliveries,
    select_held,
)
from campaigns.selectors.seals import Sealer

MOST_SENT = 10_000  # deliveries and receipts, the newest
# What proves who a device is, is no fact about its owner.
SECRETS = frozenset({"secret_hash", "token_hash", "value_hash"})


def collect_held(person: Person) -> dict[str, Any]:
    """By table the rows that go with the person, then what they were sent and what came back."""
    devices = list(Device.objects.filter(person=person).values_list("pk", flat=True))
    tables = select_held([person.pk], devices)
    held: dict[str, Any] = {name: list(_write_rows(rows)) for name, rows in tables.items()}
    held["labels"] = list(
        LabelMember.objects.filter(person=person)
        .order_by("label__app", "label__name")
        .values("label__app__slug", "label__name", "added_at")
    )
    held["suppressions"] = list(_write_rows(_select_suppressions(person, devices)))
    held["audit"] = _write_audit(person, devices)
    return held | _collect_sent(person, devices)


def _write_rows(rows: QuerySet[Any]) -> Iterator[dict[str, Any]]:
    return _read_rows(rows.order_by("pk"))


def _read_rows(rows: QuerySet[Any]) -> Iterator[dict[str, Any]]:
    fields = [one.attname for one in rows.model._meta.concrete_fields if _is_told(one)]
    return iter(rows.values(*fields))


def _is_told(column: Any) -> bool:
    return column.attname not in SECRETS and not isinstance(column, BinaryField)


def _select_suppressions(person: Person, devices: list[int]) -> QuerySet[Suppression]:
    sealer = Sealer()
    named = list_identifiers([person.pk], devices)
    seals = {sealer.seal(person.workspace_id, *one) for one, _owner in named}
    return Suppression.objects.filter(workspace=person.workspace_id, seal__in=TextList(seals))


def _write_audit(person: Person, devices: list[int]) -> list[dict[str, Any]]:
    """Asked of each kind by itself, and put in order here: else databases read the whole log, for
    its order, past the index of what it is about."""

    def of(model: type[Model], ids: list[int]) -> QuerySet[AuditEntry]:
        name, texts = model._meta.model_name or "", TextList(map(str, ids))
        return AuditEntry.objects.filter(target_type=name, target_id__in=texts).order_by()

    found = [*_read_rows(of(Person, [person.pk])), *_read_rows(of(Device, devices))]
    return sorted(found, key=itemgetter("id"))


def _collect_sent(person: Person, devices: list[int]) -> dict[str, Any]:
    sent = select_deliveries([person.pk], devices).order_by("-at")
    columns = ("part_id", "recipient", "outcome", "reason", "at")
    deliveries = list(
        sent.values(*columns, "part__transfer_id", "part__transfer__name")[:MOST_SENT]
    )
    parts = IdList({row["part_id"] for row in deliveries})
    came = ReceiptRow.objects.filter(
        match_recipients([person.pk], devices),
        part_id__in=parts,
        recipient__in=IdList([*devices, person.pk]),  # by the index
    )
    receipts = came.order_by("-at").values("part_id", "recipient", "kind", "at")[:MOST_SENT]
    return {"deliveries": deliveries, "receipts": list(receipts)}
