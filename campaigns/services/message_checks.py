"""What a message may be wrong about without a vendor refusing it; nothing of it blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.selectors.language_names import name_language
from campaigns.services.forecast import Reach
from campaigns.services.messages import Loss, Problem
from providers.fields import split_address
from providers.languages import is_same_language
from providers.message import Button, PushMessage
from providers.message_channels import OTHER_BLOCKS
from providers.message_fields import SHARED_FIELDS
from providers.message_platforms import BLOCK_FIELDS
from providers.templates import find_bare_braces

ADDRESSES = frozenset({"url", "link", "attachments", "buttons"})
# Names that are kept for examples and for machines of one's own (RFC 2606, RFC 6761, RFC 6762).
NOWHERE = ("example", "example.com", "example.net", "example.org", "invalid", "test", "localhost",
           "local")  # fmt: skip
MOST_LANGUAGES = 5


def _know(code: str, field: str, sentence: str) -> Problem:
    return Problem(code=code, field=field, sentence=sentence, is_blocking=False)


def find_missing_languages(reach: Reach, message: PushMessage) -> Iterator[Problem]:
    """Languages of recipients for which a message that is translated has no text of its own."""
    if not message.translations:
        return
    own = message.default_language or reach.app.default_language
    missing = {
        language: count
        for language, count in reach.spoken.items()
        if not is_same_language(language, own)
        and not message.find_language(language, reach.app.chain)
    }
    if missing:
        count = sum(missing.values())
        words = ngettext(
            "%(count)s recipient in %(app)s reads %(languages)s and gets the common text.",
            "%(count)s recipients in %(app)s read %(languages)s and get the common text.",
            count,
        )
        yield _know("missing_language", "message.translations", words % _name(reach, missing))


def find_stand_ins(reach: Reach, message: PushMessage) -> Iterator[Problem]:
    """By translation, the recipients who get it although their own language is another one."""
    for text, readers in _list_stand_ins(reach, message).items():
        words = ngettext(
            "%(count)s recipient in %(app)s has no text in their language (%(languages)s) and "
            "gets the one in %(text)s.",
            "%(count)s recipients in %(app)s have no text in their language (%(languages)s) and "
            "get the one in %(text)s.",
            sum(readers.values()),
        )
        names = {**_name(reach, readers), "text": name_language(text)}
        yield _know("stand_in_language", "message.fallbacks", words % names)


def _list_stand_ins(reach: Reach, message: PushMessage) -> dict[str, dict[str, int]]:
    """By translation, how many get it who have which other language."""
    found: dict[str, dict[str, int]] = {}
    for language, count in reach.spoken.items():
        text = message.find_language(language, reach.app.chain)
        if text and not is_same_language(text, language):
            found.setdefault(text, {})[language] = count
    return found


def _name(reach: Reach, readers: Mapping[str, int]) -> dict[str, str]:
    """How many they are, of which app, and the first of their languages."""
    some = ", ".join(name_language(tag) for tag in [*readers][:MOST_LANGUAGES])
    more = " …" if len(readers) > MOST_LANGUAGES else ""
    count = f"{sum(readers.values()):,}"
    return {"count": count, "app": reach.app.name, "languages": some + more}


def find_loss_warnings(losses: Iterable[Loss]) -> Iterator[Problem]:
    """One word per account about what it loses, where that is not refused anyway."""
    lost: dict[str, list[str]] = {}
    for loss in losses:
        if loss.is_lossy:
            lost.setdefault(loss.account or loss.dialect, []).append(loss.field)
    for account, fields in lost.items():
        words = _("%(account)s does not carry all of it: %(fields)s.")
        names = {"account": account, "fields": ", ".join(dict.fromkeys(fields))}
        yield _know("loses", f"message.{fields[0]}", words % names)


def find_link_problems(message: PushMessage) -> Iterator[Problem]:
    """Addresses that lead nowhere or go unprotected, as far as they say so themselves: nobody is
    called for this."""
    for field, address in _list_addresses(message):
        # It leads where it says before its first variable.
        lead = address.partition("{")[0]
        scheme, host = split_address(lead)
        if lead and not scheme:
            words = _("%(address)s is no address that anything could open.")
            yield _know("dead_link", f"message.{field}", words % {"address": address})
        elif scheme in {"http", "https"} and _leads_nowhere(host.rstrip(".")):
            words = _(
                "%(address)s leads nowhere: it is an address for examples or of this machine."
            )
            yield _know("dead_link", f"message.{field}", words % {"address": address})
        elif scheme == "http":
            words = _(
                "%(address)s is not protected by https; phones refuse to load such addresses."
            )
            yield _know("dead_link", f"message.{field}", words % {"address": address})


def find_brace_problems(message: PushMessage) -> Iterator[Problem]:
    """Variables that nothing fills in, for the message was not said to have any."""
    fields = () if message.template else find_bare_braces(message)
    if fields:
        words = _("%(fields)s: braces stand here, and Personalise is off, so people read them.")
        yield _know("braces", "message.template", words % {"fields": ", ".join(fields)})


def _list_addresses(message: PushMessage) -> Iterator[tuple[str, str]]:
    for spec in SHARED_FIELDS:
        for address in _read_addresses(getattr(message, spec.name)):
            yield spec.name, address
    blocks = {platform.value: specs for platform, specs in BLOCK_FIELDS.items()} | OTHER_BLOCKS
    for name, specs in blocks.items():
        block = getattr(message, name, None)
        for spec in specs if block is not None else ():
            value = getattr(block, spec.name) if spec.kind in ADDRESSES else None
            for address in _read_addresses(value):
                yield f"{name}.{spec.name}", address


def _read_addresses(value: Any) -> list[str]:
    """The addresses in a field's value: itself, or those of its attachments or buttons."""
    if isinstance(value, str):
        return [value]
    return [item.link if isinstance(item, Button) else item.file_url for item in value or ()]


def _leads_nowhere(host: str) -> bool:
    is_named = any(host == name or host.endswith(f".{name}") for name in NOWHERE)
    is_single = "." not in host and ":" not in host  # a host of some private network
    return is_named or is_single or host.startswith("127.") or host == "::1"
