"""Two small tables: `Fields` renames keys in both directions, `FieldSpec` describes one form field.

No Django here: a form, an API check and a docs table are each derived from a `FieldSpec` by
whoever needs them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Kind = str  # one of KINDS
KINDS = frozenset(
    {
        "text", "long_text", "secret", "url", "link", "int", "bool", "choice", "color",
        "int_list", "json", "json_object", "attachments", "buttons", "titles", "number",
    }
)  # fmt: skip


def gettext_noop(text: str) -> str:
    """Mark a text for people so that makemessages finds it; forms translate it when drawn."""
    return text


# Of one action button, with how many characters each may have.
BUTTON_PARTS = {"title": 255, "link": 2048, "id": 255}
NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field that a person or a script fills in.

    `minimum` and `maximum` bound a number, or the length of a text or a list; `pattern` must match
    whole. `label` and `help` are English message ids.
    """

    name: str
    kind: Kind = "text"
    label: str
    help: str = ""
    required: bool = False
    default: Any = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    choice_labels: tuple[str, ...] = ()  # message ids, in the order of `choices`
    pattern: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name}: unknown kind {self.kind}")
        if self.choice_labels and len(self.choice_labels) != len(self.choices):
            raise ValueError(f"{self.name}: each choice needs a label")

    def list_choices(self) -> list[tuple[str, str]]:
        """Each choice with its label."""
        return list(zip(self.choices, self.choice_labels or self.choices, strict=True))

    def find_fault(self, value: Any) -> str | None:
        """What is wrong with a JSON value for this field, or None. Types are never coerced."""
        fault = _find_type_fault(self, value)
        if fault:
            return fault
        if not is_storable(value):
            return "holds a character or a number that cannot be stored"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"must look like {self.pattern}"
        return _find_bound_fault(self, value)


def _find_type_fault(spec: FieldSpec, value: Any) -> str | None:
    if spec.kind in _PART_FAULTS:
        return _PART_FAULTS[spec.kind](value)
    is_right, words = _TYPES.get(spec.kind, _TEXT)
    return None if is_right(value) else words


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_storable(value: Any) -> bool:
    """Whether every database can hold it: no NUL, no half of a surrogate pair, no NaN."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return NUL_ESCAPE.search(text) is None


def _is_list_of_ints(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_int, value))


def _find_attachment_fault(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list"
    for item in value:
        if not isinstance(item, dict) or not item.get("file_url"):
            return "each attachment needs a file_url"
        if not all(isinstance(part, str) for part in item.values()):
            return "each attachment holds texts only"
        unknown = set(item) - {"id", "file_url", "file_type"}
        if unknown:
            return f"unknown attachment field {min(unknown)}"
    return None


def _find_button_fault(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list"
    for item in value:
        if not isinstance(item, dict) or not item.get("title"):
            return "each button needs a title"
        unknown = set(item) - set(BUTTON_PARTS)
        if unknown:
            return f"unknown button field {min(unknown)}"
        for name, part in item.items():
            if not isinstance(part, str):
                return "each button holds texts only"
            if len(part) > BUTTON_PARTS[name]:
                return f"a button's {name} has at most {BUTTON_PARTS[name]} characters"
    return None


def _find_titles_fault(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(title, str) for title in value):
        return "must be a list of texts"
    if any(len(title) > BUTTON_PARTS["title"] for title in value):
        return f"a button's title has at most {BUTTON_PARTS['title']} characters"
    return None


_TEXT = (lambda value: isinstance(value, str)), "must be a text"
_TYPES: dict[Kind, tuple[Callable[[Any], bool], str]] = {
    "int": (_is_int, "must be a whole number"),
    "number": (_is_number, "must be a number"),
    "bool": ((lambda value: isinstance(value, bool)), "must be true or false"),
    "int_list": (_is_list_of_ints, "must be a list of whole numbers"),
    "json_object": ((lambda value: isinstance(value, dict)), "must be an object"),
    "json": ((lambda _value: True), ""),
}
_PART_FAULTS: dict[Kind, Callable[[Any], str | None]] = {
    "attachments": _find_attachment_fault,
    "buttons": _find_button_fault,
    "titles": _find_titles_fault,
}


def _find_bound_fault(spec: FieldSpec, value: Any) -> str | None:
    is_number = isinstance(value, int | float)
    size = value if is_number else len(value)
    word = "" if is_number else "long: "
    if spec.minimum is not None and size < spec.minimum:
        return f"{word}at least {spec.minimum}"
    if spec.maximum is not None and size > spec.maximum:
        return f"{word}at most {spec.maximum}"
    return None


SCRIPT_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob"})


def is_web_address(text: str) -> bool:
    """Whether a text is a whole http or https address: what the kind `url` means."""
    scheme, host = split_address(text)
    return scheme in {"http", "https"} and bool(host)


def is_link(text: str) -> bool:
    """Whether a text has a scheme that runs no script: what the kind `link` means."""
    scheme, _host = split_address(text)
    return bool(scheme) and scheme not in SCRIPT_SCHEMES


def split_address(text: str) -> tuple[str, str]:
    """Scheme and host of an address, "" where it has none or is malformed."""
    if re.search(r"[\s\x00-\x1f]", text):
        return "", ""
    try:
        parts = urlsplit(text)
        return parts.scheme.lower(), parts.hostname or ""
    except ValueError:
        return "", ""


class Fields:
    """A rename table: `Fields(body="text")` writes our `body` as `text` and reads it back."""

    def __init__(self, **names: str) -> None:
        self.names = names
        self.ours = {theirs: ours for ours, theirs in names.items()}
        if len(self.ours) != len(names):
            raise ValueError("two of our names share one of theirs")

    def write(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Our values under their names; what is None is left out."""
        return {
            self.names[ours]: value
            for ours, value in values.items()
            if ours in self.names and value is not None
        }

    def read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Their values under our names; unknown keys and nulls are left out."""
        return {
            self.ours[theirs]: value
            for theirs, value in body.items()
            if theirs in self.ours and value is not None
        }

    def unknown(self, body: Mapping[str, Any]) -> set[str]:
        """Keys of theirs that no field of ours has."""
        return set(body) - set(self.ours)
