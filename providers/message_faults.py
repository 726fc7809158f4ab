"""What is wrong with a message, by field path: in its JSON form, and its addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.fields import FieldSpec, is_link, is_web_address
from providers.languages import find_fallback_fault
from providers.message import PushMessage
from providers.message_channels import OTHER_BLOCKS, TRANSLATED
from providers.message_fields import (
    COMMON_FIELDS,
    DELIVERY_FIELDS,
    MAX_DEFAULT,
    MAX_LANGUAGE,
    MAX_TRANSLATIONS,
    PERSONAL_FIELDS,
    SHARED_FIELDS,
)
from providers.message_platforms import BLOCK_FIELDS

TOP_FIELDS = (*COMMON_FIELDS, *SHARED_FIELDS, *DELIVERY_FIELDS, *PERSONAL_FIELDS)
_COMMON_OTHERS = frozenset({"android", "ios", "web", *OTHER_BLOCKS, "translations", "extras"})
_BLOCKS = dict.fromkeys(path.rpartition(".")[0] for path in TRANSLATED)
# What a translation says by its blocks, "" for what it says everywhere.
_SAID = {
    block: tuple(spec for path, spec in TRANSLATED.items() if path.rpartition(".")[0] == block)
    for block in _BLOCKS
}


def find_message_faults(body: Any) -> dict[str, str]:
    """Faults of a JSON message by field path (`android.priority`), empty when it is good.

    Unknown fields are faults; types are never coerced. Nulls mean "not set".
    """
    if not isinstance(body, dict):
        return {"": "must be an object"}
    faults = _find_block_faults(body, TOP_FIELDS, "", others=_COMMON_OTHERS)
    for name, specs in OTHER_BLOCKS.items():
        if body.get(name) is not None:
            faults |= _find_block_faults(body[name], specs, f"{name}.")
    for platform, specs in BLOCK_FIELDS.items():
        block = body.get(platform.value)
        if block is not None:
            faults |= _find_block_faults(block, specs, f"{platform.value}.")
    faults |= _find_default_faults(body.get("defaults"))
    if body.get("fallbacks") is not None and (fault := find_fallback_fault(body["fallbacks"])):
        faults["fallbacks"] = fault
    faults |= _find_translation_faults(body.get("translations"))
    return faults | _find_extras_faults(body.get("extras"))


def find_address_faults(message: PushMessage) -> dict[str, str]:
    """Addresses of a message that are none, by field path.

    Not part of `find_message_faults`, because a vendor's scripts may send what that vendor takes.
    """
    faults = {}
    for path, spec, value in _list_addressed(message):
        if not value or (message.template and "{" in repr(value)):
            continue  # nobody has an address yet; providers.templates looks at it
        fault = _find_address_fault(spec, value)
        if fault:
            faults[path] = fault
    return faults


def _list_addressed(message: PushMessage) -> Iterator[tuple[str, FieldSpec, Any]]:
    """Fields that may hold addresses, with their paths."""
    for spec in SHARED_FIELDS:
        yield spec.name, spec, getattr(message, spec.name)
    for platform, specs in BLOCK_FIELDS.items():
        block = getattr(message, platform.value)
        for spec in specs if block is not None else ():
            yield f"{platform.value}.{spec.name}", spec, getattr(block, spec.name)


def _find_address_fault(spec: FieldSpec, value: Any) -> str | None:
    match spec.kind:
        case "url":
            addresses = [value]
        case "attachments":
            addresses = [item.file_url for item in value]
        case "link":
            return None if is_link(value) else "must be an address with its scheme"
        case "buttons":
            are_links = all(is_link(one.link) for one in value if one.link)
            return None if are_links else "must be addresses with their schemes"
        case _:
            return None
    are_whole = all(is_web_address(address) for address in addresses)
    return None if are_whole else "must be a whole http or https address"


def _find_block_faults(
    body: Any, specs: tuple[FieldSpec, ...], prefix: str, others: frozenset[str] = frozenset()
) -> dict[str, str]:
    if not isinstance(body, dict):
        return {prefix.rstrip("."): "must be an object"}
    known = {spec.name: spec for spec in specs}
    faults = {}
    for name, value in body.items():
        if name not in known and name not in others:
            faults[f"{prefix}{name}"] = "unknown field"
        elif name in known and value is not None:
            fault = known[name].find_fault(value)
            if fault:
                faults[f"{prefix}{name}"] = fault
    return faults


def _find_translation_faults(body: Any) -> dict[str, str]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        return {"translations": "must be an object"}
    if len(body) > MAX_TRANSLATIONS:
        return {"translations": f"at most {MAX_TRANSLATIONS} languages"}
    if any(len(language) > MAX_LANGUAGE for language in body):
        return {"translations": f"a language has at most {MAX_LANGUAGE} characters"}
    faults: dict[str, str] = {}
    blocks = frozenset(_SAID) - {""}
    for language, text in body.items():
        path = f"translations.{language}."
        faults |= _find_block_faults(text, _SAID[""], path, others=blocks)
        for name in blocks & set(text if isinstance(text, dict) else ()):
            if text[name] is not None:
                faults |= _find_block_faults(text[name], _SAID[name], f"{path}{name}.")
    return faults


def _find_default_faults(body: Any) -> dict[str, str]:
    if not isinstance(body, dict):
        return {}  # told by its field
    return {
        f"defaults.{name}": "must be a text of 1 to 255 characters"
        for name, text in body.items()
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_DEFAULT
    }


def _find_extras_faults(body: Any) -> dict[str, str]:
    if body is None:
        return {}
    if not isinstance(body, dict) or not all(isinstance(item, dict) for item in body.values()):
        return {"extras": "must be an object of objects, one per dialect"}
    return {}
