"""Options of a message that no field of ours holds, by name: form fields for people, places in the
body of a call (vendor page "Create Push API", `options` and the platforms' blocks).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.fields import FieldSpec, gettext_noop
from providers.json_values import apply_patch, strip_nulls

from .wire_values import Block

OPTIONS: dict[str, tuple[str, ...]] = {
    "classification": ("options", "classification"),
    "big_push_duration": ("options", "big_push_duration"),
    "third_party_channel": ("options", "third_party_channel"),
    "override_msg_id": ("options", "override_msg_id"),
    "android_category": ("notification", "android", "category"),
    # A field of its own by now; messages that were stored before have it here.
    "interruption_level": ("notification", "ios", "interruption-level"),
    "hmos_category": ("notification", "hmos", "category"),
}
OPTION_FIELDS = (
    FieldSpec(
        name="classification",
        kind="int",
        label=gettext_noop("Classification"),
        help=gettext_noop("0 marketing, 1 system; the phone makers' channels ask for it."),
        minimum=0,
        maximum=1,
    ),
    FieldSpec(
        name="big_push_duration",
        kind="int",
        label=gettext_noop("Spread over, minutes"),
        minimum=1,
        maximum=1440,
    ),
    FieldSpec(
        name="third_party_channel",
        kind="json_object",
        label=gettext_noop("Phone makers' channels"),
        help=gettext_noop('For example {"huawei": {"distribution": "first_ospush"}}.'),
    ),
    FieldSpec(
        name="override_msg_id",
        kind="int",
        label=gettext_noop("Replaces message"),
        help=gettext_noop("The vendor's number of a message of the last day."),
        minimum=1,
        maximum=2**63 - 1,
    ),
    FieldSpec(
        name="android_category",
        label=gettext_noop("Android category"),
        minimum=1,
        maximum=255,
    ),
    FieldSpec(
        name="hmos_category",
        label=gettext_noop("HarmonyOS category"),
        help=gettext_noop("Empty: MARKETING."),
        minimum=1,
        maximum=255,
    ),
)
_SPECS = {spec.name: spec for spec in OPTION_FIELDS}
REPLACED = "override_msg_id"  # of a script a number of ours, of people one of the vendor's


def write_options(body: dict[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the options that the extras name, each at its place."""
    for name, path in OPTIONS.items():
        if name in extras and _has_place(body, path):
            patch = extras[name]
            for key in reversed(path):
                patch = {key: patch}
            body = apply_patch(body, patch)
    return body


def _has_place(body: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """A field of a platform's block is written only where the block is."""
    return path[0] == "options" or path[1] in body.get("notification", {})


def read_options(body: Block) -> dict[str, Any]:
    """The options of a body by name, for the extras: those that a form would take, too."""
    found = {}
    for name, path in OPTIONS.items():
        value: Any = body.values
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        # What is written only beside the block's own fields is left to the rest elsewhere.
        if (
            name in _SPECS
            and name != REPLACED
            and value is not None
            and not _SPECS[name].find_fault(value)
        ):
            found[name] = strip_nulls(value)
    return found
