"""Fields in which something is wrong, by names that say their language or platform, and the way to
each: it may be in a tab or a fold that is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from campaigns.pages.message_form import BLOCK_NAMES


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One: the id of its field on the page, its name, and what is wrong."""

    field_id: str
    name: str
    words: str


def list_faults(forms: Iterable[Any]) -> Iterator[FieldFault]:
    """Of every field of these forms and formsets, in their order."""
    for form in _list_forms(forms):
        for name, sentences in form.errors.items():
            if name in form.fields:
                yield FieldFault(_find_id(form[name]), _name_field(form, name), sentences[0])


def name_first_fault(forms: Iterable[Any]) -> str:
    """What the first field with an error is called; "" where the error belongs to none."""
    for form in _list_forms(forms):
        for name in form.errors:
            return _name_field(form, name) if name in form.fields else ""
    return ""


def _list_forms(forms: Iterable[Any]) -> list[Any]:
    return [row for part in forms for row in getattr(part, "forms", [part])]


def _name_field(form: Any, name: str) -> str:
    """`Text (de)`, `Title (de, iOS)`."""
    language = form["language"].value() if "language" in form.fields else ""
    block = name.rpartition("-")[0].partition("-")[0]
    places = (language, BLOCK_NAMES.get(block, block))
    where = ", ".join(str(place) for place in places if place)
    label = str(form.fields[name].label)
    return f"{label} ({where})" if where else label


def _find_id(field: Any) -> str:
    """Of what can have the focus: of a group of boxes the first one."""
    return str(field.id_for_label or f"{field.auto_id}_0")
