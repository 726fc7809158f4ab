"""What calls about labels and their members do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotFound, OverCap
from campaigns.models import ApiKey, App, Label, LabelMember
from campaigns.selectors import labels
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.row_ids import read_id
from campaigns.services import audience
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.doors import find_option
from campaigns.services.locks import Lock, lock_app
from providers import audience_calls as calls
from providers.commands import Done
from providers.contract import LABELS_IGNORE_CASE, Cap, Dialect
from providers.outcomes import Reason

Scope = ApiKey.Scope
MAX_PAGE = 1000
Row = TypeVar("Row")


def ignores_case(app: App, dialect: Dialect) -> bool:
    """Whether this door of the app looks labels up without regard to case."""
    is_known = any(spec.name == LABELS_IGNORE_CASE for spec in dialect.door_options)
    return is_known and bool(find_option(app, dialect, LABELS_IGNORE_CASE))


def find_label(app: App, name: str, dialect: Dialect) -> Label:
    """The app's label of that name as the dialect's door looks it up; raises NotFound, with the
    name as `subject`."""
    label = labels.find_label(app, name, ignores_case=ignores_case(app, dialect))
    if label is None:
        words = _("There is no label named %(names)s.") % {"names": name}
        raise NotFound(words, subject=name)
    return label


def _find_label(app: str, name: str, caller: Caller) -> Label:
    return find_label(find_app(app, caller), name, caller.dialect)


def _create_label(command: calls.CreateLabel, caller: Caller) -> calls.LabelRow:
    app = find_app(command.app, caller)
    with transaction.atomic():
        if ignores_case(app, caller.dialect):
            _refuse_twin(app, command.name)
        label = audience.create_label(
            app,
            name=command.name,
            description=command.description,
            most=caller.dialect.caps.get(Cap.LABELS),
            actor=caller.actor,
            now=caller.now,
        )
    return _describe_label(label)


def _refuse_twin(app: App, name: str) -> None:
    lock_app(app, Lock.LABELS)
    if labels.find_label(app, name.strip(), ignores_case=True):
        words = _("This app already has one of that name.")
        raise Conflict(words, code="name_taken", fields={"name": words})


def _fetch_label(command: calls.FetchLabel, caller: Caller) -> calls.LabelRow:
    return _describe_label(_find_label(command.app, command.name, caller))


def _list_labels(command: calls.ListLabels, caller: Caller) -> calls.LabelRows:
    app = find_app(command.app, caller)
    limit = _bound(command.limit)
    rows, is_last = _cut(labels.list_labels(app, _read_cursor(command.cursor), limit + 1), limit)
    cursor = "" if is_last else str(rows[-1].pk)
    return calls.LabelRows(tuple(_describe_label(row) for row in rows), cursor)


def _delete_label(command: calls.DeleteLabel, caller: Caller) -> Done:
    label = _find_label(command.app, command.name, caller)
    audience.delete_label(label, actor=caller.actor, now=caller.now)
    return Done()


def _change_members(command: calls.ChangeMembers, caller: Caller) -> calls.MembersChanged:
    label = _find_label(command.app, command.label, caller)
    _refuse_crowd(len(command.add) + len(command.remove), caller.dialect)
    caps = caller.dialect.caps
    failed: dict[str, str] = {}
    who: dict[str, Any] = {"principal": caller.key, "actor": caller.actor, "now": caller.now}
    if add := _leave_unreadable(command.add, failed):
        added = audience.add_members(label, add, most=caps.get(Cap.MEMBERS), **who)
        failed |= dict.fromkeys(added.unknown, Reason.UNKNOWN_ID.value)
    if remove := _leave_unreadable(command.remove, failed):
        removed = audience.remove_members(label, remove, **who)
        failed |= dict.fromkeys(removed.unknown, Reason.UNKNOWN_ID.value)
    named = dict.fromkeys((*command.add, *command.remove))
    return calls.MembersChanged(tuple(name for name in named if name not in failed), failed)


def _refuse_crowd(count: int, dialect: Dialect) -> None:
    most = dialect.caps.get(Cap.MEMBERS_PER_CALL)
    if most is not None and count > most:
        words = _("At most %(maximum)s persons at a time.") % {"maximum": most}
        raise OverCap(words, subject=Cap.MEMBERS_PER_CALL)


def _leave_unreadable(names: Sequence[str], failed: dict[str, str]) -> list[str]:
    """Names that somebody may have; those that nobody can are put to the failed."""
    readable = [name for name in names if name and not find_text_fault(name, 255)]
    failed |= dict.fromkeys(set(names) - set(readable), Reason.UNKNOWN_ID.value)
    return readable


def _fetch_member(command: calls.FetchMember, caller: Caller) -> calls.MemberRow:
    label = _find_label(command.app, command.label, caller)
    found = []
    if not find_text_fault(command.person, 255):
        found = labels.list_carriers(label, [command.person])
    if not found or not command.person:
        raise NotFound(_("Nobody of that id carries the label."), subject=command.person)
    return _describe_member(found[0])


def _list_members(command: calls.ListMembers, caller: Caller) -> calls.MemberRows:
    label = _find_label(command.app, command.label, caller)
    limit = _bound(command.limit)
    rows, is_last = _cut(labels.list_members(label, _read_cursor(command.cursor), limit + 1), limit)
    cursor = "" if is_last else str(rows[-1].person_id)
    return calls.MemberRows(tuple(_describe_member(row) for row in rows), cursor)


def _bound(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE))


def _cut(rows: list[Row], limit: int) -> tuple[list[Row], bool]:
    """A page of rows, of which one more than it holds was read, and whether it is the last."""
    return rows[:limit], len(rows) <= limit


def _read_cursor(text: str) -> int:
    number = read_id(text)
    if text and not number:
        words = _("This cursor was never given.")
        raise Invalid(words, fields={"cursor": words})
    return number


def _describe_label(label: Label) -> calls.LabelRow:
    return calls.LabelRow(label.name, label.description, label.member_count, label.created_at)


def _describe_member(member: LabelMember) -> calls.MemberRow:
    return calls.MemberRow(member.person.external_user_id, member.added_at)


ACTS: Acts = {
    calls.CreateLabel: (Scope.AUDIENCE, _create_label),
    calls.FetchLabel: (Scope.READ, _fetch_label),
    calls.ListLabels: (Scope.READ, _list_labels),
    calls.DeleteLabel: (Scope.AUDIENCE, _delete_label),
    calls.ChangeMembers: (Scope.AUDIENCE, _change_members),
    calls.FetchMember: (Scope.READ, _fetch_member),
    calls.ListMembers: (Scope.READ, _list_members),
}
