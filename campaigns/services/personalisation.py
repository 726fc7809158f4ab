"""Messages with variables: what is wrong with them, what they need, what somebody will read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from campaigns.models import App, Device, Person
from campaigns.selectors.personal import Reader, find_variable_fault
from providers.liquid_sandbox import RenderFault
from providers.message import PushMessage
from providers.message_fields import LIQUID, Platform
from providers.message_texts import resolve_text, write_text_message
from providers.scenarios import Channel
from providers.templates import Sheet, find_template_faults, list_places


@dataclass(frozen=True, slots=True)
class Used:
    """A variable of a message: in which fields, and whether who has no value gets nothing; with
    `has_stand_ins` something stands in for it in other places, as in another language."""

    name: str
    fields: tuple[str, ...]
    is_required: bool
    default: str = ""
    has_stand_ins: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one recipient gets; without a `message` nothing, for lack of `missing` or, where that
    is empty, because of `fault`."""

    message: PushMessage | None
    missing: str = ""
    fault: str = ""


def find_faults(message: PushMessage, known: Collection[str] = ()) -> dict[str, str]:
    """What is wrong with the variables of a message, by field path (`translations.de.body`).

    `known` are attributes that occur, for words of what may have been meant.
    """
    return find_template_faults(message, partial(find_variable_fault, known=known))


def list_variables(message: PushMessage) -> tuple[Used, ...]:
    """The variables of a message without faults, in all its languages."""
    if message.template != LIQUID:
        return ()
    fields: dict[str, list[str]] = {}
    required: set[str] = set()
    replaced: set[str] = set()
    for place in list_places(message):
        for variable in place.slot.parse().variables:
            fields.setdefault(variable.name, []).append(place.path)
            is_required = variable.is_required and variable.name not in message.defaults
            (required if is_required else replaced).add(variable.name)
    return tuple(
        Used(
            name,
            tuple(dict.fromkeys(paths)),
            name in required,
            message.defaults.get(name, ""),
            name in replaced,
        )
        for name, paths in sorted(fields.items())
    )


def render_for(
    message: PushMessage,
    app: App,
    recipient: Device | Person,
    *,
    channel: str = Channel.PUSH.value,
    language: str | None = None,
) -> Rendered:
    """What a device gets as a push, or a person over `sms` or `email`.

    `language` is a translation to take instead of the recipient's own.
    """
    if language is None:
        language = message.find_language(_find_spoken(app, recipient), app.chain)
    if isinstance(recipient, Device):
        resolved = message.resolve(Platform(recipient.platform), language)
    else:
        resolved = write_text_message(resolve_text(message, channel, language), channel)
    if message.template != LIQUID:
        return Rendered(resolved)
    sheet = Sheet(resolved)
    return _fill(sheet, _read_values(app, recipient, sheet.variables, message.defaults))


def render_everywhere(
    message: PushMessage, app: App, device: Device, platforms: Iterable[Platform]
) -> dict[Platform, Rendered]:
    """What a device gets, if it were of each of these platforms; what is known of it is read
    once."""
    language = message.find_language(_find_spoken(app, device), app.chain)
    resolved = {platform: message.resolve(platform, language) for platform in platforms}
    if message.template != LIQUID:
        return {platform: Rendered(one) for platform, one in resolved.items()}
    sheets = {platform: Sheet(one) for platform, one in resolved.items()}
    names = dict.fromkeys(name for sheet in sheets.values() for name in sheet.variables)
    values = _read_values(app, device, tuple(names), message.defaults)
    return {platform: _fill(sheet, values) for platform, sheet in sheets.items()}


def _fill(sheet: Sheet, values: Mapping[str, object]) -> Rendered:
    try:
        return Rendered(sheet.fill(sheet.render(values)))
    except RenderFault as fault:
        return Rendered(None, fault.variable, str(fault))


def _find_spoken(app: App, recipient: Device | Person) -> str:
    person = recipient.person if isinstance(recipient, Device) else recipient
    theirs = person.language if person is not None else ""
    return recipient.language or theirs or app.default_language


def _read_values(
    app: App, recipient: Device | Person, variables: tuple[str, ...], defaults: Mapping[str, str]
) -> dict[str, object]:
    reader = Reader(app, variables, defaults)
    if isinstance(recipient, Device):
        return reader.read_devices([recipient.pk]).get(recipient.pk, {})
    return reader.read_persons([recipient.pk]).get(recipient.pk, {})
