"""Limits of one account: the vendor's own, and what an operator may set lower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.contract import Limits
from providers.fields import FieldSpec, gettext_noop

# Where a vendor names no limit, what is above these is a slip of the finger.
MOST = {
    "requests_per_second": 10_000,
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
    """Form fields for what an operator may lower, bounded by the vendor's own limits."""
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
    own = getattr(limits, name)
    # What allows less than one a second cannot be lowered in whole numbers.
    return MOST[name] if own is None else max(1, min(int(own), MOST[name]))


def find_limit_faults(limits: Limits, lower: Any) -> dict[str, str]:
    """What is wrong with an operator's limits: a sentence for each name."""
    if not isinstance(lower, Mapping):
        return {"": "must be an object"}
    known = {spec.name: spec for spec in list_limit_fields(limits)}
    faults = {str(name): "unknown limit" for name in lower if name not in known}
    for name, spec in known.items():
        fault = spec.find_fault(lower[name]) if name in lower else None
        if fault:
            faults[name] = f"{fault}; the vendor's limits can only be lowered"
    return faults


def narrow_limits(limits: Limits, lower: Mapping[str, Any]) -> Limits:
    """The vendor's limits, each at most what the operator has set."""
    changes: dict[str, Any] = {}
    for name in _LABELS:
        wanted, own = lower.get(name), getattr(limits, name)
        if wanted is not None:
            changes[name] = wanted if own is None else min(wanted, own)
    return replace(limits, **changes) if changes else limits
