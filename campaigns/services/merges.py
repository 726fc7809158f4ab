"""Two persons who are one: merged, with a history of what went over, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, NotFound
from campaigns.models import (
    App,
    Device,
    Label,
    LabelMember,
    Person,
    PersonMerge,
    Suppression,
    Tester,
    Workspace,
)
from campaigns.selectors.seals import PERSON_KINDS, Sealer
from campaigns.services.access import record_audit
from campaigns.services.locks import Lock, lock_app

MOST_DEVICES = 5_000  # that go over in one short transaction
COLUMNS = ("email", "phone", "language", "country", "timezone")
TIMES = ("opted_out_at", "created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """What a merge would do. Of `conflicts` (field, the kept one's value, the gone one's) the kept
    one's stays; `filled` fields are empty at the kept one and come from the gone one."""

    devices: int
    labels: tuple[str, ...]
    filled: tuple[str, ...]
    conflicts: tuple[tuple[str, Any, Any], ...]
    alias: str
    opts_out: bool


def plan_merge(keep: Person, gone: Person) -> MergePlan:
    """What would go over and which values clash. Raises Conflict where it cannot be done."""
    _refuse(keep, gone)
    new = _fill(keep, gone)
    clashes = [
        (name, getattr(keep, name), getattr(gone, name))
        for name in COLUMNS
        if getattr(gone, name) and getattr(gone, name) != getattr(keep, name) and name not in new
    ]
    clashes += [
        (f"attributes.{name}", keep.attributes[name], value)
        for name, value in sorted(gone.attributes.items())
        if name in keep.attributes and keep.attributes[name] != value
    ]
    labels = Label.objects.filter(members__person=gone).order_by("name")
    added = [f"attributes.{name}" for name in sorted(gone.attributes.keys() - keep.attributes)]
    return MergePlan(
        devices=Device.objects.filter(person=gone).count(),
        labels=tuple(labels.values_list("name", flat=True)),
        filled=(*(name for name in COLUMNS if name in new), *added),
        conflicts=tuple(clashes),
        alias=gone.external_user_id,
        opts_out="opted_out_at" in new,
    )


def merge_persons(keep: Person, gone: Person, *, actor: str, now: datetime) -> PersonMerge:
    """Let `keep` be both. Devices and labels go over, empty fields are filled, an opt-out of either
    holds, and the gone one's external user id means the kept one from now on.

    Merging the same two again gives the first merge. Raises Conflict where it cannot be done.
    """
    with transaction.atomic():
        _lock(keep.workspace)
        done = PersonMerge.objects.filter(gone_id=gone.pk, undone_at__isnull=True).first()
        if done is not None and done.person_id == keep.pk:
            return done
        rows = Person.objects.select_for_update().order_by("pk").in_bulk([keep.pk, gone.pk])
        if len(rows) < 2 and keep.pk != gone.pk:
            raise Conflict(_("One of the two is there no more."), code="gone")
        keep, gone = rows[keep.pk], rows[gone.pk]
        _refuse(keep, gone)
        merge = PersonMerge(
            workspace=keep.workspace, person=keep, kept_id=keep.pk, gone_id=gone.pk,
            external_user_id=gone.external_user_id, values=_write_values(gone), at=now,
            actor=actor,
        )  # fmt: skip
        merge.moved = _move(keep, gone)
        merge.save()
        gone.delete()
        fields = ["devices", "labels", *merge.moved["filled"]]
        record_audit(actor, "merge", keep, workspace=keep.workspace, fields=fields, now=now)
    return merge


def _refuse(keep: Person, gone: Person) -> None:
    if keep.pk == gone.pk:
        raise Conflict(_("These two are one person already."), code="same_person")
    if keep.workspace_id != gone.workspace_id:
        raise Conflict(_("Persons of two workspaces stay apart."), code="two_workspaces")
    if Device.objects.filter(person=gone)[MOST_DEVICES : MOST_DEVICES + 1].exists():
        words = _("More than %(most)d devices are of the one who would go: keep that one instead.")
        raise Conflict(words % {"most": MOST_DEVICES}, code="too_many_devices")
    if _is_suppressed(gone):
        words = _("An id of the one who would go is on the suppression list. Keep that one instead,"
                  " or add the other's id to the list and take this one off.")  # fmt: skip
        raise Conflict(words, code="suppressed")


