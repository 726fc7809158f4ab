"""The form of one person: how to reach them, where they live, and attributes with their types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import Person
from campaigns.pages.fields import PageForm
from campaigns.pages.person import require_change
from campaigns.pages.shell import draw_page, operator_page
from campaigns.selectors.profile import find_person
from campaigns.services.access import name_actor
from campaigns.services.persons import change_person

EMPTY_ROWS = 3
MOST_ROWS = 200
KINDS = {
    "text": gettext_lazy("Text"),
    "number": gettext_lazy("Number"),
    "flag": gettext_lazy("Yes or no"),
    "list": gettext_lazy("List (JSON)"),
}
FLAGS = {"yes": True, "true": True, "no": False, "false": False}


COLUMNS = ("email", "phone", "language", "country", "timezone")


class PersonForm(PageForm):
    """Columns of a person; the external user id is what scripts know them by and stays."""

    email = forms.CharField(label=gettext_lazy("E-mail"), required=False, max_length=254)
    phone = forms.CharField(
        label=gettext_lazy("Phone"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("With the country code; blanks, a plus or 00 are left out."),
    )
    language = forms.CharField(
        label=gettext_lazy("Language"),
        required=False,
        max_length=16,
        help_text=gettext_lazy("Such as de or pt-BR."),
    )
    country = forms.CharField(
        label=gettext_lazy("Country"),
        required=False,
        max_length=2,
        help_text=gettext_lazy("Two capitals, such as DE."),
    )
    timezone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        help_text=gettext_lazy("Such as Europe/Berlin."),
    )
    # What the form was drawn with: what nobody has changed there is not written.
    seen = forms.Field(required=False, widget=forms.HiddenInput)

    def clean_seen(self) -> dict[str, Any] | None:
        """None for what is no person's columns: then all of the form is written."""
        try:
            seen = json.loads(self.cleaned_data["seen"] or "")
        except (ValueError, RecursionError):
            return None
        is_whole = isinstance(seen, dict) and isinstance(seen.get("attributes"), dict)
        return seen if is_whole else None


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute as it is typed, and what is wrong with it."""

    name: str = ""
    kind: str = "text"
    value: str = ""
    fault: str = ""


@operator_page
def edit_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a person; what was typed stays when something of it is wrong."""
    person = find_person(request.user, pk)
    require_change(request, person)
    if request.method != "POST":
        initial = {name: getattr(person, name) for name in COLUMNS}
        seen = json.dumps({**initial, "attributes": person.attributes})
        form = PersonForm(initial={**initial, "seen": seen})
        return _draw(request, person, form, _list_rows(person.attributes))
    form = PersonForm(request.POST)
    rows = list(_read_rows(request))
    if form.is_valid() and not any(row.fault for row in rows):
        attributes = {row.name: _parse(row.kind, row.value) for row in rows if row.name}
        try:
            values = {**form.cleaned_data, "attributes": attributes}
            seen, actor = values.pop("seen"), name_actor(request.user)
            change_person(person, values, actor=actor, now=timezone.now(), seen=seen)
        except Invalid as refusal:
            for sentence in form.place_faults(refusal.fields).values():
                form.add_error(None, sentence)
        else:
            messages.success(request, _("Saved."))
            return redirect("person", pk=person.pk)
    return _draw(request, person, form, rows, status=422)


def _draw(
    request: HttpRequest, person: Person, form: PersonForm, rows: list[Row], status: int = 200
) -> HttpResponse:
    context = {
        "person": person,
        "form": form,
        "rows": [*rows, *[Row()] * EMPTY_ROWS],
        "kinds": list(KINDS.items()),
    }
    title = _("Edit %(name)s") % {"name": person}
    return draw_page(request, "pages/person_edit.html", title, context, status=status)


def _list_rows(attributes: dict[str, Any]) -> list[Row]:
    return [Row(name, *_write(value)) for name, value in sorted(attributes.items())]


def _write(value: Any) -> tuple[str, str]:
    """An attribute's kind and how it is typed."""
    match value:
        case bool():
            return "flag", "yes" if value else "no"
        case int() | float():
            return "number", json.dumps(value)
        case str():
            return "text", value
    return "list", json.dumps(value, ensure_ascii=False)


def _read_rows(request: HttpRequest) -> Iterator[Row]:
    """Attributes as they were sent; one without a name is none, and only drawn again."""
    lists = (request.POST.getlist(f"attribute_{piece}") for piece in ("name", "kind", "value"))
    known: set[str] = set()
    for typed, kind, value in list(zip(*lists, strict=False))[:MOST_ROWS]:
        name = typed.strip()
        fault = _find_fault(kind, value) if name else ""
        if name in known:
            fault = _("There are two of that name.")
        known |= {name} - {""}
        if name or value:
            yield Row(name, kind, value, fault)


def _find_fault(kind: str, value: str) -> str:
    try:
        _parse(kind, value)
    except (ValueError, RecursionError):
        wanted = {
            "number": _("Write a number, such as 12 or 3.5."),
            "flag": _("Write yes or no."),
            "list": _('Write a list, such as ["red", "blue"].'),
        }
        return wanted.get(kind, _("Choose what kind of value it is."))
    return ""


def _parse(kind: str, value: str) -> Any:
    """The value of that kind. Raises ValueError."""
    match kind:
        case "text":
            return value
        case "flag":
            return _pick_flag(value.strip().lower())
        case "number" | "list":
            parsed = json.loads(value)
            if isinstance(parsed, list) == (kind == "list") and not isinstance(parsed, bool | dict):
                return _check_number(parsed) if kind == "number" else parsed
    raise ValueError(kind)


def _check_number(parsed: Any) -> int | float:
    if isinstance(parsed, int | float):
        return parsed
    raise ValueError("no number")


def _pick_flag(text: str) -> bool:
    if text in FLAGS:
        return FLAGS[text]
    raise ValueError(text)
