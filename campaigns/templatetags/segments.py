"""How pages tell of a verdict on somebody: each node as a sentence."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from campaigns.selectors.explain import CONDITION, Verdict
from campaigns.selectors.segment_words import GROUPS, INSTANTS, say_condition, say_of_field
from campaigns.selectors.trace_words import Dated

register = template.Library()


@register.filter
def verdict_words(verdict: Verdict, zone: str) -> str:
    """The node for people: `Country of the device is “DE”`, `One of these`, `Segment Golds`."""
    if verdict.kind == CONDITION:
        return say_condition(verdict.field, verdict.op, verdict.wanted, zone)
    if verdict.kind in GROUPS:
        return str(GROUPS[verdict.kind])
    names = {
        "all": _("Everyone"),
        "labels": _("Carries all of these labels"),
        "segment": _("Segment %(name)s") % {"name": verdict.name},
        "persons": _("Is one of the persons named"),
        "devices": _("Is one of the devices named"),
        "unknown_of": _("Nobody knows whether that transfer reached it"),
        "outcomes_of": _("Is meant by what became of that transfer"),
        "combine": _("Included, and not excluded"),
    }
    return names.get(verdict.kind, verdict.kind)


@register.filter
def instant_words(verdict: Verdict) -> str:
    """What a relative time comes to, for `dated`; "" for any other node."""
    if verdict.instant is None:
        return ""
    return Dated(str(INSTANTS[verdict.op]), verdict.instant)


@register.filter
def found_words(verdict: Verdict, zone: str) -> str:
    """What the device or its person has there."""
    if verdict.found is None or verdict.found == ():
        return _("nothing")
    return say_of_field(verdict.field, verdict.found, zone)
