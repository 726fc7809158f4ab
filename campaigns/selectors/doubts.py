"""Values that a condition may name and that are most likely a slip: nobody has them, or can.

Scripts may say them, before anybody has them too; people are warned. What is most dangerous is a
slip in what is left out: everybody who should be left out is then in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from django.db.models import Exists
from django.utils.translation import gettext as _

from campaigns.models import App, DeviceMark, Label
from campaigns.selectors.audience_fields import AudienceField, find_field
from campaigns.selectors.country_names import find_country, list_countries
from campaigns.selectors.language_names import name_language, read_language
from campaigns.selectors.suggestions import list_common
from providers.audience import And, Condition, Expression, Not, Op, Or

Apps = Sequence[App]
MOST_VALUES = 50  # of one condition that are looked at
MOST_NEAR = 3  # slips of one condition for which one that was meant is looked for
MOST_NAMES = 1000  # labels among which one that was meant is looked for


def list_doubts(
    apps: Apps, expression: Expression, *, is_left_out: bool = False
) -> Iterator[tuple[str, ...]]:
    """Of each condition in reading order the sentences about its values, none for a usual one.

    `is_left_out`: whom the expression means is taken away from others.
    """
    match expression:
        case And(terms) | Or(terms):
            for term in terms:
                yield from list_doubts(apps, term, is_left_out=is_left_out)
        case Not(term):
            yield from list_doubts(apps, term, is_left_out=not is_left_out)
        case Condition():
            yield tuple(_doubt(apps, expression, is_left_out))


def _doubt(apps: Apps, condition: Condition, is_left_out: bool) -> Iterator[str]:
    field = find_field(condition.field)
    if field is None or condition.op not in {Op.EQ, Op.NE, Op.IN}:
        return
    is_list = isinstance(condition.value, tuple)
    values = condition.value[:MOST_VALUES] if is_list else (condition.value,)
    find = _FINDERS.get(field.name.rpartition(".")[2]) if not field.attribute else None
    for words in find(apps, field, values) if find else ():
        # Taken away by mistake is nobody; that is what somebody should read first.
        has_effect = is_left_out and condition.op is not Op.NE
        yield f"{words} {_('It leaves nobody out.')}" if has_effect else words


def _doubt_labels(apps: Apps, field: AudienceField, values: Sequence[str]) -> Iterator[str]:
    labels = Label.objects.filter(app__in=apps)
    known = set(labels.filter(name__in=values).values_list("name", flat=True))
    slips = [value for value in values if value not in known]
    names = {name.casefold(): name for name in _list_names(apps)} if slips else {}
    for place, value in enumerate(slips):
        meant = names if place < MOST_NEAR else ()
        near = get_close_matches(value.casefold(), list(meant), n=1, cutoff=0.6)
        given = {"value": value, "near": names[near[0]] if near else ""}
        if near:
            yield _("There is no label “%(value)s”; do you mean “%(near)s”?") % given
        else:
            yield _("There is no label “%(value)s”, so nobody has it.") % given


def _list_names(apps: Apps) -> list[str]:
    rows = Label.objects.filter(app__in=apps, archived_at__isnull=True).order_by("name")
    return list(rows.values_list("name", flat=True)[:MOST_NAMES])


def _doubt_tags(apps: Apps, field: AudienceField, values: Sequence[str]) -> Iterator[str]:
    known = _find_tags(apps, values)
    for value in values:
        if value not in known:
            yield _("No device has the tag “%(value)s”.") % {"value": value}


def _find_tags(apps: Apps, values: Sequence[str]) -> set[str]:
    """Those that any device has, in one statement: of each a first row is looked for, as a tag may
    be everybody's."""
    tags = DeviceMark.objects.filter(app__in=apps, kind=DeviceMark.Kind.TAG)
    asked = {f"tag_{place}": Exists(tags.filter(name=one)) for place, one in enumerate(values)}
    rows = App.objects.filter(pk__in=[app.pk for app in apps[:1]]).annotate(**asked)
    found = rows.values(*asked).first() if asked else None
    return {one for place, one in enumerate(values) if found and found[f"tag_{place}"]}


def _doubt_countries(apps: Apps, field: AudienceField, values: Sequence[str]) -> Iterator[str]:
    seen = _list_seen(apps, field)
    for value in values:
        if value in list_countries() or value in seen:
            continue
        given = {"value": value, "code": find_country(value)}
        if given["code"]:
            yield _("“%(value)s” is no country: write %(code)s.") % given
        else:
            words = _("“%(value)s” is no country: one has two capital letters, such as DE.")
            yield words % given


def _doubt_languages(apps: Apps, field: AudienceField, values: Sequence[str]) -> Iterator[str]:
    seen = _list_seen(apps, field)
    for value in values:
        is_known = name_language(value) != value and value.partition("-")[0].islower()
        if is_known or value in seen:
            continue
        given = {"value": value, "code": read_language(value)}
        if given["code"] not in {"", value}:
            yield _("“%(value)s” is no language: write %(code)s.") % given
        else:
            yield _("“%(value)s” is no language that is known here, such as de or pt-BR.") % given


def _list_seen(apps: Apps, field: AudienceField) -> set[str]:
    return {value for app in apps for value in list_common(app, field)}


_FINDERS: dict[str, Callable[[Apps, AudienceField, Sequence[str]], Iterator[str]]] = {
    "label": _doubt_labels,
    "tag": _doubt_tags,
    "country": _doubt_countries,
    "language": _doubt_languages,
}
