"""Sends again to those of whom nobody knows whether they got it: a person decides, never we."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict
from campaigns.models import Campaign, Counter, Message, Part, Settled, Transfer
from campaigns.selectors.audience import AudienceKind
from campaigns.services.campaigns import launch_campaign, save_new
from campaigns.services.twice import declare_twice

# What has ended so has sent to nobody, or not to all: it may be tried again.
ENDED = (Campaign.Status.CANCELLED, Campaign.Status.FAILED)


def repeat_unknown(
    transfer: Transfer, *, actor: str, now: datetime, may_bypass_approval: bool = False
) -> Campaign:
    """Launch a campaign with the same message to exactly those whose outcome is `unknown`: scripts
    do so, people look at it first (`plan_repeat`).

    Some may get it twice. The books of the transfer stay as they are. Raises Conflict when it has
    not ended, when nobody is unknown or somebody has done it already; and what launching raises.
    """
    with transaction.atomic():
        _take_turn(transfer)
        campaign = _save_draft(transfer, actor=actor, now=now)
        return launch_campaign(
            campaign, actor=actor, now=now, may_bypass_approval=may_bypass_approval
        )


def plan_repeat(transfer: Transfer, *, actor: str, now: datetime) -> Campaign:
    """The same as a draft, to be looked at and launched like any other; one that somebody has made
    and not launched yet is that draft. Raises Conflict as `repeat_unknown` does."""
    with transaction.atomic():
        _take_turn(transfer)
        begun = find_repeat(transfer)
        if begun is not None and begun.status in Campaign.EDITABLE:
            return begun
        return _save_draft(transfer, actor=actor, now=now)


def _take_turn(transfer: Transfer) -> None:
    """Two who press at once: the second waits here, and sees what the first has made."""
    Transfer.objects.select_for_update(of=("self",)).get(pk=transfer.pk)
    transfer.refresh_from_db()


def _save_draft(transfer: Transfer, *, actor: str, now: datetime) -> Campaign:
    part = _find_part(transfer)
    audience = {AudienceKind.UNKNOWN_OF.value: transfer.pk}
    campaign = draft_repeat(transfer, part, audience, actor=actor, now=now)
    return save_new(campaign, "repeat_unknown", actor=actor, now=now)


def find_repeat(transfer: Transfer) -> Campaign | None:
    """The campaign that has sent, or is to send, again to the unknown of a transfer."""
    # Others send again to whom a person chose, and declared who may get it twice.
    again = Campaign.objects.filter(
        repeats=transfer, audience__has_key=AudienceKind.UNKNOWN_OF.value
    )
    return again.exclude(status__in=ENDED).first()


def may_repeat(transfer: Transfer) -> bool:
    """Whether there is anybody to send again to, and nobody has."""
    is_over = transfer.finished_at is not None and not transfer.is_test
    return is_over and len(list_unknown_parts(transfer)) == 1 and find_repeat(transfer) is None


def _find_part(transfer: Transfer) -> Part:
    if transfer.finished_at is None:
        raise Conflict(_("It has not ended yet; wait until it has."), code="not_ended")
    repeat = find_repeat(transfer)
    if repeat is not None:
        words = _("This was sent again already, by the campaign %(name)s (%(id)s).")
        if repeat.status in Campaign.EDITABLE:
            words = _("There is a draft for these already, %(name)s (%(id)s): launch or cancel it.")
        raise Conflict(words % {"name": repeat.name, "id": repeat.pk}, code="repeated_already")
    parts = list_unknown_parts(transfer)
    if not parts:
        raise Conflict(_("Nobody's outcome is unknown."), code="nobody_unknown")
    if len(parts) > 1:
        words = _("It carried several messages to people whose outcome is unknown.")
        raise Conflict(words, code="several_messages")
    return parts[0]


def list_unknown_parts(transfer: Transfer) -> list[Part]:
    """Parts of a transfer with devices whose outcome is unknown: only pushes are sent again."""
    unknown = Counter.objects.filter(
        part__transfer=transfer, outcome=Settled.UNKNOWN.value, count__gt=0
    )
    parts = Part.objects.filter(pk__in=unknown.values("part_id"), kind=Part.Kind.DEVICE)
    return list(parts.select_related("message"))


def draft_repeat(
    transfer: Transfer, part: Part, audience: dict[str, Any], *, actor: str, now: datetime
) -> Campaign:
    """A campaign, still to be saved, that says what a part said to some of its recipients.

    Raises Conflict for a test: a draft is edited and launched at any time, and tests go without
    approval because they are a few in an hour.
    """
    if transfer.is_test:
        words = _("A test is not sent again. Send another test of its campaign.")
        raise Conflict(words, code="is_test")
    first = transfer.campaign
    campaign = Campaign(
        workspace=transfer.app.workspace,
        app=transfer.app,
        group=transfer.group,
        name=(_("Again: %(name)s") % {"name": transfer})[:200],
        tag=transfer.tag,
        message=Message(app=transfer.app, content=part.message.content),
        audience=audience,
        expires_in=first.expires_in if first else None,
        rate=transfer.rate,
        policy=transfer.policy,
        repeats=transfer,
        status_since=now,
        created_at=now,
        created_by=actor,
        authors=first.written_by if first else [],
    )
    declare_twice(campaign)
    return campaign
