"""JSON values: short texts of them, objects in texts, and patches of objects (RFC 7386)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def write_json(value: Any) -> str:
    """Without blanks, letters as they are: lengths are counted."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_json_object(text: str) -> dict[str, Any] | None:
    """The object that a text is, None if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def find_patch(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What RFC 7386 turns `base` into `wanted` with; nulls of `wanted` count as not there."""
    patch: dict[str, Any] = {}
    for name, value in wanted.items():
        if value is None or (name in base and is_same(base[name], value)):
            continue
        inner = base.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            patch[name] = find_patch(inner, value)
        else:
            patch[name] = strip_nulls(value)
    return {**patch, **{name: None for name in base if wanted.get(name) is None}}


def apply_patch(base: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null takes away, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = apply_patch(merged.get(name), value)
    return merged


def strip_nulls(value: Any) -> Any:
    """The same without what is null, in objects only."""
    if isinstance(value, dict):
        return {name: strip_nulls(item) for name, item in value.items() if item is not None}
    return value


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one: true is not 1, and null in an object is nothing."""
    texts = [json.dumps(strip_nulls(value), sort_keys=True) for value in (one, other)]
    return texts[0] == texts[1]
