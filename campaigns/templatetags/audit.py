"""Entries of the audit log for people; the codes stand behind the words, as their titles."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.models import AuditEntry
from campaigns.services.audit_words import name_fields, name_kind, name_verb

register = template.Library()


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
    """Which fields of it: `e-mail, time zone`; nothing where none was named."""
    if not entry.fields:
        return ""
    words = name_fields(entry.target_type, entry.fields)
    return format_html('<span title="{}">{}</span>', ", ".join(entry.fields), words)
