"""Writes what a book of imported rows came to: inserts and updates by the chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db.models import F, Model
from django.db.models.expressions import DatabaseDefault

from campaigns.models import AuditEntry, Device, DeviceIdentifier, Label, LabelMember, Person
from campaigns.models.audience import hash64, pack_version
from campaigns.models.bulk import IdList, append_rows, change_rows, reserve_ids
from campaigns.services.import_book import ImportBook
from campaigns.services.import_held import HeldDevice, HeldPerson
from campaigns.services.import_targets import VERSIONS


def save_book(book: ImportBook, *, actor: str) -> None:
    """Write people before their devices, and what is freed before what may take its place."""
    # Somebody may be known by two names, as one who was merged is.
    persons = list({id(person): person for person in book.persons.values()}.values())
    _insert_persons(book, [person for person in persons if person.is_new])
    changed = [person for person in persons if person.is_changed and not person.is_new]
    if changed:
        _update_persons(book, changed)
    _save_labels(book, persons)
    _save_devices(book, actor)


def _insert_persons(book: ImportBook, persons: list[HeldPerson]) -> None:
    """Raises IntegrityError when a device has registered for one of them just now: the step is
    done again, and then finds that person."""
    if not persons:
        return
    key = book.choice.person_key
    rows = []
    for person, pk in zip(persons, reserve_ids(Person, len(persons)), strict=True):
        person.pk = pk
        rows.append(
            {
                "id": pk,
                "workspace": book.app.workspace_id,
                key: person.key,
                "attributes": person.attributes,
                "opted_out_at": book.now if person.opted_out else None,
                "opt_out_reason": book.evidence if person.opted_out else "",
                "created_at": book.now,
                "updated_at": book.now,
                **person.values,
            }
        )
    _insert(Person, rows)


def _update_persons(book: ImportBook, persons: Sequence[HeldPerson]) -> None:
    columns = [*book.person_columns, "attributes", "updated_at"]
    rows = [
        (*_list_values(person, book.person_columns), _write(person.attributes), book.now, person.pk)
        for person in persons
    ]
    change_rows(Person, columns, ("id",), rows)
    out = [person.pk for person in persons if person.opted_out]
    Person.objects.filter(pk__in=IdList(out), opted_out_at__isnull=True).update(
        opted_out_at=book.now, opt_out_reason=book.evidence
    )


def _save_labels(book: ImportBook, persons: Sequence[HeldPerson]) -> None:
    """Members are counted by what was really written."""
    by_label: dict[int, list[int]] = {}
    for person in persons:
        for label in person.new_labels:
            by_label.setdefault(label, []).append(person.pk)
    for label, members in sorted(by_label.items()):
        Label.objects.select_for_update().filter(pk=label).first()
        if book.choice.verb == "remove":
            rows = LabelMember.objects.filter(label=label, person_id__in=IdList(members))
            change = -rows.delete()[0]
        else:
            added = [(label, person, book.now) for person in members]
            columns = ("label", "person", "added_at")
            change = append_rows(LabelMember, columns, added, skip_known=True)
        Label.objects.filter(pk=label).update(member_count=F("member_count") + change)


def _save_devices(book: ImportBook, actor: str) -> None:
    known = [held for held in book.by_pk.values() if held.is_changed]
    every = [*book.by_pk.values(), *book.devices]
    _free(known, every)
    for held, pk in zip(book.devices, reserve_ids(Device, len(book.devices)), strict=True):
        held.pk = pk
    _insert(Device, [_describe(book, held) for held in book.devices])
    if known:
        _update_devices(book, known)
    rows = [
        (book.app.pk, held.pk, kind, hash64(held.ids[kind]), held.ids[kind])
        for held in every
        for kind in sorted(held.new_ids)
    ]
    append_rows(DeviceIdentifier, ("app", "device", "kind", "value_hash", "value"), rows)
    AuditEntry.objects.bulk_create(
        _make_entry(book, held, actor) for held in known if held.is_moved
    )


def _free(known: Sequence[HeldDevice], every: Sequence[HeldDevice]) -> None:
    retokened = [held.pk for held in known if held.is_retokened]
    Device.objects.filter(pk__in=IdList(retokened)).update(token_hash=None)
    replaced = {held.pk: held.new_ids for held in every if held.pk and held.new_ids}
    if replaced:
        kinds = set().union(*replaced.values())
        old = DeviceIdentifier.objects.filter(device_id__in=IdList(replaced), kind__in=kinds)
        rows = old.values_list("pk", "device_id", "kind")
        gone = [pk for pk, device, kind in rows if kind in replaced[device]]
        DeviceIdentifier.objects.filter(pk__in=IdList(gone)).delete()


def _describe(book: ImportBook, held: HeldDevice) -> dict[str, Any]:
    """A new device by columns."""
    return {
        "id": held.pk,
        "app": book.app.pk,
        "person": held.owner.pk if held.owner else None,
        "platform": held.platform,
        **_describe_token(book, held),
        "attributes": held.attributes,
        "created_at": book.now,
        "updated_at": book.now,
        **held.values,
        **_number_versions(held),
    }


def _describe_token(book: ImportBook, held: HeldDevice) -> dict[str, Any]:
    state = Device.TokenState.ACTIVE if held.token else Device.TokenState.MISSING
    return {
        "token": held.token,
        "token_hash": hash64(held.token) if held.token else None,
        "token_state": state.value,
        "token_evidence": book.evidence if held.token else "",
        "token_state_at": book.now if held.token else None,
        "token_shown_at": None,
    }


def _number_versions(held: HeldDevice) -> dict[str, int]:
    return {
        f"{name}_number": pack_version(held.values[name])
        for name in VERSIONS
        if name in held.values
    }


def _update_devices(book: ImportBook, devices: Sequence[HeldDevice]) -> None:
    columns = list(book.device_columns)
    versions = [name for name in VERSIONS if name in columns]
    names = [
        *columns, *(f"{name}_number" for name in versions), "person", "attributes", "updated_at"
    ]  # fmt: skip
    rows = [
        (
            *_list_values(held, columns),
            *(pack_version(held.values[name]) for name in versions),
            held.owner.pk if held.owner else held.owner_id or None,
            _write(held.attributes),
            book.now,
            held.pk,
        )
        for held in devices
    ]
    change_rows(Device, names, ("id",), rows)
    tokens = [
        (*_describe_token(book, held).values(), held.pk) for held in devices if held.is_retokened
    ]
    change_rows(Device, tuple(_describe_token(book, devices[0])), ("id",), tokens)


def _list_values(held: HeldPerson | HeldDevice, columns: Sequence[str]) -> list[Any]:
    return [held.values[name] for name in columns]


def _write(attributes: Mapping[str, Any]) -> str:
    return json.dumps(attributes)


def _make_entry(book: ImportBook, held: HeldDevice, actor: str) -> AuditEntry:
    return AuditEntry(
        workspace_id=book.app.workspace_id,
        at=book.now,
        actor=actor,
        verb="move",
        target_type="device",
        target_id=str(held.pk),
        fields=[book.evidence.replace(" ", ": "), "person"],
    )


def _insert(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of which every column that is not named has its default."""
    if not rows:
        return
    defaults = _list_defaults(model)
    columns = tuple(defaults)
    values = [
        tuple(
            _write(row.get(name, defaults[name]))
            if name == "attributes"
            else row.get(name, defaults[name])
            for name in columns
        )
        for row in rows
    ]
    append_rows(model, columns, values)


@cache
def _list_defaults(model: type[Model]) -> dict[str, Any]:
    """What a new row holds by column; those that the database fills in are left to it."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    defaults = {field.name: field.get_default() for field in fields}
    return {
        name: value for name, value in defaults.items() if not isinstance(value, DatabaseDefault)
    }
