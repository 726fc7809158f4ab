"""Which field of the compose page a path of the native API means."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.pages.plan_form import PlanForm
from campaigns.pages.repeat_form import RepeatForm
from campaigns.pages.scenario_form import ScenarioForm
from providers import registry
from providers.message_faults import TOP_FIELDS

FORM_NAMES = {"expires_in": "expires", "grace": "grace_minutes"}
WHOLE_FIELDS = [spec.name for spec in TOP_FIELDS]  # in no platform's tab
# Where a group of fields begins.
FIRST_FIELDS = {"audience": "audience_kind_0", "message": "body"}


def find_repeat_name(head: str, rest: str) -> str:
    """The field of the repeat form that a path of the native API means, if it is one."""
    return f"repeat_{rest or 'unit'}" if head == "recurrence" else FORM_NAMES.get(head, head)


def find_field_id(path: str, languages: Sequence[str] = ()) -> str:
    """The id on the page of the field that a path of the native API means; "" for none.

    `languages` are those of the translations on the page, in their order.
    """
    head, _dot, rest = path.partition(".")
    if head == "message" and rest:
        return _find_message_id(rest, languages)
    if head in FIRST_FIELDS:
        return f"id_{FIRST_FIELDS[head]}"
    name = find_repeat_name(head, rest)
    known = PlanForm.base_fields | RepeatForm.base_fields | ScenarioForm.base_fields
    return f"id_{name}" if name in known else ""


def _find_message_id(path: str, languages: Sequence[str]) -> str:
    head, _dot, rest = path.partition(".")
    if head == "translations":
        return _find_translation_id(rest, languages)
    if head == "defaults":
        return "id_defaults"
    if head == "extras" and not _is_option(rest):
        return ""
    name = path.replace(".", "-")
    return f"id_{name}" if rest or name in WHOLE_FIELDS else f"id_{name}-title"


def _find_translation_id(path: str, languages: Sequence[str]) -> str:
    language, _dot, field = path.partition(".")
    if language not in languages:
        return "pa-language-new"
    return f"id_translations-{[*languages].index(language)}-{field.replace('.', '-') or 'body'}"


def _is_option(path: str) -> bool:
    """Whether `vendor.option` is one that the vendor's tab has a field for."""
    key, _dot, name = path.partition(".")
    options = {one.key: one.message_options for one in registry.all_dialects()}
    return name in {spec.name for spec in options.get(key, ())}
