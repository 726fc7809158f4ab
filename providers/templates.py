"""A message whose texts hold variables: which of its fields are templates, what is wrong with
them, and the message that one recipient gets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from providers.fields import BUTTON_PARTS, FieldSpec, is_link, is_web_address
from providers.liquid import BRACES, Template, TemplateFault, has_tags, parse
from providers.liquid_sandbox import Mode, RenderFault
from providers.message import Button, PushMessage, Text
from providers.message_channels import OTHER_BLOCKS, TRANSLATED_SINGLY
from providers.message_fields import COMMON_FIELDS, LIQUID, SHARED_FIELDS, TRANSLATED_FIELDS
from providers.message_platforms import BLOCK_FIELDS

ONE_LINE = ("title", "subtitle", "subject", "dismiss_title", "open_title")
MODES = {"url": Mode.URL, "link": Mode.URL, "line": Mode.LINE, "text": Mode.TEXT}
# Only from where the blanks begin: else a long run of them is looked at anew from each of them.
SPACES = re.compile(r"(?<![ \t])[ \t]*[\n\r\t\v\f\u0085\u2028\u2029]\s*")
# Before its first variable an address says where it leads: no value may decide that.
LEADS = re.compile(r"(?i)https?://[^/?#{]+[/?#]|(?!https?:)[a-z][a-z0-9+.-]*:")
MAX_LEAF = 4096
ELLIPSIS = "…"
Build = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """One text to render: its `kind` (a key of MODES), and how long the result may be."""

    kind: str
    maximum: int
    source: str

    def parse(self) -> Template:
        """Raises TemplateFault."""
        return parse(self.source, MODES[self.kind])

    def finish(self, text: str) -> str:
        """What becomes of a rendered text: a line stays one, and what is too long is cut.

        Raises RenderFault for an address that is none, or that is too long: it cannot be cut.
        """
        if self.kind in {"url", "link"}:
            is_good = is_web_address if self.kind == "url" else is_link
            if text.strip() and (len(text) > self.maximum or not is_good(text)):
                raise RenderFault("an address is none")
            return text.strip()
        if self.kind == "line" and SPACES.search(text):
            text = SPACES.sub(" ", text)
        return text if len(text) <= self.maximum else cut_text(text, self.maximum)


def cut_text(text: str, maximum: int) -> str:
    """The beginning of a text with an ellipsis, without half of what is drawn as one sign."""
    kept = text[: maximum - 1].rstrip()
    # A joiner at the end would wait for what was cut.
    return kept.rstrip("\u200d\ufe0f").rstrip() + ELLIPSIS


@dataclass(frozen=True, slots=True)
class Place:
    """A template of a message: the path of its field (`android.data`), and its text."""

    path: str
    slot: Slot


def list_places(message: PushMessage) -> Iterator[Place]:
    """The templates of a message, in all its languages. Raises TemplateFault for JSON that is
    none, where it has to be taken apart."""
    for path, spec, value in _list_values(message):
        for slot in _list_slots(spec, value):
            yield Place(path, slot)


def _list_values(message: PushMessage) -> Iterator[tuple[str, FieldSpec, Any]]:
    """Each field that is set, with its path."""
    for spec in (*COMMON_FIELDS, *SHARED_FIELDS):
        yield spec.name, spec, getattr(message, spec.name)
    blocks = {platform.value: specs for platform, specs in BLOCK_FIELDS.items()}
    for name, specs in (blocks | OTHER_BLOCKS).items():
        block = getattr(message, name)
        for spec in specs if block is not None else ():
            yield f"{name}.{spec.name}", spec, getattr(block, spec.name)
    for language, text in message.translations.items():
        yield from _list_translated(f"translations.{language}", text)


def _list_translated(path: str, text: Text) -> Iterator[tuple[str, FieldSpec, Any]]:
    for spec in TRANSLATED_FIELDS:
        yield f"{path}.{spec.name}", spec, getattr(text, spec.name)
    for platform, own in text.platforms.items():
        yield from _list_translated(f"{path}.{platform}", own)
    for own_path, words in text.fields.items():
        yield f"{path}.{own_path}", TRANSLATED_SINGLY[own_path], words


def find_bare_braces(message: PushMessage) -> tuple[str, ...]:
    """Paths of texts whose braces people would read, of a message that is no template."""
    shown = (
        path
        for path, spec, value in _list_values(message)
        if any("{{" in text or "{%" in text for text in _list_shown(spec, value))
    )
    return tuple(dict.fromkeys(shown))


def _list_shown(spec: FieldSpec, value: Any) -> Sequence[str]:
    """What of a field's value is read by people."""
    match find_kind(spec):
        case "line" | "text":
            return [value or ""]
        case "buttons":
            return [button.title for button in value or ()]
        case "titles":
            return list(value)
    return []


