"""Audience expressions compiled to one condition on Device, true or false and never NULL.

`And` and `Or` are monotone, so a NULL inside them cannot make a row match; `Not` is the only
place where NULL would leak, and it is written as CASE, whose ELSE takes both false and NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, F, Q, Value, When
from django.db.models.functions import Lower, StrIndex
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
)
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models.audience import pack_version
from campaigns.models.bulk import list_ids, list_numbers, list_texts
from campaigns.selectors.attributes import (
    Attribute,
    CodePoints,
    FlagAttribute,
    NumberAttribute,
    TextAttribute,
)
from campaigns.selectors.audience_fields import AudienceField, FieldKind, find_field
from campaigns.selectors.carried import compile_carried
from campaigns.selectors.contacts import LENGTHS, match_contacts, spell_contacts
from campaigns.selectors.relative_times import compile_relative
from providers.audience import (
    RELATIVE,
    And,
    Condition,
    Expression,
    MalformedExpression,
    Not,
    Op,
    Or,
    read_expression,
)
from providers.recipients import PersonKind

MAX_VALUES = 10_000  # of all conditions together
NEVER = Q(pk__in=[])
ALWAYS = ~NEVER
COMPARISONS: dict[Op, Any] = {
    Op.EQ: Exact,
    Op.GT: GreaterThan,
    Op.GTE: GreaterThanOrEqual,
    Op.LT: LessThan,
    Op.LTE: LessThanOrEqual,
}


def check_expression(body: Any, path: str = "expression") -> Expression:
    """Read an expression and check its fields, ops and values.

    Raises Invalid; its `fields` has one key, the path to the fault (`expression.and[0]`).
    """
    try:
        expression = read_expression(body)
    except MalformedExpression as error:
        raise Invalid(error.message, fields={_join(path, error.path): error.message}) from error
    _check_conditions(expression, path)
    if _count_values(expression) > MAX_VALUES:
        fault = _("At most %(maximum)s values are allowed.") % {"maximum": MAX_VALUES}
        raise Invalid(fault, fields={path: fault})
    return expression


def _count_values(expression: Expression) -> int:
    match expression:
        case And(terms) | Or(terms):
            return sum(_count_values(term) for term in terms)
        case Not(term):
            return _count_values(term)
    return len(expression.value) if isinstance(expression.value, tuple) else 1


def _check_conditions(expression: Expression, path: str) -> None:
    match expression:
        case And(terms) | Or(terms):
            key = "and" if isinstance(expression, And) else "or"
            for index, term in enumerate(terms):
                _check_conditions(term, f"{path}.{key}[{index}]")
        case Not(term):
            _check_conditions(term, f"{path}.not")
        case Condition():
            fault = _find_condition_fault(expression)
            if fault:
                raise Invalid(fault, fields={path: fault})


def _find_condition_fault(condition: Condition) -> str:
    field = find_field(condition.field)
    if field is None:
        return _("There is no field named %(name)s.") % {"name": ascii(condition.field)}
    return field.find_fault(condition.op, condition.value)


def _join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if rest else path


def compile_expression(expression: Expression, app_id: int, now: datetime) -> Q:
    """The condition on devices of that app, with relative times as they are `now`.

    Expects what `check_expression` has passed.
    """
    match expression:
        case And(terms):
            combined = ALWAYS
            for term in terms:
                combined &= compile_expression(term, app_id, now)
            return combined
        case Or(terms):
            combined = NEVER
            for term in terms:
                combined |= compile_expression(term, app_id, now)
            return combined
        case Not(term):
            return deny(compile_expression(term, app_id, now))
    return _compile_condition(expression, app_id, now)


def deny(condition: Q) -> Q:
    """Plain negation: true where the condition is false or NULL."""
    is_false = Case(
        When(condition, then=Value(False)), default=Value(True), output_field=BooleanField()
    )
    return Q(is_false)


def _compile_condition(condition: Condition, app_id: int, now: datetime) -> Q:
    field = find_field(condition.field)
    if field is None:
        raise Invalid(_find_condition_fault(condition))
    if field.kind is FieldKind.SET:
        return _compile_set(field, condition, app_id)
    if condition.op is Op.EXISTS:
        exists = _compile_presence(field)
        return exists if condition.value else deny(exists)
    if condition.op in RELATIVE:
        return compile_relative(field, condition.op, condition.value, now)
    if condition.op is Op.NE:
        equal = _COMPILERS[field.kind](field, Op.EQ, condition.value)
        return _compile_presence(field) & deny(equal)
    if condition.op is Op.IN:
        return _compile_choice(field, condition.value)
    return _COMPILERS[field.kind](field, condition.op, condition.value)


def _compile_set(field: AudienceField, condition: Condition, app_id: int) -> Q:
    if condition.op is Op.EXISTS:
        exists = compile_carried(field, None, app_id)
        return exists if condition.value else deny(exists)
    names = condition.value if condition.op is Op.IN else (condition.value,)
    return compile_carried(field, names, app_id)


def _compile_presence(field: AudienceField) -> Q:
    if field.kind is FieldKind.CUSTOM:
        return Q(IsNull(Attribute(field.column, field.attribute), False))
    present = Q(**{f"{field.column}__isnull": False})
    if field.kind in {FieldKind.TEXT, FieldKind.VERSION}:
        return Q(**{f"{field.column}__gt": ""})
    return present


def _compile_choice(field: AudienceField, values: tuple[Any, ...]) -> Q:
    # One list for all values: databases bound how many terms a condition may have.
    if field.kind is FieldKind.TEXT:
        return _match_texts(field, [value for value in values if value])
    if field.kind is FieldKind.VERSION:
        numbers = {pack_version(value) for value in values}
        chosen = Q(**{f"{field.column}_number__in": list_ids(sorted(numbers - {0}))})
        # A missing version is 0, too.
        return chosen | _compile_version(field, Op.EQ, "0") if 0 in numbers else chosen
    return _compile_custom_choice(field, values)


def _match_texts(field: AudienceField, values: list[str]) -> Q:
    """Who has one of them; an e-mail or phone however it is written."""
    name = field.name.removeprefix("person.")
    if name in LENGTHS:
        return match_contacts(name, values, field.column)
    return Q(**{f"{field.column}__in": list_texts(values)})


def _compile_custom_choice(field: AudienceField, values: tuple[Any, ...]) -> Q:
    texts = [value for value in values if isinstance(value, str)]
    flags = {value for value in values if isinstance(value, bool)}
    numbers = [float(value) for value in values if not isinstance(value, str | bool)]
    combined = NEVER
    if texts:
        combined |= Q(In(TextAttribute(field.column, field.attribute), list_texts(texts)))
    if numbers:
        combined |= Q(In(NumberAttribute(field.column, field.attribute), list_numbers(numbers)))
    for flag in sorted(flags):
        combined |= _compile_custom(field, Op.EQ, flag)
    return combined


def _compile_text(field: AudienceField, op: Op, value: str) -> Q:
    present = _compile_presence(field)
    if op is Op.EQ:
        return _match_texts(field, [value]) if value else NEVER
    if op in {Op.CONTAINS, Op.STARTS_WITH}:
        return present & _search_text(field, op, value)
    return present & Q(COMPARISONS[op](CodePoints(F(field.column)), value))


def _search_text(field: AudienceField, op: Op, value: str) -> Q:
    if field.name != f"person.{PersonKind.EMAIL}":
        return _compile_search(F(field.column), op, value)
    found = NEVER
    for spelled in spell_contacts(PersonKind.EMAIL, [value.lower()]):
        found |= _compile_search(Lower(F(field.column)), op, spelled)
    return found


def _compile_search(text: Any, op: Op, value: str) -> Q:
    # LIKE ignores case on SQLite; the place of a text inside another does not.
    place = StrIndex(text, Value(value))
    return Q(Exact(place, 1)) if op is Op.STARTS_WITH else Q(GreaterThan(place, 0))


def _compile_version(field: AudienceField, op: Op, value: str) -> Q:
    if op in {Op.CONTAINS, Op.STARTS_WITH}:
        return _compile_text(field, op, value)
    number = pack_version(value)
    compared = Q(COMPARISONS[op](F(f"{field.column}_number"), number))
    # A missing version is 0, which these cannot match: the index then answers alone.
    if op is Op.GT or (number and op in {Op.EQ, Op.GTE}):
        return compared
    return _compile_presence(field) & compared


def _compile_flag(field: AudienceField, op: Op, value: bool) -> Q:
    return Q(**{field.column: value})


def _compile_time(field: AudienceField, op: Op, value: str) -> Q:
    return Q(COMPARISONS[op](F(field.column), datetime.fromisoformat(value)))


def _compile_custom(field: AudienceField, op: Op, value: Any) -> Q:
    if isinstance(value, bool):
        return Q(Exact(FlagAttribute(field.column, field.attribute), value))
    if not isinstance(value, str):
        return Q(COMPARISONS[op](NumberAttribute(field.column, field.attribute), float(value)))
    text = TextAttribute(field.column, field.attribute)
    if op in {Op.CONTAINS, Op.STARTS_WITH}:
        return _compile_search(text, op, value)
    return Q(COMPARISONS[op](text, value))


_COMPILERS: dict[FieldKind, Callable[[AudienceField, Op, Any], Q]] = {
    FieldKind.TEXT: _compile_text,
    FieldKind.VERSION: _compile_version,
    FieldKind.FLAG: _compile_flag,
    FieldKind.TIME: _compile_time,
    FieldKind.CUSTOM: _compile_custom,
}
