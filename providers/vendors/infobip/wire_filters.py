"""`$or` and `$and` of a destination as an expression of ours, and back (seed section "Target
multiple recipients", wire facts, section 3).

Both at once: what is in the and-list holds, and one of the or-list. An attribute that occurs in
the or-list too is an alternative there: the seed's second example makes sense only so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from providers.audience import And, Condition, Expression, Op, Or
from providers.blocks import is_clean

AND, OR = "$and", "$or"
FIELDS = {
    "platform": "device.platform",
    "sdkVersion": "device.sdk_version",
    "osVersion": "device.os_version",
    "deviceManufacturer": "device.manufacturer",
    "deviceModel": "device.model",
    "applicationVersion": "device.app_version",
    "osLanguage": "device.language",
    "deviceSecure": "device.is_secure",
    "notificationsEnabled": "device.notifications_enabled",
    "externalUserId": "person.external_user_id",
    "phoneNumber": "person.phone",
    "email": "person.email",
    "pushRegistrationId": "device.id.push_registration_id",
}
PLATFORMS = {"android": "Android", "ios": "iOS", "web": "Web", "hmos": "Huawei"}
# Words that mean a platform in either version; clouds are of the older call's `to`.
_PLATFORM_WORDS = {
    **{word.lower(): ours for ours, word in PLATFORMS.items()},
    **{ours: ours for ours in PLATFORMS},
    "gcm": "android",
    "fcm": "android",
    "apns": "ios",
    "hms": "hmos",
}
CLOUDS, PLATFORM = "cloudType", "device.platform"
CLOUD_NAMES = {"android": "GCM", "ios": "APNS", "web": "WEB", "hmos": "HMS"}
_THEIRS = {ours: theirs for theirs, ours in FIELDS.items()}
_OURS = {theirs.lower(): ours for theirs, ours in FIELDS.items()} | {
    CLOUDS.lower(): "device.platform"
}
_CUSTOM = "device.custom."
_FLAGS = frozenset({"device.is_secure", "device.notifications_enabled"})
_VERSIONS = frozenset({"device.sdk_version", "device.os_version", "device.app_version"})
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}")
_NAME = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,128}")
MAX_TERMS = 100


class MalformedFilter(ValueError):
    """The vendor would reject the query: it is answered under 200, with a status of its own."""


class CannotSay(ValueError):
    """The expression has no `$and` and `$or` that mean the same."""


def read_filter(or_list: Any, and_list: Any) -> Expression:
    """One destination's two lists, each None where it is not there. Raises `MalformedFilter`."""
    any_terms, all_terms = _read_terms(or_list), _read_terms(and_list)
    if not any_terms and not all_terms:
        raise MalformedFilter("neither $or nor $and holds anything")
    if len(any_terms) + len(all_terms) > MAX_TERMS:
        raise MalformedFilter(f"more than {MAX_TERMS} conditions")
    alternatives = {term.field for term in any_terms}
    rest = tuple(term for term in all_terms if term.field not in alternatives)
    joined = tuple(term for term in all_terms if term.field in alternatives) + any_terms
    if not joined:
        return And(rest)
    return And((*rest, Or(joined))) if rest else Or(joined)


def read_attributes(attributes: dict[str, Any]) -> Expression:
    """The older call's `to`: every attribute holds, a list of values means one of them."""
    if not 0 < len(attributes) <= MAX_TERMS:
        raise MalformedFilter("no attribute, or too many")
    return And(tuple(_read_attribute(name, value) for name, value in attributes.items()))


def _read_attribute(name: str, value: Any) -> Condition:
    if not isinstance(value, list):
        return _read_condition(name, value)
    terms = [_read_condition(name, item) for item in value]
    if not 0 < len(terms) <= MAX_TERMS:
        raise MalformedFilter(f"{name} lists nothing, or too much")
    if terms[0].field in _FLAGS:
        raise MalformedFilter(f"{name} is true or false")
    values = tuple(dict.fromkeys(term.value for term in terms))
    return Condition(terms[0].field, Op.IN, values)


def _read_terms(items: Any) -> tuple[Condition, ...]:
    if items is None:
        return ()
    if not isinstance(items, list):
        raise MalformedFilter("$or and $and are lists")
    return tuple(_read_item(item) for item in items)


