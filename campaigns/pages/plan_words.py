"""What was chosen for a campaign, in words: whom it reaches, how fast, until when, how safely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, Scenario, Segment, Settled
from campaigns.models.clock import RECIPIENT_ZONE
from campaigns.pages.plan_form import POLICY_WORDS
from campaigns.selectors.audience import AudienceKind


def describe_plan(campaign: Campaign) -> list[tuple[str, str]]:
    """What was chosen as pairs of a name and words; what was left at nothing is left out."""
    return [(name, words) for name, words in _list_choices(campaign) if words]


def _list_choices(campaign: Campaign) -> Iterator[tuple[str, str]]:
    yield _("Audience"), describe_audience(campaign)
    yield _("Who does not answer the push"), _say_scenario(campaign.scenario)
    yield _("At most per second"), _say_rate(campaign.rate)
    yield _("Reach it after"), _say_span(campaign.ramp_up)
    yield _("Expires after"), _say_span(campaign.expires_in)
    if campaign.timezone == RECIPIENT_ZONE:
        yield _("Where that hour is past"), campaign.get_when_past_display()
    elif campaign.due_at:
        yield _("If nothing was running"), campaign.get_when_missed_display()
    yield _("When a vendor does not answer"), str(POLICY_WORDS[campaign.policy])
    yield _("A route that loses something"), _("refused") if campaign.strict else ""


def describe_audience(campaign: Campaign) -> str:
    """Whom it reaches: "Carriers of all of vip, beta; primary devices only"."""
    words = say_audience(campaign.audience)
    return (
        _("%(words)s; primary devices only") % {"words": words} if campaign.only_primary else words
    )


def say_audience(audience: Mapping[str, Any]) -> str:
    """Whom the JSON of an audience means; {} is everyone."""
    [(kind, value)] = audience.items() or [(AudienceKind.ALL, True)]
    return _say_kind(AudienceKind(kind), value)


def _say_kind(kind: AudienceKind, value: Any) -> str:
    match kind:
        case AudienceKind.ALL:
            return _("Everyone")
        case AudienceKind.LABELS:
            return _("Carriers of all of %(labels)s") % {"labels": ", ".join(value)}
        case AudienceKind.SEGMENT:
            return _("Segment %(name)s") % {"name": _name_segment(value)}
        case AudienceKind.EXPRESSION:
            return _("An expression")
        case AudienceKind.UNKNOWN_OF:
            return _("Those unknown in transfer %(pk)s") % {"pk": value}
        case AudienceKind.OUTCOMES_OF:
            return _say_outcomes(value)
        case AudienceKind.COMBINE:
            return _say_combined(value)
    count = len(value)
    words = ngettext("%(count)s pasted id", "%(count)s pasted ids", count)
    return words % {"count": number_format(count, force_grouping=True)}


def _say_outcomes(value: dict[str, Any]) -> str:
    words = _("Those of transfer %(pk)s who are %(outcomes)s") % {
        "pk": value["transfer"],
        "outcomes": ", ".join(str(Settled(outcome).label) for outcome in value["outcomes"]),
    }
    if value.get("without_receipt"):
        more = _("%(words)s and not reported as %(receipt)s")
        return more % {"words": words, "receipt": value["without_receipt"]}
    return words


def _say_combined(value: dict[str, Any]) -> str:
    included, excluded = (
        "; ".join(
            _say_kind(AudienceKind(kind), one) for body in bodies for kind, one in body.items()
        )
        for bodies in (value["include"], value.get("exclude") or ())
    )
    if not excluded:
        return included
    return _("%(included)s, but not: %(excluded)s") % {"included": included, "excluded": excluded}


def _name_segment(pk: int) -> str:
    # A campaign that has ended may outlive its segment.
    found = Segment.objects.filter(pk=pk).values_list("name", flat=True).first()
    return found or f"#{pk}"


def _say_scenario(scenario: Scenario | None) -> str:
    return _("goes on by %(name)s") % {"name": scenario} if scenario else ""


def _say_rate(rate: int | None) -> str:
    return str(number_format(rate, force_grouping=True)) if rate else ""


def _say_span(seconds: int | None) -> str:
    return str(timedelta(seconds=seconds)) if seconds else ""