def find_kind(spec: FieldSpec) -> str:
    """How a field is rendered; "" for one that takes no variables."""
    if spec.kind in {"url", "link", "attachments", "buttons", "titles", "json_object"}:
        return spec.kind
    if spec.name == "data":
        return "data"
    if spec.kind == "long_text":
        return "text"
    return "line" if spec.name in ONE_LINE else ""


def _list_slots(spec: FieldSpec, value: Any) -> list[Slot]:
    slots: dict[Slot, int] = {}
    _plan(spec, value, slots)
    return list(slots)


def _plan(spec: FieldSpec, value: Any, slots: dict[Slot, int]) -> Build | None:
    """How the field's value is made of rendered texts, None where nothing in it is rendered.

    Adds to `slots`, each with its number, what has to be rendered.
    """
    kind = find_kind(spec)
    if not value or not kind:
        return None
    match kind:
        case "attachments":
            return _plan_attachments(value, slots)
        case "buttons":
            return _plan_buttons(value, slots)
        case "titles":
            titles = (Button(title) for title in value)
            return _plan_buttons([*titles], slots)
        case "json_object":
            return _plan_tree(value, slots) if _holds_tags(value) else None
        case "data" if has_tags(value):
            return _plan_data(value, spec, slots)
        case "url" | "link" | "line" | "text" if has_tags(value):
            return _take(_number(Slot(kind, spec.maximum or MAX_LEAF, value), slots))
    return None


def _number(slot: Slot, slots: dict[Slot, int]) -> int:
    return slots.setdefault(slot, len(slots))


def _take(number: int) -> Build:
    return lambda texts: texts[number]


def _plan_attachments(items: Any, slots: dict[Slot, int]) -> Build | None:
    """One without the address that it had is left out."""
    if not any(has_tags(item.file_url) for item in items):
        return None
    numbers = [
        _number(Slot("url", 2048, item.file_url), slots) if has_tags(item.file_url) else None
        for item in items
    ]
    return lambda texts: tuple(
        item if number is None else replace(item, file_url=texts[number])
        for item, number in zip(items, numbers, strict=True)
        if number is None or texts[number]
    )


def _plan_buttons(items: Any, slots: dict[Slot, int]) -> Build | None:
    """A button without a title, or without the link that it had, would do nothing: it is left."""
    if not any(has_tags(item.title) or has_tags(item.link) for item in items):
        return None
    planned = [(item, _plan_button(item, slots)) for item in items]

    def build(texts: Sequence[str]) -> Any:
        filled = [
            (item, replace(item, **{part: texts[number] for part, number in numbers.items()}))
            for item, numbers in planned
        ]
        return tuple(
            one for item, one in filled if one.title.strip() and (one.link or not item.link)
        )

    return build


def _plan_button(item: Any, slots: dict[Slot, int]) -> dict[str, int]:
    parts = {
        "title": Slot("line", BUTTON_PARTS["title"], item.title),
        "link": Slot("link", BUTTON_PARTS["link"], item.link),
    }
    return {name: _number(slot, slots) for name, slot in parts.items() if has_tags(slot.source)}


def _plan_data(value: str, spec: FieldSpec, slots: dict[Slot, int]) -> Build:
    """JSON is taken apart first, so that no value can be more than a text inside it."""
    maximum = spec.maximum or MAX_LEAF
    start = value.lstrip()[:2]
    if start[:1] not in {"{", "["} or start in {"{{", "{%"}:
        return _take(_number(Slot("text", maximum, value), slots))
    try:
        tree = json.loads(value)
    except ValueError as error:
        words = "JSON with variables must be JSON: put each variable inside quotes"
        raise TemplateFault(words) from error
    build = _plan_tree(tree, slots)
    return lambda texts: _write_data(build(texts), maximum)


def _write_data(tree: Any, maximum: int) -> str:
    text = json.dumps(tree, ensure_ascii=False)
    if len(text) > maximum:
        raise RenderFault("the data is too long")
    return text


def _plan_tree(tree: Any, slots: dict[Slot, int]) -> Build:
    if isinstance(tree, str) and has_tags(tree):
        return _take(_number(Slot("text", MAX_LEAF, tree), slots))
    if isinstance(tree, Mapping):
        named = {key: _plan_tree(value, slots) for key, value in tree.items()}
        return lambda texts: {key: build(texts) for key, build in named.items()}
    if isinstance(tree, list):
        listed = [_plan_tree(value, slots) for value in tree]
        return lambda texts: [build(texts) for build in listed]
    return lambda _texts: tree


