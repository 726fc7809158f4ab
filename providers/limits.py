"""Limits of one account: the vendor's own, and what an operator has set: lower ones, and higher
ones where the vendor grants such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.contract import Limits
from providers.fields import FieldSpec, gettext_noop

# Where a vendor names no limit, what is above these is a slip of the finger.
MOST = {
    "requests_per_second": 100_000,
    "requests_per_day": 100_000_000,
    "recipients_per_second": 100_000,
    "in_flight": 1_000,
    "running_tasks": 1_000,
}
_LABELS = {
    "requests_per_second": gettext_noop("Limit: calls per second"),
    "requests_per_day": gettext_noop("Limit: calls per day"),
    "recipients_per_second": gettext_noop("Limit: recipients per second"),
    "in_flight": gettext_noop("Limit: calls at the same time"),
    "running_tasks": gettext_noop("Limit: tasks at the same time"),
}


def list_limit_fields(limits: Limits) -> tuple[FieldSpec, ...]:
    """Form fields for what an operator may set, bounded by the vendor's own limits, or by what it
    grants."""
    return tuple(
        FieldSpec(
            name=name,
            kind="int",
            label=label,
            help=gettext_noop("Empty: the vendor's own limit, if there is one."),
            minimum=1,
            maximum=_find_most(limits, name),
        )
        for name, label in _LABELS.items()
    )


def _find_most(limits: Limits, name: str) -> int:
    own = limits.granted.get(name, getattr(limits, name))
    # What allows less than one a second cannot be lowered in whole numbers.
    return MOST[name] if own is None else max(1, min(int(own), MOST[name]))


def find_limit_faults(limits: Limits, chosen: Any) -> dict[str, str]:
    """What is wrong with an operator's limits: a sentence for each name."""
    if not isinstance(chosen, Mapping):
        return {"": "must be an object"}
    known = {spec.name: spec for spec in list_limit_fields(limits)}
    faults = {str(name): "unknown limit" for name in chosen if name not in known}
    for name, spec in known.items():
        fault = spec.find_fault(chosen[name]) if name in chosen else None
        if fault:
            end = "" if name in limits.granted else "; the vendor's limits can only be lowered"
            faults[name] = f"{fault}{end}"
    return faults


def apply_limits(limits: Limits, chosen: Mapping[str, Any]) -> Limits:
    """The vendor's limits with what the operator has set in their place, as far as that may be."""
    changes: dict[str, Any] = {}
    for name in _LABELS:
        wanted, own = chosen.get(name), limits.granted.get(name, getattr(limits, name))
        if wanted is not None:
            changes[name] = wanted if own is None else min(wanted, own)
    return replace(limits, **changes) if changes else limits
