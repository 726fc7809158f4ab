"""An audience as a value, read from its JSON and checked for whoever names it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import App, Label, Segment, Settled, Transfer
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.expressions import check_expression
from providers.audience import Expression
from providers.outcomes import Reason
from providers.receipts import ReceiptKind

MAX_LABELS = 20
MAX_RECIPIENTS = 20_000  # named one by one in a call
MAX_COMBINED = 20  # audiences to include, and as many to exclude
MAX_ID = 2**53


class AudienceKind(StrEnum):
    """The one key of an audience's JSON."""

    ALL = "all"
    LABELS = "labels"
    SEGMENT = "segment"
    EXPRESSION = "expression"
    PERSONS = "persons"
    DEVICES = "devices"
    UNKNOWN_OF = "unknown_of"
    COMBINE = "combine"
    OUTCOMES_OF = "outcomes_of"


# What a transfer may be sent again for. Who was sent to, only where a receipt is missing.
OUTCOMES = frozenset(Settled.values)
MISSING_RECEIPTS = frozenset({ReceiptKind.DELIVERED.value, ReceiptKind.OPENED.value})


@dataclass(frozen=True, slots=True)
class OutcomesOf:
    """Recipients of a transfer with one of these outcomes and, if any are named, reasons.

    `without_receipt`: only those from whom no such receipt came, by accounts that report it.
    """

    transfer: int
    outcomes: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    without_receipt: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant; only what belongs to `kind` is set.

    `labels` are names (persons carry all of them), `persons` external user ids, `devices` our
    device ids, `segment` an id that is looked up when devices are selected, `unknown_of` the id of
    a transfer: recipients of it whose outcome is unknown at that moment. Whom one of `include`
    means and none of `exclude`; none of these is combined itself. `outcomes_of`: recipients of a
    transfer by what became of it.
    """

    kind: AudienceKind
    labels: tuple[str, ...] = ()
    segment: int = 0
    expression: Expression | None = None
    persons: tuple[str, ...] = ()
    devices: tuple[int, ...] = ()
    unknown_of: int = 0
    outcomes_of: OutcomesOf | None = None
    include: tuple[Audience, ...] = ()
    exclude: tuple[Audience, ...] = ()


def read_audience(app: App | Sequence[App], body: Any, *, principal: Any) -> Audience:
    """Read the JSON of an audience for one app, or for the member apps of an app group.

    Raises Invalid, whose `fields` name paths such as `audience.labels`. Labels and segments must
    exist for a principal who sees them; with `principal=None` only the shape is checked, for
    bodies that were checked when they were saved.
    """
    kind, value = _read_key(body)
    audience = _READERS[kind](value)
    if principal is not None:
        apps = [app] if isinstance(app, App) else list(app)
        for path, part in list_parts(audience):
            with _at(path):
                _check_labels(apps, part, principal)
                _check_segment(apps, part, principal)
                _check_transfer(apps, part, principal)
    return audience


def list_parts(audience: Audience) -> list[tuple[str, Audience]]:
    """The audiences that it is made of with their places: itself, or those that are combined."""
    if audience.kind is not AudienceKind.COMBINE:
        return [("audience", audience)]
    sides = (("include", audience.include), ("exclude", audience.exclude))
    return [
        (f"audience.combine.{side}[{index}]", part)
        for side, parts in sides
        for index, part in enumerate(parts)
    ]


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Name the faults of an audience that is part of another by their places there."""
    try:
        yield
    except Invalid as error:
        fields = {
            path + field.removeprefix("audience"): fault for field, fault in error.fields.items()
        }
        raise Invalid(error.message, fields=fields) from error


def _refuse(key: str, sentence: str) -> Invalid:
    path = f"audience.{key}".rstrip(".")
    return Invalid(sentence, fields={path: sentence})


def _read_key(body: Any) -> tuple[AudienceKind, Any]:
    known = ", ".join(AudienceKind)
    if not isinstance(body, dict) or len(body) != 1:
        raise _refuse("", _("An audience is an object with one key: %(known)s.") % {"known": known})
    [(key, value)] = body.items()
    if key not in set(AudienceKind):
        raise _refuse(key, _("An audience has one key of %(known)s.") % {"known": known})
    return AudienceKind(key), value


def _read_all(value: Any) -> Audience:
    if value is not True:
        raise _refuse("all", _("The value is true."))
    return Audience(AudienceKind.ALL)


def _read_labels(value: Any) -> Audience:
    names = _read_texts("labels", value, MAX_LABELS)
    return Audience(AudienceKind.LABELS, labels=names)


def _read_persons(value: Any) -> Audience:
    return Audience(AudienceKind.PERSONS, persons=_read_texts("persons", value, MAX_RECIPIENTS))


def _read_segment(value: Any) -> Audience:
    if not _is_id(value):
        raise _refuse("segment", _("The value is the id of a segment."))
    return Audience(AudienceKind.SEGMENT, segment=value)


def _read_expression(value: Any) -> Audience:
    expression = check_expression(value, "audience.expression")
    return Audience(AudienceKind.EXPRESSION, expression=expression)


def _read_devices(value: Any) -> Audience:
    _check_list("devices", value, MAX_RECIPIENTS)
    if not all(_is_id(item) for item in value):
        raise _refuse("devices", _("Each item is the id of a device."))
    return Audience(AudienceKind.DEVICES, devices=tuple(dict.fromkeys(value)))


def _read_unknown_of(value: Any) -> Audience:
    if not _is_id(value):
        raise _refuse("unknown_of", _("The value is the id of a transfer."))
    return Audience(AudienceKind.UNKNOWN_OF, unknown_of=value)