def _is_suppressed(person: Person) -> bool:
    """Whether an id stops messages that nobody would know of after a merge."""
    sealer = Sealer()
    seals = [
        sealer.seal(person.workspace_id, kind, getattr(person, kind))
        for kind in PERSON_KINDS
        if getattr(person, kind)
    ]
    rows = Suppression.objects.filter(workspace=person.workspace_id, seal__in=seals)
    return bool(rows.exists())


def _lock(workspace: Workspace) -> None:
    """Nothing registers a device for one of the two meanwhile."""
    for app in App.objects.filter(workspace=workspace).order_by("pk"):
        lock_app(app, Lock.REGISTER)


def _fill(keep: Person, gone: Person) -> dict[str, Any]:
    """What the kept one lacks and the gone one has."""
    new = {name: getattr(gone, name) for name in COLUMNS if not getattr(keep, name)}
    new = {name: value for name, value in new.items() if value}
    if gone.opted_out_at is not None and keep.opted_out_at is None:
        new |= {"opted_out_at": gone.opted_out_at, "opt_out_reason": gone.opt_out_reason}
    return new


def _move(keep: Person, gone: Person) -> dict[str, Any]:
    """Let everything go over; gives what went, as `PersonMerge.moved` keeps it."""
    new = _fill(keep, gone)
    added = sorted(gone.attributes.keys() - keep.attributes.keys())
    for name, value in new.items():
        setattr(keep, name, value)
    keep.attributes = {**gone.attributes, **keep.attributes}
    if new or added:
        keep.save(update_fields=[*new, "attributes", "updated_at"])
    primaries = _demote(keep, gone)
    devices = list(Device.objects.filter(person=gone).order_by("pk").values_list("pk", flat=True))
    Device.objects.filter(person=gone).update(person=keep)
    testers = Tester.objects.filter(person=gone)
    testers.filter(group__in=Tester.objects.filter(person=keep).values("group")).delete()
    moved_testers = list(testers.values_list("pk", flat=True))
    testers.update(person=keep)
    merges = PersonMerge.objects.filter(person=gone)
    own = list(merges.values_list("pk", flat=True))
    merges.update(person=keep)
    return {
        "devices": devices,
        "primaries": primaries,
        "testers": moved_testers,
        "merges": own,
        "filled": list(new),
        "attributes": added,
        **_move_labels(keep, gone),
    }


def _demote(keep: Person, gone: Person) -> list[int]:
    """One primary device in an app stays: the kept one's."""
    same = Device.objects.filter(person=keep, is_primary=True, app=OuterRef("app"))
    second = Device.objects.filter(Exists(same), person=gone, is_primary=True)
    ids = list(second.values_list("pk", flat=True))
    Device.objects.filter(pk__in=ids).update(is_primary=False)
    return ids


def _move_labels(keep: Person, gone: Person) -> dict[str, list[int]]:
    carried = set(LabelMember.objects.filter(person=gone).values_list("label_id", flat=True))
    both = set(
        LabelMember.objects.filter(person=keep, label__in=carried).values_list(
            "label_id", flat=True
        )
    )
    _change_labels(keep, carried - both, +1)
    _change_labels(gone, carried, -1)
    return {"labels": sorted(carried), "new_labels": sorted(carried - both)}


