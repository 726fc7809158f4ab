"""One device as a script registers it, and what can be wrong with it before it meets the others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.models.audience import PLATFORM_KEYS
from campaigns.models.clock import list_zone_names
from campaigns.models.marks import MAX_MARK
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.audience_fields import MAX_NUMBER, MAX_VALUE_LENGTH, find_text_fault
from campaigns.selectors.identifiers import MAX_IDENTIFIER, identifier_platforms
from campaigns.services.token_shapes import WEB, is_crooked

MAX_ATTRIBUTES = 100
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
COUNTRY = re.compile(r"[A-Z]{2}")
COLUMN_LENGTHS = {
    "app_version": 32, "sdk_version": 32, "os_version": 32, "manufacturer": 64, "model": 64,
}  # fmt: skip
TEXT_LENGTHS = {"token": MAX_IDENTIFIER, "external_user_id": 255, "transport": 20}
FLAGS = ("is_secure", "notifications_enabled", "is_primary")
COLUMNS = ("language", "country", "timezone", *COLUMN_LENGTHS, *FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """One row of a bulk register. What is empty or None leaves the device as it is.

    `attributes` are laid over the device's own, a None takes one away; `columns` are values of
    `COLUMNS`. `tags` replaces all tags, an `alias` of "" takes it away. `device` is our id of a
    device that must be there.
    """

    platform: str
    token: str = ""
    external_user_id: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    transport: str = ""
    tags: Sequence[str] | None = None
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    alias: str | None = None
    drops_token: bool = False
    drops_person: bool = False
    device: int = 0

    @property
    def has_marks(self) -> bool:
        """Whether it says anything about tags or the alias."""
        has_tags = self.tags is not None or self.add_tags or self.remove_tags
        return bool(has_tags) or self.alias is not None


def find_row_fault(row: DeviceRow) -> str:
    """A reason code when the row cannot be registered whatever else exists, or ""."""
    if row.platform not in PLATFORM_KEYS:
        return "invalid_platform"
    if not (row.token or row.ids or row.device):
        return "no_identity"
    for name, maximum in TEXT_LENGTHS.items():
        if find_text_fault(getattr(row, name), maximum):
            return f"invalid_{name}"
    if row.platform == WEB and is_crooked(row.token):
        return "invalid_token"
    if not are_attributes_good(row.attributes):
        return "invalid_attributes"
    return _find_ids_fault(row) or find_column_fault(row.columns) or _find_marks_fault(row)


def _find_marks_fault(row: DeviceRow) -> str:
    for name in (*(row.tags or ()), *row.add_tags):
        if not name or find_text_fault(name, MAX_MARK):
            return "invalid_tags"
    return "invalid_alias" if row.alias and find_text_fault(row.alias, MAX_MARK) else ""


def _find_ids_fault(row: DeviceRow) -> str:
    known = identifier_platforms()
    for kind, value in row.ids.items():
        if kind not in known:
            return "unknown_id_kind"
        if not value or find_text_fault(value, MAX_IDENTIFIER):
            return "invalid_ids"
        if known[kind] not in {"", row.platform}:
            return "wrong_platform"
    return ""


def find_column_fault(columns: Mapping[str, Any]) -> str:
    """`invalid_<name>` of the first column whose value does not fit, or ""."""
    return next((f"invalid_{name}" for name in columns if not _fits(name, columns[name])), "")


def _fits(name: str, value: Any) -> bool:
    if name in FLAGS:
        return isinstance(value, bool)
    if value == "":
        return True
    if find_text_fault(value, COLUMN_LENGTHS.get(name, 64)):
        return False
    match name:
        case "language":
            return len(value) <= 16 and LANGUAGE.fullmatch(value) is not None
        case "country":
            return COUNTRY.fullmatch(value) is not None
        case "timezone":
            return value in list_zone_names()
    return True


def are_attributes_good(attributes: Mapping[str, Any]) -> bool:
    """Whether custom attributes can be stored and named in an expression."""
    return len(attributes) <= MAX_ATTRIBUTES and all(
        ATTRIBUTE_NAME.fullmatch(name) and _is_storable(value) for name, value in attributes.items()
    )


def _is_storable(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_ATTRIBUTES and all(_is_plain(item) for item in value)
    return value is None or _is_plain(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return not find_text_fault(value, MAX_VALUE_LENGTH)
    if isinstance(value, bool):
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= MAX_NUMBER