def _holds_tags(tree: Any) -> bool:
    if isinstance(tree, Mapping):
        return any(map(_holds_tags, tree.values()))
    if isinstance(tree, list | tuple):
        return any(map(_holds_tags, tree))
    return isinstance(tree, str) and has_tags(tree)


@dataclass(slots=True)
class Sheet:
    """A message for one platform and language, ready to be filled for each recipient.

    `message` is what `PushMessage.resolve` gives, or a text's own. Raises TemplateFault.
    """

    message: PushMessage
    slots: dict[Slot, int] = field(default_factory=dict)
    builds: dict[str, dict[str, Build]] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.message = replace(self.message, template="", defaults={})
        for path, spec, value in _list_values(self.message):
            build = _plan(spec, value, self.slots)
            if build is not None:
                block, _dot, name = path.rpartition(".")
                self.builds.setdefault(block, {})[name] = build
        self.templates = [slot.parse() for slot in self.slots]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what it has to know of a recipient."""
        names = {one.name for template in self.templates for one in template.variables}
        return tuple(sorted(names))

    @property
    def required(self) -> frozenset[str]:
        """Those of its variables without which it is no whole text."""
        return frozenset(
            one.name for template in self.templates for one in template.variables if one.is_required
        )

    @property
    def is_plain(self) -> bool:
        """Whether values are only put in their places, so that nothing is interpreted."""
        return all(template.pieces is not None for template in self.templates)

    def render(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The texts of all slots for one recipient, in their order. Raises RenderFault."""
        return tuple(
            slot.finish(template.render(values))
            for slot, template in zip(self.slots, self.templates, strict=True)
        )

    def fill(self, texts: Sequence[str]) -> PushMessage:
        """The message with its rendered texts. Raises RenderFault where they make none."""
        changes: dict[str, Any] = {}
        for block, builds in self.builds.items():
            built = {name: build(texts) for name, build in builds.items()}
            if block:
                own = {name: value or None for name, value in built.items()}
                changes[block] = replace(getattr(self.message, block), **own)
            else:
                changes |= built
        message = replace(self.message, **changes)
        for before, after in zip(_list_bodies(self.message), _list_bodies(message), strict=True):
            if before and not (after or "").strip():
                raise RenderFault("the text is empty")
        return message


def _list_bodies(message: PushMessage) -> list[str | None]:
    texts = (message.sms, message.email)
    return [message.body, *(one.body if one is not None else None for one in texts)]


@lru_cache(maxsize=256)
def _find_lead_fault(source: str) -> str:
    first = BRACES.search(source)
    if first is None or not source[first.start() :].startswith("{{"):
        return ""
    return "" if LEADS.match(source) else "write where it leads before its first variable"


def find_template_faults(
    message: PushMessage, find_variable_fault: Callable[[str], str]
) -> dict[str, str]:
    """What is wrong with the templates of a message, by field path, with the line.

    `find_variable_fault` tells what is wrong with a variable's name, "" for nothing.
    """
    if message.template != LIQUID:
        return {"defaults": "has no effect without a template"} if message.defaults else {}
    faults = _find_misplaced(message)
    for path, spec, value in _list_values(message):
        fault = _find_field_fault(spec, value, find_variable_fault)
        if fault:
            faults[path] = fault
    for name in message.defaults:
        fault = find_variable_fault(name)
        if fault:
            faults[f"defaults.{name}"] = fault
    return faults


def _find_field_fault(
    spec: FieldSpec, value: Any, find_variable_fault: Callable[[str], str]
) -> str:
    try:
        slots = _list_slots(spec, value)
    except TemplateFault as fault:
        return fault.message
    faults = (_find_slot_fault(slot, find_variable_fault) for slot in slots)
    return next(filter(None, faults), "")


def _find_slot_fault(slot: Slot, find_variable_fault: Callable[[str], str]) -> str:
    try:
        template = slot.parse()
    except TemplateFault as error:
        return f"line {error.line}: {error.message}"
    for variable in template.variables:
        fault = find_variable_fault(variable.name)
        if fault:
            return f"line {variable.line}: {fault}"
    return _find_lead_fault(slot.source) if MODES[slot.kind] is Mode.URL else ""


def _find_misplaced(message: PushMessage) -> dict[str, str]:
    """Braces in fields that take no variables would reach people as they are."""
    words = "takes no variables"
    faults = {
        path: words
        for path, spec, value in _list_values(message)
        if not find_kind(spec) and isinstance(value, str) and has_tags(value)
    }
    for key, values in message.extras.items():
        if _holds_tags(values):
            faults[f"extras.{key}"] = words
    return faults
