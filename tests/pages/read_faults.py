"""Where a page says what is wrong with a field, and which field names the message as its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.pages.read_shown import ShownReader

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}
FIELD, MESSAGE = "pa-field", "pa-error"


@dataclass(eq=False)
class Element:
    """One of a page, with its own text and that of all within."""

    tag: str
    given: dict[str, str] = field(default_factory=dict)
    parent: Element | None = None
    text: str = ""

    def has(self, word: str) -> bool:
        return word in self.given.get("class", "").split()

    @property
    def describers(self) -> list[str]:
        """Ids of what describes it."""
        return self.given.get("aria-describedby", "").split()

    @property
    def name(self) -> str:
        return self.given.get("name") or self.given.get("id") or self.tag

    def list_around(self) -> Iterator[Element]:
        """Itself and what it stands in, from the inside."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def find_field(self) -> Element | None:
        """The box of the field that it belongs to."""
        return next((one for one in self.list_around() if one.has(FIELD)), None)


class ElementReader(ShownReader):
    """Reads the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.inner: Element | None = None

    def begin(self, tag, given):
        element = Element(tag, given, self.inner)
        self.elements.append(element)
        if tag not in VOID:
            self.inner = element

    def handle_startendtag(self, tag, attrs):
        outer = self.inner
        self.handle_starttag(tag, attrs)
        self.inner = outer

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        if self.templates or tag == "template" or self.inner is None:
            return
        around = [*self.inner.list_around()]
        closed = next((one for one in around if one.tag == tag), None)
        self.inner = closed.parent if closed else self.inner

    def handle_data(self, data):
        if data.strip() and self.inner is not None:
            for element in self.inner.list_around():
                element.text += data.strip()


def find_lost_messages(page: str) -> Iterator[str]:
    """Fields that are wrong and name no message, and messages that no field beside them names."""
    reader = ElementReader()
    reader.feed(page)
    named: dict[str, list[Element]] = {}
    for element in reader.elements:
        for known in element.describers:
            named.setdefault(known, []).append(element)
    places = {
        place: message
        for message in reader.elements
        if message.has(MESSAGE) and message.text
        for place in _list_ids(message)
    }
    for place, message in places.items():
        if not _is_beside(message, named.get(place, [])):
            yield f"no field beside it names {message.text!r:.60} ({place})"
    for element in reader.elements:
        around = element.list_around()
        is_told = any(places.keys() & set(one.describers) for one in around)
        if element.given.get("aria-invalid") == "true" and not is_told:
            yield f"does not say what is wrong with {element.name}"


def _list_ids(message: Element) -> set[str]:
    """What a field can name it by: it, or the box that all its sentences stand in. Of a message
    that is about a whole form, none."""
    outer = message.parent.given.get("id", "") if message.parent else ""
    ids = {message.given.get("id", ""), outer if outer.endswith("_error") else ""}
    return ids - {""}


def _is_beside(message: Element, fields: list[Element]) -> bool:
    box = message.find_field()
    return any(box is None or box in one.list_around() for one in fields)
