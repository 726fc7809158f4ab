"""What the native API tells of a verdict, node by node."""

from __future__ import annotations

from typing import Any

from campaigns.selectors.explain import CONDITION, Verdict

MOST_VALUES = 100  # of a list that a condition was compared with


def show(verdict: Verdict) -> dict[str, Any]:
    """A node with its terms.

    `value` is cut to its first 100 texts, and `value_count` says how many there are. A relative
    time has the `instant` that it comes to.
    """
    shown: dict[str, Any] = {
        "kind": verdict.kind,
        "path": verdict.path,
        "is_met": verdict.is_met,
    }
    if verdict.kind == CONDITION:
        return shown | _show_condition(verdict)
    return shown | {"name": verdict.name, "terms": [show(term) for term in verdict.terms]}


def _show_condition(verdict: Verdict) -> dict[str, Any]:
    wanted, counted = verdict.wanted, 1
    if isinstance(wanted, tuple):
        wanted, counted = list(wanted[:MOST_VALUES]), len(wanted)
    found = list(verdict.found) if isinstance(verdict.found, tuple) else verdict.found
    instant = verdict.instant
    return {
        "field": verdict.field,
        "op": verdict.op,
        "value": wanted,
        "value_count": counted,
        "found": found,
        **({} if instant is None else {"instant": instant.isoformat()}),
    }
