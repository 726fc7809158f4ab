"""What calls about tags and aliases, days of devices, and events that devices tell do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.dispatch.receipts import keep_receipts
from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, Delivery, DeviceMark, Part
from campaigns.selectors.devices import (
    count_days,
    count_tags,
    find_kind,
    find_marked,
    match_devices,
)
from campaigns.services import tags
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.device_answers import describe_devices
from campaigns.services.seen import mark_seen
from providers import audience_calls as calls
from providers.commands import Done
from providers.outcomes import Reason
from providers.receipts import ReceiptEvent, ReceiptKind

Scope = ApiKey.Scope
Kind = DeviceMark.Kind
MAX_DAYS = 366
YEARS = range(1970, 9999)


def _list_tags(command: calls.ListTags, caller: Caller) -> calls.TagCounts:
    return calls.TagCounts(count_tags(find_app(command.app, caller)))


def _count_tags(command: calls.CountTags, caller: Caller) -> calls.TagCounts:
    app = find_app(command.app, caller)
    platform = command.platform.value if command.platform else ""
    return calls.TagCounts(count_tags(app, command.tags, platform))


def _change_tag(command: calls.ChangeTag, caller: Caller) -> calls.MembersChanged:
    app = find_app(command.app, caller)
    by: dict[str, Any] = {"actor": caller.actor, "now": caller.now}
    if command.is_dropped:
        tags.drop_marks(app, find_marked(app, Kind.TAG, command.tag, command.platforms), **by)
        return calls.MembersChanged(())
    named = list(dict.fromkeys((*command.add, *command.remove)))
    known = match_devices(app, find_kind(caller.dialect, command.kind), named)
    change = tags.TagChange(
        command.tag, _choose(command.add, known), _choose(command.remove, known)
    )
    full = tags.change_tag(app, change, caps=caller.dialect.caps, **by)
    failed = {name: Reason.UNKNOWN_ID.value for name in named if name not in known}
    failed |= {name: "too_many_tags" for name in command.add if known.get(name) in full}
    return calls.MembersChanged(tuple(name for name in named if name not in failed), failed)


def _choose(names: Sequence[str], known: dict[str, int]) -> list[int]:
    return [known[name] for name in names if name in known]


def _fetch_alias(command: calls.FetchAlias, caller: Caller) -> calls.DeviceRows:
    app = find_app(command.app, caller)
    marks = find_marked(app, Kind.ALIAS, command.alias, command.platforms)
    ids = list(marks.order_by("device").values_list("device", flat=True))
    told = describe_devices(app, ids, caller)
    return calls.DeviceRows(tuple(told.get(pk) for pk in ids))


def _drop_alias(command: calls.DropAlias, caller: Caller) -> Done:
    app = find_app(command.app, caller)
    marks = find_marked(app, Kind.ALIAS, command.alias, command.platforms)
    tags.drop_marks(app, marks, actor=caller.actor, now=caller.now)
    return Done()


def _fetch_device_days(command: calls.FetchDeviceDays, caller: Caller) -> calls.DeviceDays:
    app = find_app(command.app, caller)
    first, last = command.date_from, command.date_to
    is_held = first.year in YEARS and last.year in YEARS
    if not is_held or not 0 <= (last - first).days < MAX_DAYS:
        words = _("Ask for 1 to %(most)s days, the first one first.") % {"most": MAX_DAYS}
        raise Invalid(words, fields={"date_to": words})
    counts = count_days(app, first, last)
    return calls.DeviceDays(
        tuple(calls.DeviceDay(*key, new, active) for key, (new, active) in counts.items())
    )


def _report_event(command: calls.ReportEvent, caller: Caller) -> Done:
    app = find_app(command.app, caller)
    found = read_receipt_token(command.reference) or (0, 0)
    part_id, recipient = found
    part = Part.objects.filter(pk=part_id, transfer__app=app).first()
    if part is None:
        words = _("No message was sent with this reference.")
        raise NotFound(words, fields={"reference": words}, subject=command.reference[:100])
    with transaction.atomic():
        keep_receipts(
            [ReceiptEvent(command.reference, command.kind, caller.now)],
            _find_account(part, recipient),
            caller.now,
        )
        if part.kind == Part.Kind.DEVICE and command.kind != ReceiptKind.UNREGISTERED:
            mark_seen(app, recipient, caller.now)
    return Done()


def _find_account(part: Part, recipient: int) -> int:
    """Through which account it went, 0 as long as that is not settled."""
    settled = Delivery.objects.filter(part_id=part.pk, recipient=recipient)
    account: int | None = settled.values_list("account_id", flat=True).first()
    return account or 0


ACTS: Acts = {
    calls.ListTags: (Scope.READ, _list_tags),
    calls.CountTags: (Scope.READ, _count_tags),
    calls.ChangeTag: (Scope.AUDIENCE, _change_tag),
    calls.FetchAlias: (Scope.READ, _fetch_alias),
    calls.DropAlias: (Scope.AUDIENCE, _drop_alias),
    calls.FetchDeviceDays: (Scope.READ, _fetch_device_days),
    calls.ReportEvent: (Scope.AUDIENCE, _report_event),
}
