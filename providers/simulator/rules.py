"""One line of a fault plan, as a person writes it (`error_503:nth=5,retry_after=1`) or as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.simulator.faults import (
    FAULTS,
    STREAM_FAULTS,
    CallKind,
    FaultType,
    OptionValue,
    Stage,
)

KNOWN = {**FAULTS, **STREAM_FAULTS}
MOST = 1e8  # of any setting: three years in seconds
_RETRY_AFTER = re.compile(r"|-?\d{1,9}(\.\d+)?|date(:-?\d{1,7})?|huge|garbage", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """A fault and the calls that suffer it: those for which everything that is named holds.

    `p` is a share of calls, `nth` a first and a last of the calls that the rule concerns, `every`
    each so many-th, `recipient` a share of recipients, `id` one recipient. `times` bounds how
    often it is given, `lasting` gives it, once begun, to every call for so many seconds.
    """

    fault: FaultType
    p: float | None = None
    nth: tuple[int, int] | None = None
    every: int = 0
    recipient: float | None = None
    id: str = ""
    times: int = 0
    lasting: float = 0.0
    dialect: str = ""
    on: CallKind = CallKind.SEND
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    @property
    def names_recipients(self) -> bool:
        return bool(self.id) or self.recipient is not None


def read_rule(wish: Any) -> FaultRule:
    """The rule that a text or an object means. Raises ValueError with a sentence."""
    values = _split(wish) if isinstance(wish, str) else wish
    if not isinstance(values, Mapping):
        raise ValueError(f"A fault is a text or an object, not {wish!r}.")
    values = dict(values)
    name = values.pop("fault", "")
    fault = KNOWN.get(name) if isinstance(name, str) else None
    if fault is None:
        raise ValueError(f"There is no fault {name!r}. Known are: {', '.join(sorted(KNOWN))}.")
    fields: dict[str, Any] = {}
    options: dict[str, OptionValue] = {}
    for key, value in values.items():
        if key in fault.options:
            options[key] = _read_option(fault, key, value)
        elif key in _READERS:
            fields[key] = _read_value(fault, key, value, _READERS[key])
        else:
            known = ", ".join([*_READERS, *fault.options])
            raise ValueError(f"{name} has no {key!r}. It takes: {known}.")
    rule = FaultRule(fault=fault, options=options, **{"on": fault.on, **fields})
    _check(rule)
    return rule


def write_rule(rule: FaultRule) -> dict[str, Any]:
    """The rule as JSON that `read_rule` understands."""
    usual = FaultRule(fault=rule.fault, on=rule.fault.on)
    values: dict[str, Any] = {"fault": rule.fault.name}
    for name in _READERS:
        value = getattr(rule, name)
        if value != getattr(usual, name):
            values[name] = "-".join(map(str, dict.fromkeys(value))) if name == "nth" else value
    return {**values, **rule.options}


def _split(text: str) -> dict[str, str]:
    name, _, rest = text.partition(":")
    values = {"fault": name.strip()}
    for piece in filter(None, rest.split(",")):
        key, sign, value = piece.partition("=")
        if not sign:
            raise ValueError(f"{piece!r} in {text!r} is no name=value.")
        values[key.strip()] = value.strip()
    return values


def _read_value(fault: FaultType, key: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{fault.name}: {key}={value} is no {_WORDS[key]}.") from None


def _read_option(fault: FaultType, key: str, value: Any) -> OptionValue:
    default = fault.options[key]
    try:
        if isinstance(default, bool):
            return _SWITCH[str(value).lower()]
        if isinstance(default, float):
            return _read_number(value)
    except (KeyError, ValueError, TypeError, OverflowError):
        kind = "yes or no" if isinstance(default, bool) else "a number"
        raise ValueError(f"{fault.name}: {key}={value} is not {kind}.") from None
    if key == "retry_after" and not _RETRY_AFTER.fullmatch(str(value)):
        known = "a number of seconds, date:30, huge or garbage"
        raise ValueError(f"{fault.name}: {key}={value} is not {known}.")
    return str(value)


def _check(rule: FaultRule) -> None:
    name = rule.fault.name
    if rule.fault.stage is Stage.CONNECTION and (rule.names_recipients or rule.on != rule.fault.on):
        raise ValueError(
            f"{name} is decided before the call is read: it takes p, nth and every, not who or "
            "what the call is about."
        )
    if rule.fault.stage in (Stage.ACCEPTANCE, Stage.RESULTS) and rule.on != rule.fault.on:
        raise ValueError(f"{name} befalls calls on={rule.fault.on} and no others.")
    if rule.names_recipients and rule.on not in (CallKind.SEND, CallKind.STATUS):
        raise ValueError(f"{name}: only calls on=send and on=status have recipients.")


def _read_share(value: Any) -> float:
    share = _read_number(value)
    if not 0 <= share <= 1:
        raise ValueError
    return share


def _read_count(value: Any) -> int:
    count = int(str(value))
    if count < 1:
        raise ValueError
    return count


def _read_range(value: Any) -> tuple[int, int]:
    first, _, last = str(value).partition("-")
    found = _read_count(first), _read_count(last or first)
    if found[0] > found[1]:
        raise ValueError
    return found


def _read_number(value: Any) -> float:
    number = float(value)
    if not abs(number) <= MOST or isinstance(value, bool):
        raise ValueError
    return number


def _read_seconds(value: Any) -> float:
    seconds = _read_number(value)
    if seconds <= 0:
        raise ValueError
    return seconds


_SWITCH = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "p": _read_share,
    "nth": _read_range,
    "every": _read_count,
    "recipient": _read_share,
    "id": str,
    "times": _read_count,
    "lasting": _read_seconds,
    "dialect": str,
    "on": CallKind,
}
_WORDS: Mapping[str, str] = {
    "p": "share from 0 to 1",
    "nth": "number from 1 or range such as 3-7",
    "every": "number from 1",
    "recipient": "share from 0 to 1",
    "id": "text",
    "times": "number from 1",
    "lasting": "number of seconds",
    "dialect": "vendor",
    "on": f"kind of call ({', '.join(CallKind)})",
}
