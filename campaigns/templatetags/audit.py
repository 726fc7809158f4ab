"""Entries of the audit log for people; the codes stand behind the words, as their titles."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import AuditEntry
from campaigns.services.audit_words import name_fields, name_kind, name_verb

register = template.Library()
# Fields of an entry in a list, and letters of each: an import names a hundred.
MOST_FIELDS, LONGEST = 8, 60


@register.filter
def audit_verb(entry: AuditEntry) -> SafeString:
    """What was done: `Campaign approved`."""
    return format_html('<span title="{}">{}</span>', entry.verb, name_verb(entry.verb))


@register.filter
def audit_target(entry: AuditEntry) -> SafeString:
    """Which row: `campaign 12`."""
    words = f"{name_kind(entry.target_type)} {entry.target_id}".strip()
    return format_html('<span title="{}">{}</span>', entry.target_type, words)


@register.filter
def audit_fields(entry: AuditEntry) -> SafeString | str:
    """Which fields of it: `e-mail, time zone`; of many the first, and a link to all of them."""
    told = _draw_fields(entry, entry.fields[:MOST_FIELDS])
    left_out = len(entry.fields) - MOST_FIELDS
    is_cut = any(len(name) > LONGEST for name in entry.fields[:MOST_FIELDS])
    if left_out <= 0 and not is_cut:
        return told
    words = _("in full")
    if left_out > 0:
        words = ngettext("and %(count)s more", "and %(count)s more", left_out) % {"count": left_out}
    return format_html("{} {}", told, _link_entry(entry, words))


@register.filter
def audit_fields_whole(entry: AuditEntry) -> SafeString | str:
    """All of them, however many."""
    return _draw_fields(entry, entry.fields, None)


def _draw_fields(
    entry: AuditEntry, fields: Sequence[str], longest: int | None = LONGEST
) -> SafeString | str:
    if not fields:
        return ""
    shown = [_cut(str(name), longest) for name in fields]
    words = name_fields(entry.target_type, shown)
    return format_html('<span title="{}">{}</span>', ", ".join(shown), words)


def _cut(name: str, longest: int | None) -> str:
    return name if longest is None or len(name) <= longest else f"{name[: longest - 1]}…"


def _link_entry(entry: AuditEntry, words: str) -> SafeString | str:
    """To the entry alone; where it is of no workspace there is no such page."""
    if entry.workspace is None:
        return words
    query = urlencode({"workspace": entry.workspace.slug, "entry": str(entry.pk)})
    html = '<a class="pa-link" href="{}?{}">{}<span class="pa-hidden"> #{}</span></a>'
    return format_html(html, reverse("audit"), query, words, entry.pk)
