"""What people and scripts do with campaigns. The rules of launching live here and nowhere else.

Whoever calls has asked for the role or the scope; `principal` bounds what may be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import ceil
from operator import attrgetter
from typing import Any, NoReturn

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.dispatch import plan, runs
from campaigns.errors import ChangedMeanwhile, Conflict, IllegalMove, Invalid, NotReady, Refused
from campaigns.models import App, Campaign, Message
from campaigns.selectors.approvals import find_exempt
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.selectors.campaign_apps import goes_to, list_apps
from campaigns.selectors.copy_names import name_copy
from campaigns.selectors.gone import list_gone
from campaigns.services import transfers
from campaigns.services.access import record_audit
from campaigns.services.approvals import note_bypass, void_approvals
from campaigns.services.campaign_values import SCHEDULE_FIELDS, read_campaign
from campaigns.services.forecast import count_reach
from campaigns.services.locks import Lock, lock_app
from campaigns.services.messages import Problem
from campaigns.services.preflight import MISSING, find_problems
from campaigns.services.twice import declare_twice
from providers.outcomes import RefusalKind

MAX_TEST_DEVICES = 10
MAX_TESTS = 60  # of one app, in
TESTS_SPAN = timedelta(hours=1)
Status = Campaign.Status

# What a copy takes over; its place in time it gets anew.
COPIED = (
    "workspace", "app", "app_group", "group", "scenario", "name", "tag", "audience", "only_primary",
    "when_past", "expires_in", "rate", "ramp_up", "policy", "strict",
)  # fmt: skip
# What a change writes: all that a body can name.
CHANGED = (*COPIED, "send_at", "timezone", "due_at", "recurrence", "when_missed", "grace")


def create_campaign(
    principal: Any, body: Any, *, actor: str, now: datetime, writers: Iterable[str] = ()
) -> Campaign:
    """Save a draft from the native API's JSON. Raises Invalid with a sentence per wrong field.

    `writers` wrote what it was copied from: they cannot approve it either.
    """
    campaign = read_campaign(principal, body, actor=actor, now=now)
    campaign.authors = list(dict.fromkeys(writers))
    campaign.name = campaign.name or campaign.message.headline[:200] or _("Campaign")
    with transaction.atomic():
        _hold_names(campaign)
        return save_new(campaign, "create_campaign", actor=actor, now=now)


def _hold_names(campaign: Campaign) -> None:
    """Until the transaction ends nothing is deleted or renamed that its audience names. Raises
    Invalid for what has been since it was read."""
    apps = list_apps(campaign)
    for app in sorted(apps, key=attrgetter("pk")):
        lock_app(app, Lock.NAMES)
    gone = {one.path: one.words for one in list_gone(apps, campaign.audience) if one.is_everywhere}
    if gone:
        raise Invalid(" ".join(gone.values()), fields=gone)


@transaction.atomic
def save_new(campaign: Campaign, verb: str, *, actor: str, now: datetime) -> Campaign:
    """Save a campaign with its message, and note who made it."""
    campaign.message.save()
    campaign.message = campaign.message  # the foreign key takes the id that it has got
    campaign.save()
    record_audit(actor, verb, campaign, workspace=campaign.workspace, now=now)
    return campaign


def update_campaign(
    campaign: Campaign,
    principal: Any,
    body: Any,
    *,
    actor: str,
    now: datetime,
    writers: Iterable[str] = (),
) -> Campaign:
    """Change a draft; what the body leaves out stays, an audience too that names what is gone.
    Raises Invalid, or Conflict once it runs.

    `writers` as in `create_campaign`.
    """
    fresh = read_campaign(principal, body, actor=actor, now=now, base=campaign)
    _refuse_other_apps(campaign, fresh)
    _refuse_other_testers(campaign, fresh)
    values = {name: getattr(fresh, name) for name in CHANGED} | _declare_again(campaign, fresh)
    values["name"] = values["name"] or campaign.name
    values["authors"] = list(dict.fromkeys([*campaign.authors, *writers, actor]))
    with transaction.atomic():
        # What it named before is told where it would start.
        if not goes_to(campaign, list_apps(fresh), fresh.audience):
            _hold_names(fresh)
        fresh.message.save()
        values["message"] = fresh.message
        # The WHERE clause is the lock: what has been launched meanwhile is not touched, nor what
        # somebody else has changed, which every change tells by a message of its own.
        rows = Campaign.objects.filter(
            pk=campaign.pk, status__in=Campaign.EDITABLE, message_id=campaign.message_id
        )
        if not rows.update(**values):
            _refuse_change(campaign)
        void_approvals(campaign, actor=actor, now=now)
        if campaign.status == Status.IN_REVIEW:
            campaign.message = fresh.message
            campaign.move_to(Status.DRAFT, actor=actor, now=now, note=_("Edited."))
        record_audit(
            actor, "update_campaign", campaign,
            workspace=campaign.workspace, fields=[str(name) for name in body], now=now,
        )  # fmt: skip
    campaign.refresh_from_db()
    return campaign


def _declare_again(campaign: Campaign, fresh: Campaign) -> dict[str, Any]:
    """Who may get it twice, once others are meant than the draft was made for."""
    is_same = (campaign.audience, campaign.only_primary) == (fresh.audience, fresh.only_primary)
    if campaign.repeats is None or is_same:
        return {}
    fresh.repeats = campaign.repeats
    declare_twice(fresh)
    return {"twice": fresh.twice, "is_twice_bound": fresh.is_twice_bound}


def _refuse_change(campaign: Campaign) -> NoReturn:
    campaign.refresh_from_db(fields=["status"])
    if campaign.status in Campaign.EDITABLE:
        raise ChangedMeanwhile(_("Somebody else has just changed this. Reload the page."))
    raise Conflict(
        _("Only a draft can be changed. Copy the campaign to change it."), code="not_editable"
    )


def _refuse_other_apps(campaign: Campaign, fresh: Campaign) -> None:
    """Whose runs are counted stays where they were sent."""
    is_same = (campaign.app_id, campaign.app_group_id) == (fresh.app_id, fresh.app_group_id)
    if not is_same and campaign.transfers.exists():
        words = _("This campaign has runs already; copy it to send to another app.")
        raise Invalid(words, fields={"app": words})


def _refuse_other_testers(campaign: Campaign, fresh: Campaign) -> None:
    """A test needs nobody's approval because it reaches few, and stays with them."""
    if campaign.is_test and fresh.audience != campaign.audience:
        words = _("A test goes to nobody else; copy the campaign to send it to others.")
        raise Invalid(words, fields={"audience": words})


