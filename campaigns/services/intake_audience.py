"""Audiences that a script describes through a dialect's door: checked, and as bodies to keep."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.models import App, Segment
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.labels import find_label
from campaigns.selectors.row_ids import read_id
from campaigns.services.intake_labels import ignores_case
from providers.audience import Expression, write_expression
from providers.contract import Dialect
from providers.recipients import Audience


def write_audience(app: App, audience: Audience, dialect: Dialect) -> list[dict[str, Any]]:
    """The audience as bodies that must all hold, as `Part.audiences` keeps them; labels by the
    names that they have.

    Raises NotFound for a label or a segment that the app has not, with its name as `subject`, and
    Invalid for an expression; `field` is `audience.labels`, `audience.segments` or a path that
    begins with `audience.expression`.
    """
    names = _find_labels(app, audience.labels, dialect)
    bodies: list[dict[str, Any]] = [{"labels": [name]} for name in names]
    if audience.expression is not None:
        bodies.append({"expression": _check_expression(audience.expression)})
    bodies += [{"segment": _find_segment(app, text)} for text in audience.segments]
    if audience.any_segments:
        bodies.append({"expression": _join_segments(app, audience.any_segments)})
    if audience.not_segments:
        bodies.append({"expression": {"not": _join_segments(app, audience.not_segments)}})
    return bodies or [{"all": True}]


def _find_labels(app: App, names: tuple[str, ...], dialect: Dialect) -> list[str]:
    folds = ignores_case(app, dialect)
    found = {name: find_label(app, name, ignores_case=folds) for name in names}
    for name in sorted(name for name, label in found.items() if label is None):
        words = _("There is no label named %(names)s.") % {"names": name}
        raise NotFound(words, fields={"audience.labels": words}, subject=name)
    return [label.name for label in found.values() if label is not None]


def _check_expression(expression: Expression) -> dict[str, Any]:
    body = write_expression(expression)
    check_expression(body, "audience.expression")
    return body


def _join_segments(app: App, texts: tuple[str, ...]) -> dict[str, Any]:
    """Whoever is in one of them, as they are now; those of other apps mean nobody here."""
    ids = {read_id(text): text for text in texts}
    known = {
        segment.pk: segment
        for segment in Segment.objects.filter(app__workspace=app.workspace, pk__in=ids)
    }
    for number, text in ids.items():
        if number not in known:
            words = _("There is no segment %(id)s.") % {"id": text}
            raise NotFound(words, fields={"audience.segments": words}, subject=text)
    own = [segment.expression for segment in known.values() if segment.app_id == app.pk]
    joined = {"or": own}
    check_expression(joined, "audience.segments")
    return joined


def _find_segment(app: App, text: str) -> int:
    number = read_id(text)
    if not Segment.objects.filter(app=app, pk=number).exists():
        words = _("This app has no segment %(id)s.") % {"id": text}
        raise NotFound(words, fields={"audience.segments": words}, subject=text)
    return number
