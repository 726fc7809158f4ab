"""Whom an audience means among the devices and persons that a simulated vendor knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from providers.audience import write_expression
from providers.commands import PushPart, SendPush
from providers.message import BLOCKS
from providers.message_fields import Platform
from providers.recipients import TOKEN_KIND, Audience, PersonKind
from providers.simulator.devices import Row, list_devices
from providers.simulator.labels import list_members
from providers.simulator.matching import is_meant
from providers.simulator.memory import Memory, Visitor
from providers.simulator.transfers import Stretch


def list_stretches(memory: Memory, visitor: Visitor, push: SendPush) -> tuple[Stretch, ...]:
    """The recipients of a call: those whom it names, and those whom the vendor finds."""
    return tuple(
        replace(stretch, part=number)
        for number, part in enumerate(push.parts)
        for stretch in (*_list_named(visitor, part), *_list_found(memory, visitor, push, part))
    )


def write_audiences(push: SendPush) -> tuple[dict[str, Any], ...]:
    """What a call says of recipients whom it does not name."""
    return tuple(_write_audience(part.audience) for part in push.parts if part.audience is not None)


def _write_audience(audience: Audience) -> dict[str, Any]:
    values = {
        "labels": list(audience.labels),
        "expression": audience.expression and write_expression(audience.expression),
        "segments": list(audience.segments),
    }
    return {name: value for name, value in values.items() if value} or {"all": True}


def _list_named(visitor: Visitor, part: PushPart) -> Iterator[Stretch]:
    platforms = {kind.name: kind.platform for kind in visitor.dialect.identifier_kinds}
    for targets in part.targets:
        platform = platforms.get(targets.kind) or _find_platform(part)
        values = targets.values if targets.references else ()
        recipients = targets.references or targets.values
        yield Stretch(platform.value, recipients, targets.kind, values, targets.ids)


def _find_platform(part: PushPart) -> Platform:
    blocks = [item for item in BLOCKS if getattr(part.message, item.value) is not None]
    # A message for one platform has that one's block; the fourth platform has none.
    return blocks[0] if blocks else Platform.HMOS


def _list_found(
    memory: Memory, visitor: Visitor, push: SendPush, part: PushPart
) -> Iterator[Stretch]:
    if part.audience is None:
        return
    if part.audience.labels and part.audience.expression is None:
        persons = _list_carriers(memory, visitor, push.app, part.audience.labels)
        kind = PersonKind.EXTERNAL_USER_ID.value
        yield Stretch(_find_platform(part).value, tuple(persons), kind)
        return
    found = list(find_meant(memory, visitor, push.app, part.audience))
    for platform in dict.fromkeys(row["platform"] for row in found):
        names = tuple(_name_device(row) for row in found if row["platform"] == platform)
        yield Stretch(platform, names, TOKEN_KIND)


def _list_carriers(
    memory: Memory, visitor: Visitor, app: str, labels: tuple[str, ...]
) -> list[str]:
    first, *others = (list_members(memory, visitor, app, label) for label in labels)
    return [person for person in first if all(person in other for other in others)]


def find_meant(memory: Memory, visitor: Visitor, app: str, audience: Audience) -> Iterator[Row]:
    labels = memory.rows.list(visitor.name_shelf("label", app))
    members = {
        label: memory.rows.list(visitor.name_shelf("member", app, label)) for label in labels
    }
    wanted = set(audience.labels)
    for row in list_devices(memory, visitor, app).values():
        person = row["external_user_id"]
        carried = frozenset(label for label, rows in members.items() if person in rows)
        is_right = audience.expression is None or is_meant(row, carried, audience.expression)
        if wanted <= carried and is_right:
            yield row


def _name_device(row: Row) -> str:
    return str(row["token"] or next(iter(row["ids"].values()), row["external_user_id"]))