def _read_outcomes_of(value: Any) -> Audience:
    known = {"transfer", "outcomes", "reasons", "without_receipt"}
    if not isinstance(value, dict) or not {"transfer", "outcomes"} <= set(value) <= known:
        words = _("The value is an object with transfer, outcomes and, if needed, %(more)s.")
        raise _refuse("outcomes_of", words % {"more": "reasons, without_receipt"})
    if not _is_id(value["transfer"]):
        raise _refuse("outcomes_of.transfer", _("The value is the id of a transfer."))
    outcomes = _read_words("outcomes_of.outcomes", value["outcomes"], OUTCOMES)
    reasons: tuple[str, ...] = ()
    if value.get("reasons"):
        reasons = _read_words("outcomes_of.reasons", value["reasons"], frozenset(Reason))
    missing = value.get("without_receipt") or ""
    if missing and (not isinstance(missing, str) or missing not in MISSING_RECEIPTS):
        words = _("One of %(known)s.") % {"known": ", ".join(sorted(MISSING_RECEIPTS))}
        raise _refuse("outcomes_of.without_receipt", words)
    if Settled.SENT.value in outcomes and not missing:
        words = _("Whoever was sent to got it: name the receipt that is missing.")
        raise _refuse("outcomes_of.without_receipt", words)
    asked = OutcomesOf(value["transfer"], outcomes, reasons, missing)
    return Audience(AudienceKind.OUTCOMES_OF, outcomes_of=asked)


def _read_words(key: str, value: Any, known: frozenset[str]) -> tuple[str, ...]:
    texts = _read_texts(key, value, len(known))
    if set(texts) - known:
        raise _refuse(key, _("Some of %(known)s.") % {"known": ", ".join(sorted(known))})
    return texts


def _read_combine(value: Any) -> Audience:
    if not isinstance(value, dict) or not {"include"} <= set(value) <= {"include", "exclude"}:
        raise _refuse("combine", _("The value is an object with include and, if needed, exclude."))
    include = _read_side("include", value["include"])
    left_out = value.get("exclude", [])
    exclude = () if left_out == [] else _read_side("exclude", left_out)
    combined = Audience(AudienceKind.COMBINE, include=include, exclude=exclude)
    parts = [part for _path, part in list_parts(combined)]
    if sum(len(part.persons) + len(part.devices) for part in parts) > MAX_RECIPIENTS:
        words = _("At most %(maximum)s recipients may be named one by one.")
        raise _refuse("combine", words % {"maximum": MAX_RECIPIENTS})
    return combined


def _read_side(side: str, value: Any) -> tuple[Audience, ...]:
    _check_list(f"combine.{side}", value, MAX_COMBINED)
    return tuple(_read_part(f"audience.combine.{side}[{n}]", body) for n, body in enumerate(value))


def _read_part(path: str, body: Any) -> Audience:
    with _at(path):
        kind, value = _read_key(body)
        if kind is AudienceKind.COMBINE:
            raise _refuse("combine", _("What is combined cannot be combined again."))
        return _READERS[kind](value)


def _read_texts(key: str, value: Any, maximum: int) -> tuple[str, ...]:
    _check_list(key, value, maximum)
    for index, item in enumerate(value):
        fault = find_text_fault(item, 255) if item else _("The value is a text.")
        if fault:
            raise _refuse(f"{key}[{index}]", fault)
    return tuple(dict.fromkeys(value))


def _check_list(key: str, value: Any, maximum: int) -> None:
    if not isinstance(value, list) or not value:
        raise _refuse(key, _("The value is a list with at least one item."))
    if len(value) > maximum:
        raise _refuse(key, _("At most %(maximum)s items are allowed.") % {"maximum": maximum})


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_ID


_READERS = {
    AudienceKind.ALL: _read_all,
    AudienceKind.LABELS: _read_labels,
    AudienceKind.SEGMENT: _read_segment,
    AudienceKind.EXPRESSION: _read_expression,
    AudienceKind.PERSONS: _read_persons,
    AudienceKind.DEVICES: _read_devices,
    AudienceKind.UNKNOWN_OF: _read_unknown_of,
    AudienceKind.COMBINE: _read_combine,
    AudienceKind.OUTCOMES_OF: _read_outcomes_of,
}


def _check_labels(apps: list[App], audience: Audience, principal: Any) -> None:
    named = Label.objects.for_user(principal).filter(app__in=apps, name__in=audience.labels)
    unknown = set(audience.labels) - set(named.values_list("name", flat=True))
    if unknown:
        names = ", ".join(sorted(unknown))
        raise _refuse("labels", _("There is no label named %(names)s.") % {"names": names})


def _check_segment(apps: list[App], audience: Audience, principal: Any) -> None:
    if not audience.segment:
        return
    known = Segment.objects.for_user(principal).filter(app__in=apps, pk=audience.segment)
    if not known.exists():
        raise _refuse("segment", _("This app has no segment %(id)s.") % {"id": audience.segment})


def _check_transfer(apps: list[App], audience: Audience, principal: Any) -> None:
    asked = audience.outcomes_of
    transfer = asked.transfer if asked else audience.unknown_of
    if not transfer:
        return
    known = Transfer.objects.for_user(principal).filter(app__in=apps, pk=transfer)
    if not known.exists():
        words = _("This app has no transfer %(id)s.") % {"id": transfer}
        raise _refuse("outcomes_of.transfer" if asked else "unknown_of", words)
