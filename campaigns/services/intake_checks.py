"""What stands against taking a push that a script sends through a dialect's door."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.errors import Forbidden, Invalid, NotFound, Refused
from campaigns.models import ApiKey, App, Device, Group, Transfer
from campaigns.models.apps import MAX_RATE
from campaigns.models.bulk import IdList
from campaigns.models.prepared import Prepared
from campaigns.selectors.addressing import PER_RECIPIENT, Wanted, find_obstacles
from campaigns.selectors.audience import select_all
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.routes import find_first_ways
from campaigns.services.callers import Caller
from campaigns.services.intake_audience import write_audience
from campaigns.services.messages import find_losses
from providers.commands import Fault, FaultKind, PushPart, SendPush
from providers.contract import INBOX_TOPICS, STRICT
from providers.message_fields import Platform
from providers.outcomes import UNREGISTERED, RefusalKind

MAX_KEY = 255
_ALIVE: Prepared[tuple[int]] = Prepared(
    lambda devices: (
        Device.objects.filter(pk__in=IdList(devices))
        .exclude(token_state=Device.TokenState.DISABLED)
        .values_list("pk")
    ),
    "devices",
)


def refuse_unstorable(push: SendPush, contents: Iterable[Mapping[str, Any]]) -> None:
    """Raise Invalid for texts that no column holds; `contents` are the messages of its parts."""
    for field, text in (("client_key", push.client_key), ("tag", push.tag), ("name", push.name)):
        fault = find_text_fault(text, MAX_KEY)
        if fault:
            raise Invalid(fault, fields={field: fault})
    for content in contents:
        # Without the escaped backslashes, of which one before a plain u0000 would look the same.
        if "\\u0000" in json.dumps(content).replace("\\\\", ""):
            words = _("The text holds a character that cannot be stored.")
            raise Invalid(words, fields={"message": words})


def refuse_forbidden(push: SendPush, group: Group, caller: Caller) -> None:
    """Raise Invalid for an archived group or a wrong rate, Forbidden for a missing approval."""
    if group.archived_at is not None:
        raise Invalid(_("The group is archived. Restore it, or send into another one."))
    refuse_unapproved(push, group.app, caller)
    if push.rate is not None and not 0 < push.rate <= MAX_RATE:
        words = _("The rate is 1 to %(maximum)d recipients per second.") % {"maximum": MAX_RATE}
        raise Invalid(words, fields={"rate": words})


def refuse_unapproved(push: SendPush, app: App, caller: Caller) -> None:
    """Raise Forbidden where the app's policy asks for an approval of such a send, which no door of
    a vendor knows, and the key may not go without.

    Who is named is counted; whoever is described may be anybody, so an approval is needed.
    """
    if ApiKey.Scope.BYPASS_APPROVAL not in caller.key.scopes and goes_without(push, app):
        raise Forbidden(
            _("Sends of this app need an approval, and this key may not go without."),
            code="approval_required",
        )


def goes_without(push: SendPush, app: App) -> bool:
    """Whether the app's policy asks for an approval of such a send, which it cannot have."""
    if not all(part.targets for part in push.parts):
        return app.needs_approval
    named = sum(len(targets.values) for part in push.parts for targets in part.targets)
    return app.asks_approval_of(named)


def judge_targets(push: SendPush, app: App, caller: Caller) -> tuple[Fault, ...]:
    """What stands against reaching named recipients by the app's routes.

    Raises Invalid for that in a dialect that does not judge later; and for an audience that a
    vendor cannot be told exactly.
    """
    _refuse_inexact(push, app, caller)
    faults = tuple(_find_unaddressed(push, app, caller))
    if faults and not caller.dialect.judges_later:
        platforms = ", ".join(fault.platform for fault in faults)
        words = _("No account that serves %(platforms)s takes a list of recipients.")
        sentence = words % {"platforms": platforms}
        raise Invalid(sentence, code="not_addressable", fields={"targets": sentence})
    return faults


def _refuse_inexact(push: SendPush, app: App, caller: Caller) -> None:
    for part in push.parts:
        if part.audience is None:
            continue
        bodies = write_audience(app, part.audience, caller.dialect)
        wanted = Wanted(
            app=app,
            message=part.message,
            bodies=bodies,
            devices=select_all(app, bodies, only_primary=part.only_primary),
            only_primary=part.only_primary,
            has_local_hours=bool(push.wall_clock),
        )
        for aim in find_obstacles(wanted):
            raise Invalid(aim.obstacle, code="not_addressable", fields={"audience": aim.obstacle})


def _find_unaddressed(push: SendPush, app: App, caller: Caller) -> Iterator[Fault]:
    named = [part for part in push.parts if any(targets.values for targets in part.targets)]
    ways = find_first_ways(app) if named else {}
    for platform in Platform:  # a push goes by no route for texts
        way = ways.get(platform.value)
        is_meant = any(_names_some(part, platform, caller) for part in named)
        if way and is_meant and not way.limits.addressing & PER_RECIPIENT:
            yield Fault(FaultKind.NOT_ADDRESSABLE, platform=platform.value)