def duplicate_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """A new draft with the same content, to be sent at once when launched."""
    copy = _copy_campaign(campaign, actor=actor, now=now)
    copy.name = name_copy(Campaign.objects.filter(workspace=campaign.workspace), campaign.name)
    return save_new(copy, "duplicate_campaign", actor=actor, now=now)


def _copy_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    message = Message(app_id=campaign.message.app_id, content=campaign.message.content)
    return Campaign(
        **{name: getattr(campaign, name) for name in COPIED},
        message=message,
        status_since=now,
        created_at=now,
        created_by=actor,
        authors=campaign.written_by,
    )


def launch_campaign(
    campaign: Campaign,
    *,
    actor: str,
    now: datetime,
    may_bypass_approval: bool = False,
    bypass_reason: str = "",
    cools_for: int = 0,
) -> Campaign:
    """Start sending, or schedule what has a later time. What would start now waits `cools_for`
    seconds first, in which it can be undone.

    Who may bypass a missing approval does so, and it is kept with the reason.

    Raises NotReady, whose `fields` hold every reason, or Conflict `approval_required`. Of two who
    press at once the second is told by ChangedMeanwhile.
    """
    problems = find_problems(campaign, now=now)
    missing = [problem for problem in problems if problem.code == MISSING]
    if missing and not may_bypass_approval:
        raise Conflict(missing[0].sentence, code=MISSING, fields={"status": missing[0].sentence})
    _refuse_blocked([item for item in problems if item.is_blocking and item.code != MISSING])
    exempt = "" if missing else find_exempt(campaign)
    with transaction.atomic():
        if missing:
            note_bypass(campaign, bypass_reason, actor=actor, now=now)
        series = campaign.series
        if series is not None:
            # One that was written long ago begins with the next of its times.
            due_at = series.find_next(now)
            _schedule(campaign, Status.RECURRING, actor=actor, now=now, due_at=due_at)
        elif campaign.due_at is not None and campaign.due_at > now:
            _schedule(campaign, Status.SCHEDULED, actor=actor, now=now)
        elif cools_for:
            until = now + timedelta(seconds=cools_for)
            also = {"due_at": until, "cools_until": until}
            _schedule(campaign, Status.SCHEDULED, actor=actor, now=now, **also)
        else:
            plan.start_campaign(campaign, actor=actor, now=now, exempt=exempt)
        record_audit(actor, "launch_campaign", campaign, workspace=campaign.workspace, now=now)
    return campaign


def _schedule(campaign: Campaign, status: str, *, actor: str, now: datetime, **also: Any) -> None:
    campaign.move_to(status, actor=actor, now=now, unchanged=plan.DECIDING, **also)


def _refuse_blocked(problems: list[Problem]) -> None:
    if problems:
        fields: dict[str, str] = {}
        for problem in problems:
            fields[problem.field] = f"{fields.get(problem.field, '')} {problem.sentence}".strip()
        sentences = dict.fromkeys(problem.sentence for problem in problems)
        raise NotReady(" ".join(sentences), code=problems[0].code, fields=fields)


def pause_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """Stop sending for now; calls in flight still end. Raises IllegalMove, ChangedMeanwhile."""
    return _move(campaign, Status.PAUSED, transfers.pause_running, actor=actor, now=now)


