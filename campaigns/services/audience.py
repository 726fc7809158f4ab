"""Labels, segments, persons: made, changed, filled. Groups and devices have files of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, Conflict, Invalid, OverCap
from campaigns.models import App, Label, LabelMember, Person, Segment
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience import MAX_RECIPIENTS
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.erased import find_erased
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.uses import Use, list_label_uses, list_segment_uses
from campaigns.services.access import record_audit
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import Registered, Rejected, register_devices
from campaigns.services.groups import (
    archive_group,
    check_name,
    create_group,
    restore_group,
    save_named,
    update_group,
)
from campaigns.services.locks import Lock, lock_app
from campaigns.services.persons import hold_person, list_new_names, write_contacts
from campaigns.services.segment_versions import keep_former, keep_version
from campaigns.services.tombstones import refuse_erased
from providers.contract import Cap
from providers.recipients import PersonKind

__all__ = [
    "DeviceRow",
    "MembersChanged",
    "Registered",
    "Rejected",
    "add_members",
    "archive_group",
    "create_group",
    "create_label",
    "create_segment",
    "delete_label",
    "delete_segment",
    "register_devices",
    "remove_members",
    "restore_group",
    "update_group",
    "update_label",
    "update_person",
    "update_segment",
]
MAX_NAME = 128
MAX_DESCRIPTION = 255
CHUNK = 5000
Who = Sequence[str] | QuerySet[Any]


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """`changed` persons were added or removed; `unknown` external ids belong to nobody here,
    `erased` are those of them that belonged to somebody who was erased."""

    changed: int
    member_count: int
    unknown: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()


def create_label(
    app: App, *, name: str, description: str = "", most: int | None = None,
    actor: str, now: datetime,
) -> Label:  # fmt: skip
    """Make an empty label. Raises Invalid, Conflict when the name is taken, or OverCap where the
    app has `most` labels already."""
    label = Label(
        app=app, name=check_name(name, MAX_NAME), description=_check_description(description)
    )
    with transaction.atomic():
        if most is not None:
            _refuse_more_labels(app, most)
        _save(label, "create", ("name", "description"), actor, now)
    return label


def _refuse_more_labels(app: App, most: int) -> None:
    lock_app(app, Lock.LABELS)
    if Label.objects.filter(app=app).count() >= most:
        words = _("An app has at most %(most)s labels here.") % {"most": most}
        raise OverCap(words, subject=Cap.LABELS)


def update_label(
    label: Label, *, name: str | None = None, description: str | None = None,
    actor: str, now: datetime,
) -> Label:  # fmt: skip
    """Change what is given. A label that something still names keeps its name.

    How many carry it is left alone: a job may be changing that.
    """
    with transaction.atomic():
        if name is not None and name != label.name:
            lock_app(label.app, Lock.NAMES)
            _refuse_used(list_label_uses(label))
            label.name = check_name(name, MAX_NAME)
        if description is not None:
            label.description = _check_description(description)
        _save(label, "update", _given(name=name, description=description), actor, now)
    return label


def delete_label(label: Label, *, actor: str, now: datetime) -> None:
    """Forget the label and who carries it; raises Conflict while something names it."""
    with transaction.atomic():
        lock_app(label.app, Lock.NAMES)
        _refuse_used(list_label_uses(label))
        record_audit(actor, "delete", label, workspace=label.app.workspace, now=now)
        label.delete()


def create_segment(
    app: App, *, name: str, expression: Any, description: str = "", actor: str, now: datetime
) -> Segment:
    """Save an expression under a name. Raises Invalid, or Conflict when the name is taken."""
    check_expression(expression)
    segment = Segment(
        app=app,
        name=check_name(name, MAX_NAME),
        description=_check_description(description),
        expression=expression,
    )
    with transaction.atomic():
        _save(segment, "create", ("name", "description", "expression"), actor, now)
        keep_version(segment, actor=actor, now=now)
    return segment


def update_segment(
    segment: Segment, *, actor: str, now: datetime, seen: str | None = None, **changes: Any
) -> Segment:
    """Change `name`, `description` or `expression`, whichever is given and not None.

    Raises ChangedMeanwhile where it has been changed since it was read with the `updated_at` that
    is `seen`, in ISO format.
    """
    checks = {
        "name": lambda value: check_name(value, MAX_NAME),
        "description": _check_description,
        "expression": _check_body,
    }
    given = {field: checks[field](changes[field]) for field in _given(**changes)}
    with transaction.atomic():
        held = keep_former(segment)
        _refuse_changed(held, seen)
        for field, value in given.items():
            setattr(held, field, value)
        _save(held, "update", given, actor, now)
        keep_version(held, actor=actor, now=now)
    return held


def _refuse_changed(segment: Segment, seen: str | None) -> None:
    if seen is not None and segment.updated_at.isoformat() != seen:
        words = _("Somebody else has just changed this segment. Compare with it in another tab.")
        raise ChangedMeanwhile(words, fields={"version": words})


def delete_segment(segment: Segment, *, actor: str, now: datetime) -> None:
    """Forget the segment; raises Conflict while something uses it."""
    with transaction.atomic():
        lock_app(segment.app, Lock.NAMES)
        _refuse_used(list_segment_uses(segment))
        record_audit(actor, "delete", segment, workspace=segment.app.workspace, now=now)
        segment.delete()


def _check_body(expression: Any) -> Any:
    check_expression(expression)
    return expression


def _check_description(text: Any) -> str:
    fault = find_text_fault(text, MAX_DESCRIPTION)
    if fault:
        raise Invalid(fault, fields={"description": fault})
    return str(text).strip()


def _given(**changes: Any) -> list[str]:
    return [name for name, value in changes.items() if value is not None]


def _save(
    row: Label | Segment, verb: str, fields: Iterable[str], actor: str, now: datetime
) -> None:
    with transaction.atomic():
        taken = _("This app already has one of that name, perhaps an archived one.")
        save_named(row, taken, [*fields, *_list_clocks(row)])
        record_audit(actor, verb, row, workspace=row.app.workspace, fields=fields, now=now)


def _list_clocks(row: Label | Segment) -> list[str]:
    return ["updated_at"] if isinstance(row, Segment) else []


def _refuse_used(uses: Sequence[Use]) -> None:
    if uses:
        names = ", ".join(use.name for use in uses[:3])
        words = _("It is still used, by %(names)s.") % {"names": names}
        raise Conflict(words, code="in_use")


def add_members(
    label: Label, who: Who, *, most: int | None = None, principal: Any, actor: str, now: datetime
) -> MembersChanged:
    """Let persons carry the label: external user ids, or a search as a queryset of persons.

    Only persons whom the principal may see are found; of a search at most 20,000 are taken.
    Raises OverCap where the label would have more than `most` members; then nobody is added.
    """
    persons, unknown = _find_persons(label, who, principal)
    with transaction.atomic():
        _lock(label)
        added = sum(_add_chunk(label, chunk) for chunk in _split(persons))
        changed = _count_change(label, added, unknown, ("add_members", actor, now))
        if added and most is not None and changed.member_count > most:
            words = _("A label has at most %(most)s members here.") % {"most": most}
            raise OverCap(words, subject=Cap.MEMBERS)
    return changed


def remove_members(
    label: Label, who: Who, *, principal: Any, actor: str, now: datetime
) -> MembersChanged:
    """Take the label from persons, named as in `add_members`."""
    persons, unknown = _find_persons(label, who, principal)
    with transaction.atomic():
        _lock(label)
        members = LabelMember.objects.filter(label=label)
        removed = sum(members.filter(person_id__in=chunk).delete()[0] for chunk in _split(persons))
        return _count_change(label, -removed, unknown, ("remove_members", actor, now))


def _find_persons(label: Label, who: Who, principal: Any) -> tuple[list[int], tuple[str, ...]]:
    """Ids of the persons that are meant, in order, and the external ids that nobody has."""
    seen = Person.objects.for_user(principal).filter(workspace_id=label.app.workspace_id)
    if isinstance(who, QuerySet):
        found = seen.filter(pk__in=who.order_by().values("pk"))
        return list(found.order_by("pk").values_list("pk", flat=True)[:MAX_RECIPIENTS]), ()
    names = tuple(dict.fromkeys(_check_external_ids(who)))
    known: dict[str, int] = {}
    for chunk in _split(names):
        rows = seen.filter(external_user_id__in=chunk)
        known |= dict(rows.values_list("external_user_id", "pk"))
    others = find_aliases(label.app.workspace_id, [name for name in names if name not in known])
    mine = set(seen.filter(pk__in=set(others.values())).values_list("pk", flat=True))
    known |= {name: pk for name, pk in others.items() if pk in mine}
    return sorted(set(known.values())), tuple(name for name in names if name not in known)


def _check_external_ids(names: Any) -> Any:
    fault = ""
    if not isinstance(names, list | tuple) or not names:
        fault = _("Name at least one person by external user id.")
    elif len(names) > MAX_RECIPIENTS:
        fault = _("At most %(maximum)s persons at a time.") % {"maximum": MAX_RECIPIENTS}
    else:
        faults = (find_text_fault(name, 255) for name in names)
        fault = next((text for text in faults if text), "")
    if fault:
        raise Invalid(fault, fields={"persons": fault})
    return names


def _split(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def _lock(label: Label) -> None:
    # Whoever changes members holds this row, so that what is counted is what was changed.
    Label.objects.select_for_update().get(pk=label.pk)


def _add_chunk(label: Label, persons: Sequence[int]) -> int:
    members = LabelMember.objects.filter(label=label, person_id__in=persons)
    carrying = set(members.values_list("person_id", flat=True))
    added = [
        LabelMember(label=label, person_id=person) for person in persons if person not in carrying
    ]
    LabelMember.objects.bulk_create(added)
    return len(added)


def _count_change(
    label: Label, change: int, unknown: tuple[str, ...], audit: tuple[str, str, datetime]
) -> MembersChanged:
    verb, actor, now = audit
    Label.objects.filter(pk=label.pk).update(member_count=F("member_count") + change)
    label.refresh_from_db(fields=["member_count"])
    record_audit(actor, verb, label, workspace=label.app.workspace, fields=["members"], now=now)
    named = [(PersonKind.EXTERNAL_USER_ID.value, name) for name in unknown]
    hit = find_erased(label.app.workspace_id, named)
    erased = tuple(name for kind, name in named if (kind, name) in hit)
    return MembersChanged(abs(change), label.member_count, unknown, erased)


def update_person(person: Person, values: dict[str, Any], *, actor: str, now: datetime) -> Person:
    """Change checked columns of a person; `opted_out` true or false sets or clears the time.

    Raises Invalid for an e-mail or phone that is none.
    """
    columns = write_contacts(person, values)
    with transaction.atomic():
        # What else is written meanwhile, such as an opt-out, stays.
        held = hold_person(person)
        if "opted_out" in columns:
            is_out = columns.pop("opted_out")
            columns["opted_out_at"] = (held.opted_out_at or now) if is_out else None
        refuse_erased(person.workspace_id, list_new_names(held, columns))
        for name, value in columns.items():
            setattr(held, name, value)
        taken = _("Somebody else has this external user id.")
        save_named(held, taken, [*columns, "updated_at"])
        record_audit(actor, "update", person, workspace=person.workspace, fields=values, now=now)
    return held