def _names_some(part: PushPart, platform: Platform, caller: Caller) -> bool:
    """Whether a part says something to devices of a platform that its ids may mean."""
    kinds = {find_kind(caller.dialect, targets.kind).platform for targets in part.targets}
    return part.message.has_platform(platform) and bool(kinds & {None, platform})


def refuse_lossy(push: SendPush, app: App, caller: Caller, options: Mapping[str, Any]) -> None:
    """Raise Invalid, by the field, for what would be lost on its way out of a strict door, and
    the vendor's own refusal for what it is strict about itself. `options` are the door's."""
    if not options[STRICT.name]:
        return
    if caller.dialect.refuse_strict is not None:
        caller.dialect.refuse_strict(push)
    faults: dict[str, str] = {}
    for part in push.parts:
        platforms = [one.value for one in Platform if _means_some(part, one, caller)]
        for loss in find_losses(app, part.message, platforms):
            if loss.is_lossy:
                words = _("%(field)s would be %(fate)s by %(account)s.")
                account = loss.account or loss.dialect
                names = {"field": loss.field, "fate": loss.fate, "account": account}
                faults[f"message.{loss.field}"] = words % names
    if faults:
        sentence = _("This door refuses what would lose something: %(faults)s")
        words = sentence % {"faults": " ".join(faults.values())}
        raise Invalid(words, code="lossy", fields=faults)


def _means_some(part: PushPart, platform: Platform, caller: Caller) -> bool:
    if part.audience is not None:
        return part.message.has_platform(platform)
    return _names_some(part, platform, caller)


def refuse_unknown_topic(push: SendPush, options: Mapping[str, Any]) -> None:
    """Raise Invalid for an inbox topic that is none of those which the app's door lists."""
    topics = {part.message.in_app.topic for part in push.parts if part.message.in_app} - {None}
    if not topics:
        return
    listed = options.get(INBOX_TOPICS) or ""
    known = {name.strip() for name in listed.split(",")} - {""}
    if known and not topics <= known:
        words = _("This app has no such inbox topic.")
        raise Invalid(words, fields={"message.in_app.topic": words})


def refuse_empty(push: SendPush, app: App, caller: Caller) -> None:
    """Raise NotFound if a push means nobody, in a dialect that says so at once."""
    if not caller.dialect.refuses_empty:
        return
    if not any(_has_anybody(part, app, caller) for part in push.parts):
        has_audience = any(part.audience is not None for part in push.parts)
        words = _("Nobody of this app is meant by that.")
        raise NotFound(words, code="nobody", fields={_name_field(has_audience): words})
    if _are_all_dead(push, app, caller):
        words = _("The token of every device that is meant by that is known to be dead.")
        raise NotFound(words, code=UNREGISTERED, fields={_name_field(False): words})


def _are_all_dead(push: SendPush, app: App, caller: Caller) -> bool:
    """Whether a push in a dialect that names devices by their tokens means dead ones alone."""
    if any(part.audience is not None for part in push.parts):
        return False
    kinds = {targets.kind for part in push.parts for targets in part.targets}
    if not kinds or not all(find_kind(caller.dialect, kind).is_token for kind in kinds):
        return False
    named = [device for part in push.parts for device in _list_named(part, app, caller)]
    return not _ALIVE.list(devices=json.dumps(named))


def _list_named(part: PushPart, app: App, caller: Caller) -> Iterator[int]:
    for targets in part.targets:
        kind = find_kind(caller.dialect, targets.kind)
        for _text, device in find_devices(app, kind, targets.values, only_primary=False):
            yield device


def _name_field(has_audience: bool) -> str:
    return "audience" if has_audience else "targets"


def _has_anybody(part: PushPart, app: App, caller: Caller) -> bool:
    if part.audience is not None:
        bodies = write_audience(app, part.audience, caller.dialect)
        return bool(select_all(app, bodies, only_primary=part.only_primary).exists())
    for targets in part.targets:
        kind = find_kind(caller.dialect, targets.kind)
        found = find_devices(app, kind, targets.values, only_primary=part.only_primary)
        if next(iter(found), None) is not None:
            return True
    return False


def refuse_busy(push: SendPush, app: App, caller: Caller, due_at: datetime) -> None:
    """Raise a refusal of the kind BUSY while as much of this kind runs as the dialect allows.

    Runs in the transaction that writes the transfer: whoever comes at the same instant waits.
    What is due later counts from then, and is not refused now.
    """
    limit = caller.dialect.running_limits.get(push.kind)
    if limit is None or due_at > caller.now:
        return
    App.objects.select_for_update(no_key=True).filter(pk=app.pk).first()
    # What was due at once runs, even where its caller came after us and got the lock before us.
    is_due = Q(due_at__lte=caller.now) | Q(due_at__lte=F("created_at"))
    running = Transfer.objects.filter(
        is_due, app=app, kind=push.kind, status__in=Transfer.RUNNING
    ).count()
    if running >= limit:
        words = _("%(count)d such sends of this app are running; wait until one has ended.")
        raise Refused(words % {"count": running}, kind=RefusalKind.BUSY, code="busy")
