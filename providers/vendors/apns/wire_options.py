"""What a message may say to this gateway alone, by name; kept in the message's `extras`.

Sources: Apple's pages "Generating a remote notification" (table 1 and 2, critical sounds) and
"Starting and updating Live Activities with ActivityKit push notifications".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.fields import FieldSpec, gettext_noop

from .wire import KINDS, LIVE

KEY = "apns"
START, UPDATE, END = "start", "update", "end"
# Keys of the alert dictionary that a message of ours has no field for.
ALERT_KEYS = frozenset(
    {
        "title-loc-key", "title-loc-args", "subtitle-loc-key", "subtitle-loc-args",
        "loc-key", "loc-args", "launch-image",
    }
)  # fmt: skip
MAX_SECONDS = 31_536_000

OPTION_FIELDS = (
    FieldSpec(
        name="push_type",
        kind="choice",
        label=gettext_noop("Push type"),
        help=gettext_noop("Empty: alert, or background where it is silent."),
        choices=tuple(KINDS),
    ),
    FieldSpec(
        name="priority",
        kind="choice",
        label=gettext_noop("Priority"),
        help=gettext_noop("Empty: at once; a silent push goes when it suits the battery."),
        choices=("10", "5", "1"),
        choice_labels=(
            gettext_noop("10: at once"),
            gettext_noop("5: when it suits the battery"),
            gettext_noop("1: never wakes the device"),
        ),
    ),
    FieldSpec(
        name="alert",
        kind="json_object",
        label=gettext_noop("More of the alert"),
        help=gettext_noop('Keys of texts in the app, like {"loc-key": "HI", "loc-args": ["Ann"]}.'),
    ),
    FieldSpec(
        name="filter_criteria",
        label=gettext_noop("Focus filter"),
        help=gettext_noop("filter-criteria: decides whether it is shown in a Focus."),
        maximum=255,
    ),
    FieldSpec(
        name="critical_volume",
        kind="int",
        label=gettext_noop("Volume of a critical alert, %"),
        help=gettext_noop("Sounds although the device is muted; Apple must have allowed it."),
        minimum=0,
        maximum=100,
    ),
    FieldSpec(
        name="event",
        kind="choice",
        label=gettext_noop("Live Activity"),
        help=gettext_noop("What becomes of it; the push type is then liveactivity."),
        choices=(START, UPDATE, END),
    ),
    FieldSpec(
        name="content_state",
        kind="json_object",
        label=gettext_noop("State of the Live Activity"),
        help=gettext_noop("As the app's ContentState reads it."),
    ),
    FieldSpec(
        name="stale_in",
        kind="int",
        label=gettext_noop("Live Activity is stale after, s"),
        minimum=0,
        maximum=MAX_SECONDS,
    ),
    FieldSpec(
        name="dismiss_in",
        kind="int",
        label=gettext_noop("Live Activity goes after, s"),
        help=gettext_noop("Of its end; 0 at once, empty four hours."),
        minimum=0,
        maximum=MAX_SECONDS,
    ),
    FieldSpec(
        name="attributes_type",
        label=gettext_noop("Type of the Live Activity"),
        help=gettext_noop("The app's ActivityAttributes type; to start one."),
        maximum=255,
    ),
    FieldSpec(
        name="attributes",
        kind="json_object",
        label=gettext_noop("Attributes of the Live Activity"),
        help=gettext_noop("As the app's ActivityAttributes read them; to start one."),
    ),
)
_SPECS = {spec.name: spec for spec in OPTION_FIELDS}


def find_option_faults(options: Mapping[str, Any], *, has_text: bool) -> dict[str, str]:
    """What is wrong with the options of a message, by name."""
    faults = {}
    for name, value in options.items():
        fault = _SPECS[name].find_fault(value) if name in _SPECS else "unknown option"
        if fault:
            faults[name] = fault
    return faults or _find_clashes(options, has_text=has_text)


def _find_clashes(options: Mapping[str, Any], *, has_text: bool) -> dict[str, str]:
    faults = {}
    kind = KINDS.get(options.get("push_type", ""))
    if kind and options.get("priority", "10" if "10" in kind.priorities else "5") not in (
        kind.priorities
    ):
        faults["priority"] = f"must be one of {', '.join(sorted(kind.priorities))} for this type"
    if unknown := set(options.get("alert", {})) - ALERT_KEYS:
        faults["alert"] = f"has the unknown key {min(unknown)}"
    return faults | _find_live_faults(options, has_text=has_text)


def _find_live_faults(options: Mapping[str, Any], *, has_text: bool) -> dict[str, str]:
    event = options.get("event")
    if event is None:
        is_live = options.get("push_type") == LIVE
        return {"event": "a Live Activity needs start, update or end"} if is_live else {}
    if options.get("push_type", LIVE) != LIVE:
        return {"push_type": f"must be {LIVE} for a Live Activity"}
    faults = {}
    if event != END and "content_state" not in options:
        faults["content_state"] = "is needed to start or update a Live Activity"
    if event == START:
        faults |= {
            name: "is needed to start a Live Activity"
            for name in ("attributes_type", "attributes")
            if name not in options
        }
        if not has_text:
            faults["event"] = "the start of a Live Activity needs a text to show"
    return faults


def find_kind(options: Mapping[str, Any], *, is_silent: bool) -> str:
    """The push type of a message."""
    if options.get("event"):
        return LIVE
    return options.get("push_type") or ("background" if is_silent else "alert")


def write_activity(options: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The `aps` keys of a Live Activity at a moment, in seconds since 1970."""
    body: dict[str, Any] = {"timestamp": now, "event": options["event"]}
    names = {
        "content_state": "content-state",
        "attributes_type": "attributes-type",
        "attributes": "attributes",
    }
    body |= {theirs: options[ours] for ours, theirs in names.items() if ours in options}
    instants = {"stale_in": "stale-date", "dismiss_in": "dismissal-date"}
    return body | {
        theirs: now + options[ours] for ours, theirs in instants.items() if ours in options
    }
