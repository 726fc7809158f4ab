"""Filters: whom a sending reaches (vendor page of the one-time sending, wire facts section 4).

The groups of fields hold together (and); in each, a device must be among what is included and
not among what is excluded. `all_...`, or nothing included, is no restriction, but of apps, where
nothing included is nobody. Flat in one call, under `filters` in another: the same block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.audience import And, Condition, Expression, Not, Op, Or
from providers.recipients import AppChoice, Audience

from .wire_values import Block, refuse

INSTALL = "install"  # every device has it
PLACES = {"countries": "country", "languages": "language"}
FIELDS = (
    "all_apps", "app_ids_include", "app_ids_exclude", "app_groups_include", "app_groups_exclude",
    "all_countries", "countries_include", "countries_exclude",
    "all_languages", "languages_include", "languages_exclude",
    "all_audiences", "audiences_include", "audiences_exclude",
    "audience_groups_include", "audience_groups_exclude",
    "event_include", "event_exclude",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """The apps, and who of their devices."""

    apps: AppChoice
    audience: Audience


def keep_filters(block: Block) -> dict[str, Any]:
    """The fields of the filters as they stand, without what is unknown."""
    return {name: block.values[name] for name in FIELDS if name in block.values}


def read_filters(block: Block) -> Filters:
    """Raises Refusal for fields that contradict one another, and where no app can be left."""
    apps = _read_apps(block)
    terms = [
        *_read_place(block, "countries", _match_country),
        *_read_place(block, "languages", _match_language),
        *_read_events(block),
    ]
    include, exclude = _read_audiences(block)
    audience = Audience(expression=_join(terms), any_segments=include, not_segments=exclude)
    return Filters(apps, audience)


def _read_apps(block: Block) -> AppChoice:
    is_all = block.find_flag("all_apps")
    named = block.find_numbers("app_ids_include"), block.find_numbers("app_groups_include")
    excluded = block.find_numbers("app_ids_exclude"), block.find_numbers("app_groups_exclude")
    if is_all and any(named):
        name = "app_ids_include" if named[0] else "app_groups_include"
        raise refuse(block.at(name), "must be omitted when all_apps is true")
    for kind, one, other in zip(("app_ids", "app_groups"), named, excluded, strict=True):
        if set(one) & set(other):
            raise refuse(block.at(f"{kind}_exclude"), f"overlaps with {kind}_include")
    if not is_all and not any(named):
        raise refuse("apps", "no application is included")
    return AppChoice(
        is_all=is_all, apps=named[0], groups=named[1], not_apps=excluded[0], not_groups=excluded[1]
    )


def _read_choice(block: Block, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is included and excluded of countries, languages or audiences."""
    include, exclude = (block.find_texts(f"{kind}_{way}") for way in ("include", "exclude"))
    if block.find_flag(f"all_{kind}") and include:
        raise refuse(block.at(f"{kind}_include"), f"must be omitted when all_{kind} is true")
    return include, exclude


def _read_place(
    block: Block, kind: str, match: Callable[[str, Iterable[str]], Expression]
) -> list[Expression]:
    include, exclude = _read_choice(block, kind)
    terms: list[Expression] = []
    if include:
        terms.append(_match_own(PLACES[kind], include, match))
    if exclude:
        terms.append(Not(_match_own(PLACES[kind], exclude, match)))
    return terms


def _match_own(
    name: str, values: tuple[str, ...], match: Callable[[str, Iterable[str]], Expression]
) -> Expression:
    """A device's own country or language, else its person's."""
    silent = Condition(f"device.{name}", Op.EXISTS, False)
    person = And((silent, match(f"person.{name}", values)))
    return Or((match(f"device.{name}", values), person))


def _match_country(field: str, codes: Iterable[str]) -> Expression:
    return Condition(field, Op.IN, tuple(code.upper() for code in codes))


def _match_language(field: str, tags: Iterable[str]) -> Expression:
    """`en` means `en-GB` as well (BCP 47, basic filtering)."""
    known = tuple(tags)
    longer = tuple(Condition(field, Op.STARTS_WITH, f"{tag}-") for tag in known)
    return Or((Condition(field, Op.IN, known), *longer))


def _read_events(block: Block) -> list[Expression]:
    """A text in one call, a list in another; without one, whoever has installed the app."""
    terms: list[Expression] = []
    include = [code for code in _read_codes(block, "event_include") if code != INSTALL]
    exclude = _read_codes(block, "event_exclude")
    if include and INSTALL not in _read_codes(block, "event_include"):
        terms.append(Or(tuple(match_event(code) for code in include)))
    if INSTALL in exclude:
        terms.append(Or(()))
    elif exclude:
        terms.append(Not(Or(tuple(match_event(code) for code in exclude))))
    return terms


