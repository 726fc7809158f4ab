"""Commands and answers about labels, devices and persons. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from providers.commands import Answer, Command
from providers.message_fields import Platform
from providers.receipts import ReceiptKind
from providers.recipients import AppChoice, Audience


@dataclass(frozen=True, slots=True)
class CreateLabel(Command):
    app: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class FetchLabel(Command):
    app: str
    name: str


@dataclass(frozen=True, slots=True)
class ListLabels(Command):
    """A page of labels by their age; `cursor` "" is the first page."""

    app: str
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class DeleteLabel(Command):
    app: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMembers(Command):
    """Put persons, by external user id, into a label or take them out."""

    app: str
    label: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchMember(Command):
    app: str
    label: str
    person: str


@dataclass(frozen=True, slots=True)
class ListMembers(Command):
    app: str
    label: str
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class LabelRow(Answer):
    name: str
    description: str
    count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LabelRows(Answer):
    """`cursor` is "" after the last page."""

    rows: tuple[LabelRow, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class MemberRow(Answer):
    person: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class MemberRows(Answer):
    rows: tuple[MemberRow, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class MembersChanged(Answer):
    """Persons, or devices, that are now as asked, and those that could not be: id -> why, such as
    `unknown_id`."""

    done: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveDevice(Command):
    """Make a device, or change the one that `kind` and `id` name, else that has the `token`. None
    is "leave as it is".

    `values` are by the names of Device's columns (`language`, `app_version`, ...), `attributes`
    its custom ones, where None takes one away; `tags` replaces all tags. An empty `token`, `alias`
    or `external_user_id` is taken away. `must_exist` refuses with NOT_FOUND what is not there yet.
    """

    app: str
    kind: str = ""
    id: str = ""
    platform: Platform | None = None
    transport: str | None = None
    token: str | None = None
    external_user_id: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    alias: str | None = None
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class SaveDevices(Command):
    """Several devices of one call, each saved or refused on its own."""

    app: str
    devices: tuple[SaveDevice, ...]


@dataclass(frozen=True, slots=True)
class FetchDevices(Command):
    """Devices by one kind of id, in the order of `ids`; a `PersonKind` gives all of a person's.

    As everywhere here, a kind is one of the dialect's, `token`, or `device` for our own ids.
    """

    app: str
    kind: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropDevice(Command):
    """Forget a device."""

    app: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class CheckIn(Command):
    """A device says that it is there; the answer is what is known of it, `is_new` if nothing is.

    Nothing is made: what it is it tells by `SaveDevice`.
    """

    app: str
    kind: str
    id: str
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class ReportEvent(Command):
    """A device tells what became of a message, by the reference that it was sent with."""

    app: str
    reference: str
    kind: ReceiptKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow(Answer):
    """One device. `is_new` only after saving it; `last_seen_at` None = never."""

    id: int
    platform: str
    token: str = field(default="", repr=False)
    transport: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    external_user_id: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    alias: str = ""
    is_new: bool = False
    is_online: bool = False
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceRows(Answer):
    """One entry per asked id, in order: its device, or None; or all devices of a person.

    `faults` says, by place, why one could not be saved.
    """

    rows: tuple[DeviceRow | None, ...]
    faults: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavePerson(Command):
    """Change a person, by external user id; NOT_FOUND, with the id as `subject`, for nobody.

    `values` are by the names of Person's columns (`language`), `attributes` a patch of its custom
    ones (RFC 7386): null takes one away, objects are merged.
    """

    app: str
    person: str
    values: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


def merge_patch(base: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null takes away, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(base) if isinstance(base, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


@dataclass(frozen=True, slots=True)
class FetchPerson(Command):
    app: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow(Answer):
    id: int
    person: str
    created_at: datetime
    updated_at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListTags(Command):
    """Every tag of the app, with how many devices carry it: `TagCounts`."""

    app: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTag(Command):
    """Give devices, by one kind of id, a tag or take it from them; `is_dropped` takes it from all
    of `platforms` (none = every platform). Answered by `MembersChanged`, with the devices' ids."""

    app: str
    tag: str
    kind: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    is_dropped: bool = False
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True)
class CountTags(Command):
    """How many devices of a platform (None = any) carry each tag."""

    app: str
    tags: tuple[str, ...]
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class TagCounts(Answer):
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FetchAlias(Command):
    """Devices that carry an alias."""

    app: str
    alias: str
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True)
class DropAlias(Command):
    app: str
    alias: str
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDeviceDays(Command):
    """Devices by day and platform; both days included."""

    app: str
    date_from: date
    date_to: date


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """`new` devices of that day that are still there, and those that were `active` (seen) on it.
    Days are the app's."""

    day: date
    platform: str
    new: int
    active: int


@dataclass(frozen=True, slots=True)
class DeviceDays(Answer):
    rows: tuple[DeviceDay, ...]


@dataclass(frozen=True, slots=True)
class ListApps(Command):
    """The apps that the key reaches; `app` narrows it to one and raises NOT_FOUND without it."""

    app: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRow(Answer):
    id: str
    name: str
    slug: str
    identifiers: Mapping[str, Any] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    icon_url: str = ""
    created_at: datetime | None = None
    groups: tuple[str, ...] = ()  # our ids of the app groups that it is in


@dataclass(frozen=True, slots=True)
class AppRows(Answer):
    rows: tuple[AppRow, ...]


@dataclass(frozen=True, slots=True)
class FindDevices(Command):
    """Devices of several apps that an audience means, at most `limit` of them."""

    apps: AppChoice
    audience: Audience
    limit: int


@dataclass(frozen=True, slots=True)
class DevicesFound(Answer):
    """`count` is of all, `rows` are the first."""

    count: int
    rows: tuple[DeviceRow, ...]


@dataclass(frozen=True, slots=True)
class ListAppGroups(Command):
    """The app groups of the key's workspace; `group` narrows it to one and raises NOT_FOUND
    without it."""

    group: str = ""


@dataclass(frozen=True, slots=True)
class AppGroupRow(Answer):
    """`apps` are our ids of its members, as far as the key reaches them."""

    id: str
    name: str
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AppGroupRows(Answer):
    rows: tuple[AppGroupRow, ...]
