"""How each field of a message fares with a dialect, and how many bytes that makes."""

from __future__ import annotations

from typing import Any

from providers.contract import Carry, Dialect, Fate, Payload
from providers.fields import gettext_noop
from providers.json_values import write_json
from providers.liquid import TemplateFault
from providers.liquid_sandbox import RenderFault
from providers.message import PushMessage
from providers.message_channels import IN_APP_FIELDS
from providers.message_common import PLACES, find_common, find_place, holds_on
from providers.message_fields import LIQUID, Platform
from providers.message_json import write_message
from providers.templates import Sheet

TEXT_FIELDS = ("title", "body")
TYPICAL = "x" * 24  # letters of a value that nobody has looked up
DROPPED = Carry(Fate.DROPPED)
NO_PAGE = Carry(
    Fate.DROPPED, note=gettext_noop("Browsers open http and https addresses, nothing else.")
)
# A batch has one language, so every route carries translations unless its dialect says otherwise.
EMULATED = Carry(Fate.EMULATED, note=gettext_noop("Done by us, through the app's own channel."))
DEFAULTS = {
    "translations": Carry(Fate.CARRIED),
    "channel": EMULATED,
    # Whether a vendor shows it too is not ours to say: `only` holds where the vendor knows it.
    **{f"in_app.{spec.name}": EMULATED for spec in IN_APP_FIELDS if spec.name != "only"},
}


def find_carry(dialect: Dialect, platform: str, field: str) -> Carry:
    """How a field fares; a common text travels as the platform's own where only that is named."""
    name = field.rpartition(".")[2]
    candidates = [field]
    if field in PLACES:
        candidates = [find_place(field, platform)]
    elif name in TEXT_FIELDS:
        candidates += [f"{platform}.{name}", name]
    found = (dialect.carries[path] for path in candidates if path in dialect.carries)
    return next(found, DEFAULTS.get(field, DROPPED))


def find_message_carry(dialect: Dialect, message: PushMessage, platform: str, field: str) -> Carry:
    """How a field fares with what this message says in it."""
    if field == "link" and not holds_on(field, platform, message.link):
        return NO_PAGE
    return find_carry(dialect, platform, field)


def find_source(message: PushMessage, path: str) -> str:
    """Where a value of a platform's field was written: there, or in the common field."""
    block, _dot, name = path.partition(".")
    common = find_common(path)
    is_own = getattr(getattr(message, block, None), name, None) is not None
    return common if common and not is_own and getattr(message, common) else path


def measure_languages(
    dialect: Dialect, message: PushMessage, platform: Platform
) -> dict[str, Payload]:
    """How long it is in each language, "" for the common text; variables are of usual length."""
    return {
        language: measure_typical(dialect, message, platform, language)
        for language in ["", *message.translations]
    }


def measure_typical(
    dialect: Dialect, message: PushMessage, platform: Platform, language: str
) -> Payload:
    """How long it is in one of them."""
    return measure_resolved(dialect, _fill_typically(message, platform, language), platform)


def measure_resolved(dialect: Dialect, resolved: PushMessage, platform: Platform) -> Payload:
    """What one device is sent, as the dialect writes it; an estimate where it does not say, of the
    fields that it carries as UTF-8 JSON."""
    if dialect.measure is not None:
        return dialect.measure(resolved, platform)
    body = write_message(resolved).get(platform.value)
    block = body if body is not None else {"title": resolved.title, "body": resolved.body}
    kept: dict[str, Any] = {
        name: value
        for name, value in block.items()
        if find_carry(dialect, platform, f"{platform}.{name}").fate is not Fate.DROPPED
    }
    kept |= resolved.extras.get(dialect.key, {})
    size = len(write_json(kept).encode())
    return Payload(size, dialect.limits.max_payload_bytes)


def _fill_typically(message: PushMessage, platform: Platform, language: str) -> PushMessage:
    """The message of somebody whose values are of usual length: code of a template is no text."""
    resolved = message.resolve(platform, language)
    if message.template != LIQUID:
        return resolved
    try:
        sheet = Sheet(resolved)
        values = {name: message.defaults.get(name, TYPICAL) for name in sheet.variables}
        return sheet.fill(sheet.render(values))
    except (TemplateFault, RenderFault):
        return resolved  # what is wrong with it is told elsewhere