def _read_codes(block: Block, name: str) -> tuple[str, ...]:
    value = block.values.get(name)
    if isinstance(value, str):
        block = Block({name: [value] if value else []}, block.path)
    codes = block.find_texts(name)
    if not all(code.isascii() and code.replace("_", "").isalnum() for code in codes):
        raise refuse(block.at(name), "must be codes of events")
    return codes


def match_event(code: str) -> Expression:
    """An event of a person is an attribute: of the person, or of the device."""
    fields = (f"device.custom.event_{code}", f"person.custom.event_{code}")
    return Or(tuple(Condition(field, Op.EXISTS, True) for field in fields))


def _read_audiences(block: Block) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids look like `name_1234`: the number is that of our segment."""
    include, exclude = _read_choice(block, "audiences")
    for name in ("audience_groups_include", "audience_groups_exclude"):
        if block.find_numbers(name):
            raise refuse(block.at(name), "there are no groups of audiences here")
    return (
        tuple(_read_segment(block, "audiences_include", text) for text in include),
        tuple(_read_segment(block, "audiences_exclude", text) for text in exclude),
    )


def _read_segment(block: Block, name: str, text: str) -> str:
    number = text.rpartition("_")[2]
    if not (number.isascii() and number.isdigit() and len(number) < 17):
        raise refuse(block.at(name), "must be ids of audiences such as name_1234")
    return str(int(number))


def _join(terms: list[Expression]) -> Expression | None:
    if not terms:
        return None
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def write_filters(audience: Audience, app: str) -> dict[str, Any]:
    """An audience of one app as filters. Raises ValueError for what they cannot say exactly."""
    if audience.labels or audience.segments or audience.any_segments or audience.not_segments:
        raise ValueError("labels and segments of ours are unknown to the vendor")
    values: dict[str, Any] = {
        "all_apps": False,
        "app_ids_include": [int(app)],
        "all_countries": True,
        "all_languages": True,
        "all_audiences": True,
    }
    for term in _list_terms(audience.expression):
        for name, items in _write_term(term).items():
            if name in values:
                raise ValueError(f"{name} stands there twice")
            values[name] = items
            if name.endswith("_include") and not name.startswith("event"):
                values[f"all_{name.removesuffix('_include')}"] = False
    return values


def _list_terms(expression: Expression | None) -> tuple[Expression, ...]:
    if expression is None:
        return ()
    if not isinstance(expression, And):
        return (expression,)
    return tuple(term for inner in expression.terms for term in _list_terms(inner))


def _write_term(term: Expression) -> Mapping[str, Any]:
    is_not = isinstance(term, Not)
    inner = term.term if isinstance(term, Not) else term
    way = "exclude" if is_not else "include"
    event = _find_event(inner)
    if event:
        return {f"event_{way}": event}
    for kind, match in (("countries", _match_country), ("languages", _match_language)):
        values = _find_values(inner, kind, match)
        if values:
            return {f"{kind}_{way}": list(values)}
    raise ValueError("the vendor has no filter for this")


def _find_values(
    term: Expression, kind: str, match: Callable[[str, Iterable[str]], Expression]
) -> tuple[str, ...]:
    """The countries or languages that a term means: the shape that is read, or the plain one of
    the device, which is all that the vendor knows."""
    name = PLACES[kind]
    field = f"device.{name}"
    values = _find_plain(term, field)
    if not values and isinstance(term, Or) and term.terms:
        first = term.terms[0]
        first = first.terms[0] if isinstance(first, Or) and first.terms else first
        found = _find_plain(first, field)
        values = found if found and _match_own(name, found, match) == term else ()
    return values


def _find_plain(term: Expression, field: str) -> tuple[str, ...]:
    if not isinstance(term, Condition) or term.field != field:
        return ()
    if term.op is Op.EQ:
        return (term.value,)
    return tuple(term.value) if term.op is Op.IN else ()


def _find_event(term: Expression) -> str:
    """The one event that a term means, or ""."""
    if isinstance(term, Or) and len(term.terms) == 1:
        term = term.terms[0]
    if not isinstance(term, Or) or not term.terms:
        return ""
    first = term.terms[0]
    if not isinstance(first, Condition):
        return ""
    code = first.field.removeprefix("device.custom.event_")
    return code if term == match_event(code) else ""


def can_filter(expression: Expression) -> bool:
    """Whether the filters say exactly what the expression says."""
    try:
        write_filters(Audience(expression=expression), "1")
    except ValueError:
        return False
    return True