def _read_item(item: Any) -> Condition:
    if not isinstance(item, dict) or len(item) != 1:
        raise MalformedFilter("$or and $and hold objects of one attribute each")
    [(name, value)] = item.items()
    return _read_condition(name, value)


def _read_condition(name: str, value: Any) -> Condition:
    field = _OURS.get(name.lower())
    if field is None:
        if not _NAME.fullmatch(name):
            raise MalformedFilter("an attribute's name is no name")
        return Condition(f"{_CUSTOM}{name}", Op.EQ, _read_scalar(name, value))
    if field in _FLAGS:
        return Condition(field, Op.EQ, _read_flag(name, value))
    return Condition(field, Op.EQ, _read_known(name, field, _read_text(name, value)))


def _read_known(name: str, field: str, value: str) -> str:
    if field == "device.platform":
        if value.lower() not in _PLATFORM_WORDS:
            raise MalformedFilter(f"{value[:50]} is no {name}")
        return _PLATFORM_WORDS[value.lower()]
    if field in _VERSIONS and not _VERSION.fullmatch(value):
        raise MalformedFilter(f"{name} is no version")
    return value


def _read_text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1024 or not is_clean(value):
        raise MalformedFilter(f"{name} needs a text")
    return value


def _read_scalar(name: str, value: Any) -> Any:
    if isinstance(value, bool | int | float) and abs(value) <= 2**53:
        return value
    return _read_text(name, value)


def _read_flag(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise MalformedFilter(f"{name} is true or false")
    return value


def write_filter(expression: Expression) -> dict[str, Any]:
    """The lists of a destination that mean exactly this. Raises `CannotSay`."""
    match expression:
        case Or(terms) if terms:
            return {OR: _write_terms(_flatten(terms))}
        case And(terms) if terms:
            return _write_and(terms)
        case Condition():
            return _write_and((expression,))
    raise CannotSay("Only conditions that are joined by one and, or one or, can be said.")


def _write_and(terms: Sequence[Expression]) -> dict[str, Any]:
    plain = [term for term in terms if isinstance(term, Condition) and term.op is Op.EQ]
    others = [term for term in terms if not (isinstance(term, Condition) and term.op is Op.EQ)]
    if not others:
        return {AND: _write_terms(plain)}
    if len(others) > 1:
        raise CannotSay("At most one group of alternatives can be said.")
    alternatives = _flatten([others[0]])
    if {term.field for term in alternatives} & {term.field for term in plain}:
        raise CannotSay("An attribute is either in the group of alternatives or beside it.")
    body = {AND: _write_terms(plain)} if plain else {}
    return body | {OR: _write_terms(alternatives)}


def _flatten(terms: Iterable[Expression]) -> list[Condition]:
    """Alternatives, each one equality."""
    found: list[Condition] = []
    for term in terms:
        match term:
            case Condition(_, Op.EQ, _):
                found.append(term)
            case Condition(field, Op.IN, values) if values:
                found += [Condition(field, Op.EQ, value) for value in values]
            case Or(inner) if inner:
                found += _flatten(inner)
            case _:
                raise CannotSay("Only equality can be said.")
    return found


def _write_terms(terms: Iterable[Condition]) -> list[dict[str, Any]]:
    return [_write_condition(term) for term in terms]


def _write_condition(term: Condition) -> dict[str, Any]:
    if term.field == "device.platform":
        return {"platform": PLATFORMS[term.value]}
    if term.field.startswith(_CUSTOM):
        return {term.field.removeprefix(_CUSTOM): term.value}
    if term.field not in _THEIRS:
        raise CannotSay(f"The vendor knows no {term.field}.")
    return {_THEIRS[term.field]: term.value}


def can_filter(expression: Expression) -> bool:
    """Whether a query means exactly this: so only of the two documented platforms.

    How other attributes are compared, and whether the vendor's copies of them are ours, no page
    says.
    """
    try:
        written = write_filter(expression)
    except (CannotSay, KeyError):
        return False
    known = [{"platform": "Android"}, {"platform": "iOS"}]
    return all(term in known for terms in written.values() for term in terms)
