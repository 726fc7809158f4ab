"""Who gets a message: the five types of destination, and the older call's free `to` (seed sections
"Target single recipient ..." and "Target multiple recipients ...", wire facts, sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from providers.audience import Expression
from providers.blocks import is_clean
from providers.commands import PushPart
from providers.fields import gettext_noop
from providers.message import PushMessage
from providers.recipients import Audience, IdentifierKind, PersonKind, Targets

from .wire_filters import (
    AND,
    OR,
    CannotSay,
    MalformedFilter,
    read_attributes,
    read_filter,
    write_filter,
)
from .wire_statuses import BAD_QUERY, Rejected
from .wire_values import Block, drop_unset, refuse

REGISTRATION = "push_registration_id"
IDENTIFIER_KINDS = (IdentifierKind(REGISTRATION, label=gettext_noop("Infobip registration id")),)
# Our kind of id -> the destination's type and the key that holds the id.
TYPES: Mapping[str, tuple[str, str]] = {
    PersonKind.EXTERNAL_USER_ID: ("EXTERNAL_USER_ID", "externalUserId"),
    PersonKind.EMAIL: ("EMAIL", "email"),
    PersonKind.PHONE: ("PHONE_NUMBER", "phoneNumber"),
    REGISTRATION: ("REGISTRATION", "pushRegistrationId"),
}
_KINDS = {name: (str(kind), key) for kind, (name, key) in TYPES.items()}
_KINDS_OF_KEYS = {key: str(kind) for kind, (_, key) in TYPES.items()}
MANY = "MULTIPLE"
MAX_ADDRESS = 255
MAX_ID = 200
MAX_FILTERS = 100  # destinations of one call that are queries


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination of a call: an address of a kind, a query, or a status that rejects it."""

    kind: str = ""
    value: str = ""
    id: str = ""
    expression: Expression | None = None
    only_primary: bool = False
    rejected: int = 0

    @property
    def is_query(self) -> bool:
        return not self.kind


def read_destinations(message: Block) -> list[Destination]:
    """The destinations of a `/push/3/messages` message."""
    found = [_read_destination(item) for item in message.take_blocks("destinations")]
    if sum(item.is_query for item in found) > MAX_FILTERS:
        path = message.at("destinations")
        raise refuse(path, f"holds more than {MAX_FILTERS} of type {MANY}")
    return found


def _read_destination(item: Block) -> Destination:
    name = item.take_text("type")
    only_primary = bool(item.find_flag("targetOnlyPrimaryDevices"))
    if name == MANY:
        try:
            expression = read_filter(item.find(OR), item.find(AND))
        except MalformedFilter:
            return Destination(rejected=BAD_QUERY, only_primary=only_primary)
        return Destination(expression=expression, only_primary=only_primary)
    if name not in _KINDS:
        known = ", ".join([*_KINDS, MANY])
        raise refuse(item.at("type"), f"must be one of {known}")
    kind, key = _KINDS[name]
    value = item.take_text(key, MAX_ADDRESS)
    number = item.find_text("messageId", MAX_ID) or ""
    return Destination(kind, _read_address(kind, value), number, None, only_primary)


def _read_address(kind: str, value: str) -> str:
    # The seed writes a number as digits; a plus before them means the same.
    return value.removeprefix("+") if kind == PersonKind.PHONE else value


def read_to(message: Block) -> list[Destination]:
    """The older call's `to`: one of the four addresses, or attributes that all hold."""
    to = message.take_block("to")
    values = {name: value for name, value in to.values.items() if value is not None}
    only_primary = bool(message.find_flag("targetOnlyPrimaryDevices"))
    kind = _KINDS_OF_KEYS.get(next(iter(values), "")) if len(values) == 1 else None
    if kind is None:
        try:
            expression = read_attributes(values)
        except MalformedFilter as error:
            raise Rejected(BAD_QUERY, str(error)) from error
        return [Destination(expression=expression, only_primary=only_primary)]
    [given] = values.values()
    addresses = given if isinstance(given, list) else [given]
    if not addresses or not all(map(_is_address, addresses)):
        raise refuse(to.path, "needs a text of at most 255 characters")
    return [
        Destination(kind, _read_address(kind, item), only_primary=only_primary)
        for item in addresses
    ]


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ADDRESS and is_clean(value)


def build_parts(message: PushMessage, found: Iterable[Destination]) -> tuple[PushPart, ...]:
    """Parts in the order of the destinations: neighbours that are addresses are one part."""
    parts: list[PushPart] = []
    for (is_query, only_primary), items in groupby(found, _find_sort):
        if is_query:
            parts += [
                PushPart(
                    message,
                    audience=Audience(expression=item.expression),
                    only_primary=only_primary,
                )
                for item in items
            ]
        else:
            targets = _group_targets(list(items))
            parts.append(PushPart(message, targets, only_primary=only_primary))
    return tuple(parts)


def _find_sort(item: Destination) -> tuple[bool, bool]:
    return item.is_query, item.only_primary


def _group_targets(items: Sequence[Destination]) -> tuple[Targets, ...]:
    return tuple(_join_targets(kind, list(group)) for kind, group in groupby(items, _find_kind))


def _find_kind(item: Destination) -> str:
    return item.kind


def _join_targets(kind: str, items: Sequence[Destination]) -> Targets:
    ids = tuple(item.id for item in items) if any(item.id for item in items) else ()
    return Targets(kind, tuple(item.value for item in items), ids=ids)


def write_destinations(part: PushPart) -> list[dict[str, Any]]:
    """A part's destinations. Raises `CannotSay`, KeyError for a kind that the vendor has not."""
    primary = {"targetOnlyPrimaryDevices": True} if part.only_primary else {}
    written = [item | primary for targets in part.targets for item in _write_targets(targets)]
    if part.audience is None:
        return written
    return [*written, _write_audience(part.audience) | primary]


def _write_targets(targets: Targets) -> list[dict[str, Any]]:
    name, key = TYPES[targets.kind]
    ids = targets.references or targets.ids or ("",) * len(targets.values)
    return [
        drop_unset({key: value, "type": name, "messageId": number or None})
        for value, number in zip(targets.values, ids, strict=True)
    ]


def _write_audience(audience: Audience) -> dict[str, Any]:
    if audience.labels:
        raise CannotSay("The vendor keeps no labels.")
    if audience.expression is None:
        # Everybody: there is no word for it, so every platform that there is.
        return {OR: [{"platform": name} for name in ("Android", "iOS")], "type": MANY}
    return write_filter(audience.expression) | {"type": MANY}


def names_nobody(message: Mapping[str, Any]) -> bool:
    """Whether a written message says whom it means, in either version, and names no single one."""
    if "to" in message:
        return not message["to"].keys() & _KINDS_OF_KEYS.keys()
    return any(item.get("type") == MANY for item in message["destinations"])


def write_address(kind: str, value: str) -> dict[str, str]:
    """An address as the older calls name it: `{"externalUserId": "..."}`."""
    return {TYPES[kind][1]: value}