def _change_labels(person: Person, labels: Iterable[int], sign: int) -> None:
    """Let a person carry labels, or no more, with the labels' counts."""
    ids = list(Label.objects.select_for_update().filter(pk__in=list(labels)).order_by("pk")
               .values_list("pk", flat=True))  # fmt: skip
    held = set(LabelMember.objects.filter(person=person).values_list("label_id", flat=True))
    if sign > 0:
        ids = [pk for pk in ids if pk not in held]
        LabelMember.objects.bulk_create(LabelMember(label_id=pk, person=person) for pk in ids)
    else:
        ids = [pk for pk in ids if pk in held]
        LabelMember.objects.filter(person=person, label__in=ids).delete()
    Label.objects.filter(pk__in=ids).update(member_count=F("member_count") + sign)


def _write_values(person: Person) -> dict[str, Any]:
    values = {name: getattr(person, name) for name in (*COLUMNS, "opt_out_reason", "attributes")}
    times = {name: getattr(person, name) for name in TIMES}
    return values | {name: at and at.isoformat() for name, at in times.items()}


def unmerge(merge: PersonMerge, *, actor: str, now: datetime) -> Person:
    """Take a merge back: the gone one is there again, under the same id, with what went over and
    is still where it went. What has changed since stays with the kept one.

    Raises NotFound where it was taken back already, Conflict where a later merge stands on it or
    somebody has the external user id by now.
    """
    with transaction.atomic():
        _lock(merge.workspace)
        mine = PersonMerge.objects.filter(pk=merge.pk, undone_at__isnull=True)
        if not mine.update(undone_at=now, undone_by=actor):
            raise NotFound(_("This merge was taken back already."))
        merge.refresh_from_db()
        keep = Person.objects.select_for_update().get(pk=merge.person_id)
        _refuse_unmerge(merge, keep)
        person = _restore(merge)
        _give_back(merge.moved, keep, person)
        _empty(merge.moved, keep, merge.values)
        fields = ["devices", "labels", *merge.moved["filled"]]
        record_audit(actor, "unmerge", keep, workspace=keep.workspace, fields=fields, now=now)
    return person


def _refuse_unmerge(merge: PersonMerge, keep: Person) -> None:
    if merge.kept_id != keep.pk:
        words = _("Who they were merged into was merged into %(name)s later. Take that back first.")
        raise Conflict(words % {"name": keep}, code="merged_again")
    name = merge.external_user_id
    taken = Person.objects.filter(workspace=merge.workspace_id, external_user_id=name)
    if name and taken.exists():
        words = _("Somebody else has the external user id %(name)s by now.")
        raise Conflict(words % {"name": name}, code="taken")


def _restore(merge: PersonMerge) -> Person:
    values = dict(merge.values)
    times = {name: values.pop(name) for name in TIMES}
    read = {name: parse_datetime(text) if text else None for name, text in times.items()}
    person = Person(
        pk=merge.gone_id,
        workspace=merge.workspace,
        external_user_id=merge.external_user_id,
        **values,
        opted_out_at=read["opted_out_at"],
    )
    person.save(force_insert=True)
    # The day that it came into being is set by the first save.
    Person.objects.filter(pk=person.pk).update(created_at=read["created_at"])
    person.refresh_from_db()
    return person


def _give_back(moved: Mapping[str, Any], keep: Person, person: Person) -> None:
    Device.objects.filter(pk__in=moved["devices"], person=keep).update(person=person)
    Device.objects.filter(pk__in=moved["primaries"], person=person).update(is_primary=True)
    Tester.objects.filter(pk__in=moved["testers"], person=keep).update(person=person)
    PersonMerge.objects.filter(pk__in=moved["merges"], person=keep).update(person=person)
    _change_labels(keep, moved["new_labels"], -1)
    _change_labels(person, moved["labels"], +1)


def _empty(moved: Mapping[str, Any], keep: Person, values: Mapping[str, Any]) -> None:
    """Take from the kept one what came from the other, unless somebody has changed it since."""
    for name in moved["filled"]:
        held = getattr(keep, name)
        if (held.isoformat() if isinstance(held, datetime) else held) == values[name]:
            setattr(keep, name, None if name == "opted_out_at" else "")
    for name in moved["attributes"]:
        if name in keep.attributes and keep.attributes[name] == values["attributes"].get(name):
            del keep.attributes[name]
    keep.save()