def resume_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """Go on where a pause stopped it; a series goes on with its next time.

    Raises IllegalMove, ChangedMeanwhile.
    """
    if campaign.status != Status.PAUSED:
        # What has never been launched would begin without its rules, and what waits, too early.
        words = _("Only a paused campaign can go on; this one is %(now)s.")
        raise IllegalMove(words % {"now": campaign.get_status_display()})
    exempt = transfers.find_exempt_runs(transfers.list_paused(campaign))
    with transaction.atomic():
        runs.resume_series(campaign, actor=actor, now=now)
        transfers.resume_paused(campaign, actor=actor, now=now, exempt=exempt)
        verb = f"{campaign.status}_campaign"
        record_audit(actor, verb, campaign, workspace=campaign.workspace, now=now)
    return campaign


def cancel_campaign(campaign: Campaign, *, actor: str, now: datetime) -> Campaign:
    """End it; whoever has not been sent to is settled as cancelled."""
    return _move(campaign, Status.CANCELLED, transfers.cancel_running, actor=actor, now=now)


def _move(
    campaign: Campaign, status: str, follow: Callable[..., None], *, actor: str, now: datetime
) -> Campaign:
    with transaction.atomic():
        campaign.move_to(status, actor=actor, now=now)
        follow(campaign, actor=actor, now=now)
        record_audit(actor, f"{status}_campaign", campaign, workspace=campaign.workspace, now=now)
    return campaign


def test_campaign(
    principal: Any, campaign: Campaign, audience: Any, *, actor: str, now: datetime
) -> Campaign:
    """Send the message at once to a few devices, as a campaign of its own marked as a test.

    `audience` is an audience's JSON that means at most 10 devices. Raises Invalid, NotReady, and
    Refused (BUSY, `too_many_tests`) after 60 within an hour.
    """
    body = {"audience": audience, **dict.fromkeys(SCHEDULE_FIELDS)}
    test = read_campaign(principal, body, actor=actor, now=now, base=campaign)
    test.name = (_("Test of %(name)s") % {"name": campaign.name})[:200]
    test.is_test = True
    _name_testers(test)
    with transaction.atomic():
        _refuse_many_tests(test, now)
        save_new(test, "test_campaign", actor=actor, now=now)
        # A test reaches a handful of named devices, so it needs nobody's approval.
        return launch_campaign(test, actor=actor, now=now, may_bypass_approval=True)


def _refuse_many_tests(test: Campaign, now: datetime) -> None:
    """Tests go without approval, typing and a minute to undo: they are few, in an hour too."""
    apps = sorted(app.pk for app in list_apps(test))
    # Of two at the same instant the second counts the first.
    list(App.objects.select_for_update(no_key=True).filter(pk__in=apps).order_by("pk"))
    for pk in apps:
        rows = Campaign.objects.filter(is_test=True, created_at__gt=now - TESTS_SPAN)
        own = rows.filter(Q(app=pk) | Q(app_group__apps=pk)).order_by("-created_at")
        times = list(own.values_list("created_at", flat=True)[:MAX_TESTS])
        if len(times) == MAX_TESTS:
            minutes = max(1, ceil((times[-1] + TESTS_SPAN - now).total_seconds() / 60))
            words = ngettext(
                "%(most)d tests were sent within an hour, which is the most. "
                "Wait %(minutes)d minute, or send it as a campaign.",
                "%(most)d tests were sent within an hour, which is the most. "
                "Wait %(minutes)d minutes, or send it as a campaign.",
                minutes,
            )
            sentence = words % {"most": MAX_TESTS, "minutes": minutes}
            raise Refused(sentence, kind=RefusalKind.BUSY, code="too_many_tests")


def _name_testers(test: Campaign) -> None:
    """Write the devices that the audience means now in its place: a label that grows before its
    recipients are frozen makes no test larger. Raises Invalid for more than 10."""
    count = sum(reach.total for reach in count_reach(test))
    if count > MAX_TEST_DEVICES:
        words = _("A test goes to at most %(limit)d devices; this audience has %(count)d.")
        sentence = words % {"limit": MAX_TEST_DEVICES, "count": count}
        raise Invalid(sentence, fields={"audience": sentence})
    found = [pk for app in list_apps(test) for pk in _list_devices(test, app)]
    if found:  # with nobody it is refused like any other launch
        test.audience = {"devices": sorted(found)[:MAX_TEST_DEVICES]}


def _list_devices(test: Campaign, app: App) -> list[int]:
    audience = read_audience(app, test.audience, principal=None)
    devices = select_devices(app, audience, only_primary=test.only_primary).order_by("pk")
    return list(devices.values_list("pk", flat=True)[:MAX_TEST_DEVICES])


# Test runners take any function with this prefix for a test of their own.
test_campaign.__test__ = False  # type: ignore[attr-defined]  # theirs
