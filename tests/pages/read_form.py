"""What a browser would send of a page's form if nobody touched it."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

from django.http import QueryDict


class FormReader(HTMLParser):
    """Reads the fields of the form with one id; what stands in a `<template>` is none."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.is_inside = False
        self.area = ""
        self.choice = ""
        self.is_named_by_text = False
        self.templates = 0
        self.values = QueryDict(mutable=True)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.templates += tag == "template"
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        name = given.get("name")
        if not self.is_inside or self.templates:
            return
        if tag == "option" and self.choice and "selected" in given:
            self._read_option(given)
        if not name:
            return
        match tag:
            case "textarea":
                self.area, self.values[name] = name, ""
            case "select":
                self.choice = name
            case "input":
                self._read_input(name, given)

    def _read_option(self, given: Mapping[str, str | None]) -> None:
        self.is_named_by_text = "value" not in given
        if not self.is_named_by_text:
            self.values.appendlist(self.choice, given["value"] or "")

    def _read_input(self, name: str, given: Mapping[str, str | None]) -> None:
        kind = given.get("type", "text")
        if kind in {"checkbox", "radio"} and "checked" not in given:
            return
        self.values.appendlist(name, given.get("value") or ("on" if kind == "checkbox" else ""))

    def handle_endtag(self, tag):
        self.templates -= tag == "template"
        if tag == "textarea":
            self.area = ""
        elif tag == "select":
            self.choice = ""
        elif tag == "form":
            self.is_inside = False

    def handle_data(self, data):
        if self.area:
            self.values[self.area] += data
        if self.is_named_by_text:
            self.values.appendlist(self.choice, data.strip())
            self.is_named_by_text = False


def read_form(page: str, form_id: str = "pa-compose-form") -> QueryDict:
    """The names and values of a drawn form."""
    reader = FormReader(form_id)
    reader.feed(page)
    for name in reader.values:  # a browser drops the line break that begins an area
        reader.values.setlist(
            name, [text.removeprefix("\n") for text in reader.values.getlist(name)]
        )
    return reader.values
