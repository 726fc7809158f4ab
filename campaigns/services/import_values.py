"""What a cell of an imported file means for its target: the value, or how to mend it.

A reader takes what stands there and gives what is stored; it raises ValueError with a sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models.audience import PLATFORM_KEYS
from campaigns.models.clock import list_zone_names
from campaigns.selectors.audience_fields import MAX_NUMBER, find_text_fault
from campaigns.selectors.contacts import LENGTHS, find_contact_fault, write_contact
from campaigns.selectors.country_names import find_named_country, list_countries
from campaigns.selectors.identifiers import MAX_IDENTIFIER, identifier_platforms
from campaigns.services.device_rows import (
    COLUMN_LENGTHS,
    LANGUAGE,
    MAX_ATTRIBUTES,
    are_attributes_good,
)
from campaigns.services.import_targets import Target

Reader = Callable[[Any], Any]
YES = frozenset({"1", "true", "t", "yes", "y", "on"})
NO = frozenset({"0", "false", "f", "no", "n", "off"})
PLATFORM_WORDS = {
    "iphone": "ios", "ipad": "ios", "browser": "web", "webpush": "web", "harmonyos": "hmos",
    "harmony": "hmos", "fcm": "android", "apns": "ios",
}  # fmt: skip


def find_reader(target: Target) -> Reader:
    """The reader of a target's cells."""
    if target.type:
        return _TYPED[target.type]
    if target.name.startswith("id."):
        return read_identifier
    if target.name in COLUMN_LENGTHS:
        return lambda cell: _read_text(cell, COLUMN_LENGTHS[target.name])
    return _READERS[target.name]


def is_empty(cell: Any) -> bool:
    """Whether a cell says nothing, so that what is known stays."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _read_text(cell: Any, most: int) -> str:
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise ValueError(_("A text is needed here."))
    text = str(cell).strip()
    fault = find_text_fault(text, most)
    if fault:
        raise ValueError(fault)
    return text


def read_identifier(cell: Any) -> str:
    """An id of a device."""
    return _read_text(cell, MAX_IDENTIFIER)


def _read_contact(kind: str, cell: Any) -> str:
    text = _read_text(cell, LENGTHS[kind])
    fault = find_contact_fault(kind, text)
    if fault:
        raise ValueError(fault)
    return write_contact(kind, text)


def _read_language(cell: Any) -> str:
    text = _read_text(cell, 64).replace("_", "-")
    if len(text) > 16 or not LANGUAGE.fullmatch(text):
        raise ValueError(_("This is no language code such as en or pt-BR."))
    return text


def _read_country(cell: Any) -> str:
    text = _read_text(cell, 64)
    if text.upper() in list_countries():
        return text.upper()
    given = {"value": text, "code": find_named_country(text)}
    if given["code"]:
        raise ValueError(_("“%(value)s” is no country code: write %(code)s.") % given)
    raise ValueError(
        _("“%(value)s” is no country code: write one such as DE, or leave it empty.") % given
    )


def _read_zone(cell: Any) -> str:
    text = _read_text(cell, 64)
    if text not in list_zone_names():
        raise ValueError(_("%(name)s is no IANA time zone such as Europe/Berlin.") % {"name": text})
    return text


def read_platform(cell: Any) -> str:
    """A platform by its key or by another name that is common."""
    text = _read_text(cell, 40).casefold()
    word = re.sub(r"[^a-z]", "", text)
    platform = PLATFORM_WORDS.get(word, text)
    if platform not in PLATFORM_KEYS:
        raise ValueError(_("A platform is one of %(known)s.") % {"known": ", ".join(PLATFORM_KEYS)})
    return platform


def _read_flag(cell: Any) -> bool:
    if isinstance(cell, bool):
        return cell
    word = str(cell).strip().casefold()
    if word in YES or word in NO:
        return word in YES
    raise ValueError(_("Write true or false."))


def _read_number(cell: Any) -> int | float:
    number = _parse_number(cell)
    if not math.isfinite(number) or abs(number) > MAX_NUMBER:
        raise ValueError(_("Numbers are between -2^53 and 2^53."))
    return number


def _parse_number(cell: Any) -> int | float:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    text = cell.strip() if isinstance(cell, str) else ""
    if not re.fullmatch(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,4})?", text):
        raise ValueError(_("Write a number with a point, such as 12.5."))
    return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else float(text)


def _read_typed_text(cell: Any) -> str:
    return _read_text(cell, 1024)


def _read_list(cell: Any) -> list[Any]:
    items = cell if isinstance(cell, list) else [item.strip() for item in str(cell).split("|")]
    kept = [item for item in items if item != ""]
    if not are_attributes_good({"list": kept}):
        raise ValueError(_("A list has at most %(most)s plain values.") % {"most": MAX_ATTRIBUTES})
    return kept


def _read_object(cell: Any) -> Mapping[str, Any]:
    value = cell
    if isinstance(cell, str):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise ValueError(_('Write a JSON object such as {"plan": "pro"}.')) from error
    if not isinstance(value, dict):
        raise ValueError(_('Write a JSON object such as {"plan": "pro"}.'))
    return value


def _read_attributes(cell: Any) -> Mapping[str, Any]:
    value = _read_object(cell)
    if not are_attributes_good(value):
        raise ValueError(
            _("Attributes are at most %(most)s plain values or lists of them, by names without"
              " quotes.") % {"most": MAX_ATTRIBUTES}
        )  # fmt: skip
    return value


def _read_ids(cell: Any) -> Mapping[str, str]:
    value = _read_object(cell)
    known = identifier_platforms()
    unknown = next((kind for kind in value if kind not in known), "")
    if unknown:
        raise ValueError(
            _("Nobody knows devices by %(kind)s; known are: %(known)s.")
            % {"kind": unknown[:80], "known": ", ".join(sorted(known))}
        )
    return {kind: read_identifier(text) for kind, text in value.items() if not is_empty(text)}


def read_labels(cell: Any) -> tuple[str, ...]:
    """Names of labels: a list, or a text with | between them."""
    items = cell if isinstance(cell, list) else str(cell).split("|")
    names = (_read_text(item, 128) for item in items)
    return tuple(dict.fromkeys(name for name in names if name))


def _read_key(cell: Any) -> str:
    return _read_text(cell, 255)


_READERS: dict[str, Reader] = {
    "external_user_id": _read_key,
    "email": partial(_read_contact, "email"), "phone": partial(_read_contact, "phone"),
    "language": _read_language, "country": _read_country, "timezone": _read_zone,
    "opted_out": _read_flag, "attributes": _read_attributes, "platform": read_platform,
    "token": read_identifier, "ids": _read_ids, "": read_labels,
}  # fmt: skip
_TYPED: dict[str, Reader] = {
    "text": _read_typed_text, "number": _read_number, "flag": _read_flag, "list": _read_list,
}  # fmt: skip
