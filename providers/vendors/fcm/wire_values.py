"""Single JSON values of a call: names in both of proto3's spellings, durations, colours, and where
a value stands when it is wrong.

Sources: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages; the JSON mapping of
protocol buffers (protobuf.dev/programming-guides/json), by which `fcmOptions` and `fcm_options` are
one name and a duration is a text of seconds that ends in "s".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers import blocks
from providers.fields import FieldSpec
from providers.outcomes import Refusal, RefusalKind

_STORABLE = FieldSpec(name="body", kind="json", label="")
_HUMP = re.compile("(?<=[a-z0-9])[A-Z]")
_DURATION = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?s")
# Objects whose names are not the vendor's own but the app's, a browser's, or Apple's.
_FOREIGN = frozenset({"data", "headers", "payload"})


class Block(blocks.Block):
    """A block that refuses in the vendor's words; texts have no length of their own."""

    __slots__ = ()
    MAX_TEXT = None

    def refuse_type(self, name: str, why: str) -> Refusal:
        return refuse_value(self.at(name), why)

    def find_texts(self, name: str) -> dict[str, str]:
        """An object of texts, {} where there is none."""
        value = self.find(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.refuse_type(name, "must be an object")
        for key, text in value.items():
            if not isinstance(text, str):
                raise refuse_value(f"{self.at(name)}.{key}", "must be a text (TYPE_STRING)")
        return dict(value)


def read_body(body: Any) -> Block:
    """The whole body of a call, its names written with underscores; raises `Refusal`."""
    if not isinstance(body, dict):
        raise Refusal(RefusalKind.MALFORMED, "Invalid JSON payload received. It is no object.")
    fault = _STORABLE.find_fault(body)
    if fault:
        raise refuse_value("message", fault)
    return Block(_spell(body))


def _spell(body: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    names = {_HUMP.sub(lambda found: f"_{found[0].lower()}", name): name for name in body}
    return {ours: _spell_value(ours, body[name], path) for ours, name in names.items()}


def _spell_value(name: str, value: Any, path: tuple[str, ...]) -> Any:
    is_foreign = name in _FOREIGN or (name == "notification" and path[-1:] == ("webpush",))
    return value if is_foreign or not isinstance(value, dict) else _spell(value, (*path, name))


def refuse_value(field: str, why: str) -> Refusal:
    return Refusal(RefusalKind.INVALID, f"Invalid value at '{field}': {why}.", field=field)


def write_seconds(seconds: int) -> str:
    return f"{seconds}s"


def write_milliseconds(number: int) -> str:
    """A duration without zeros at its end: 500 is `0.5s`."""
    seconds, rest = divmod(number, 1000)
    return f"{seconds}.{rest:03d}".rstrip("0").rstrip(".") + "s"


def read_milliseconds(text: Any) -> int | None:
    """None for what is no duration, or finer than we keep it."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    nanos = int((found[2] or "0").ljust(9, "0"))
    whole, rest = divmod(nanos, 1_000_000)
    return None if rest else int(found[1]) * 1000 + whole


def read_seconds(text: Any) -> int | None:
    """None for what is no duration of whole seconds."""
    number = read_milliseconds(text)
    return None if number is None or number % 1000 else number // 1000


def write_color(color: str) -> dict[str, float]:
    """`#RRGGBB` as google.type.Color."""
    red, green, blue = (round(int(color[place : place + 2], 16) / 255, 6) for place in (1, 3, 5))
    return {"red": red, "green": green, "blue": blue, "alpha": 1.0}


def read_color(value: Any) -> str | None:
    """None for what is none, or lets something shine through."""
    if not isinstance(value, dict) or value.get("alpha", 1.0) != 1:
        return None
    shares = [value.get(name, 0.0) for name in ("red", "green", "blue")]
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
        return None
    return "#" + "".join(f"{round(share * 255):02X}" for share in shares)
