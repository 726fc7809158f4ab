"""What the lines of a report are called on its page; files and scripts keep the short words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Settled
from campaigns.models.audience import WAYS
from campaigns.pages.reason_words import name_reason
from campaigns.selectors.language_names import name_language
from campaigns.selectors.questions import Dimension
from providers.reports import Metric

RECEIPT_WORDS = {
    Metric.DELIVERED: gettext_lazy("Delivered"),
    Metric.SHOWN: gettext_lazy("Shown"),
    Metric.OPENED: gettext_lazy("Opened"),
}


def say_value(by: str, key: str, name: str) -> str:
    """A value of a dimension, or of a field of a background report, for people; `name` is what is
    stored of it, "" for none."""
    if by in {Dimension.PLATFORM, Dimension.CHANNEL}:
        return _("Push") if key == "push" else str(dict(WAYS).get(key, name))
    if by == Dimension.LANGUAGE:
        return name_language(name)
    return _say_reason(key) if by == Dimension.REASON else name


def _say_reason(key: str) -> str:
    """`Failed · Dead token` for `failed:token`."""
    outcome, _colon, reason = key.partition(":")
    words = str(dict(Settled.choices).get(outcome, outcome))
    return f"{words} · {name_reason(reason)}" if reason else words
