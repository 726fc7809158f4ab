"""What a browser would send of a page's forms if nobody touched them, and where to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import QueryDict

from tests.pages.read_shown import ShownReader

# What a person types; what such a field held is drawn again when its form is refused.
TYPED = {"text", "textarea", "search", "email", "number", "url", "tel", "datetime-local", "date"}
SUBMITS = {"submit", "image"}


@dataclass
class DrawnForm:
    """One form as it is drawn: its fields' values, their kinds, and what sends it where."""

    form_id: str = ""
    method: str = "get"
    action: str = ""
    values: QueryDict = field(default_factory=lambda: QueryDict(mutable=True))
    kinds: dict[str, str] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)  # letters that a browser lets one type
    # Name, value, method and address of each button, "" where the form's own are meant.
    buttons: list[tuple[str, str, str, str]] = field(default_factory=list)


class FormReader(ShownReader):
    """Reads every form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[DrawnForm] = []
        # What sends a form without being in it: the form's id, a method and an address.
        self.senders: list[tuple[str, str, str]] = []
        self.is_inside = False
        self.area = ""
        self.choice = ""
        self.before = 0  # values that earlier lists of that name have chosen
        self.is_named_by_text = False

    def begin(self, tag, given):
        if tag == "form":
            self.is_inside = True
            self.forms.append(_begin_form(given))
        self._note_sender(tag, given)
        if self.is_inside:
            self._read_field(self.forms[-1], tag, given)

    def _read_field(self, form: DrawnForm, tag: str, given: Mapping[str, str]) -> None:
        if tag == "option" and self.choice:
            self._read_option(form, given)
        name = given.get("name")
        if not name:
            return
        if given.get("maxlength", "").isdecimal():
            form.most[name] = int(given["maxlength"])
        match tag:
            case "textarea":
                self.area, form.kinds[name] = name, "textarea"
                form.values[name] = ""
            case "select":
                self.choice, self.before = name, len(form.values.getlist(name))
                form.kinds[name] = "multiple" if "multiple" in given else "select"
            case "input":
                self._read_input(form, name, given)

    def _read_option(self, form: DrawnForm, given: Mapping[str, str]) -> None:
        """A browser chooses the first of a list if none of it is; of a list of many, none."""
        taken, is_single = form.values.getlist(self.choice), form.kinds[self.choice] == "select"
        is_first = is_single and len(taken) == self.before
        if "selected" not in given and not is_first:
            return
        if is_single:
            form.values.setlist(self.choice, taken[: self.before])
        self.is_named_by_text = "value" not in given
        if not self.is_named_by_text:
            form.values.appendlist(self.choice, given["value"])

    def _note_sender(self, tag: str, given: Mapping[str, str]) -> None:
        """Buttons of a form, and elements that htmx sends a form by."""
        live = [(verb, given[f"hx-{verb}"]) for verb in ("get", "post") if f"hx-{verb}" in given]
        is_submit = tag == "button" and given.get("type", "submit") in SUBMITS
        if self.is_inside and (is_submit or (live and tag == "button")):
            method, address = live[0] if live else ("", given.get("formaction", ""))
            button = (given.get("name", ""), given.get("value", ""), method, address)
            self.forms[-1].buttons.append(button)
        elif live and given.get("hx-include", "").startswith("#"):
            self.senders.append((given["hx-include"][1:], *live[0]))
        if "data-pa-autosave" in given:
            self.senders.append((given["id"], "post", given["data-pa-autosave"]))

    def _read_input(self, form: DrawnForm, name: str, given: Mapping[str, str]) -> None:
        kind = given.get("type", "text")
        form.kinds[name] = kind
        if kind in {"checkbox", "radio"}:
            if "checked" in given:
                form.values.appendlist(name, given.get("value", "on"))
        elif kind != "file":
            form.values.appendlist(name, given.get("value", ""))

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        if tag == "textarea":
            self.area = ""
        elif tag == "select":
            self.choice = ""
        elif tag == "form":
            self.is_inside = False

    def handle_data(self, data):
        if self.area:
            self.forms[-1].values[self.area] += data
        if self.is_named_by_text:
            self.forms[-1].values.appendlist(self.choice, data.strip())
            self.is_named_by_text = False


def _begin_form(given: Mapping[str, str]) -> DrawnForm:
    live = [(verb, given[f"hx-{verb}"]) for verb in ("get", "post") if f"hx-{verb}" in given]
    method, action = live[0] if live else (given.get("method", "get"), given.get("action", ""))
    return DrawnForm(given.get("id", ""), method.lower(), action)


def read_forms(page: str) -> tuple[list[DrawnForm], list[tuple[str, str, str]]]:
    """Every drawn form, and what else sends one: its id, a method and an address."""
    reader = FormReader()
    reader.feed(page)
    for form in reader.forms:
        for name, kind in form.kinds.items():  # a browser drops the line break that begins an area
            if kind == "textarea":
                form.values[name] = form.values[name].removeprefix("\n")
    return reader.forms, reader.senders


def read_form(page: str, form_id: str = "pa-compose-form") -> QueryDict:
    """The names and values of the form with that id; none if there is no such form."""
    found = [form.values for form in read_forms(page)[0] if form.form_id == form_id]
    return found[0] if found else QueryDict(mutable=True)
