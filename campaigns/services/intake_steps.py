"""Who gets a send that goes by steps: persons whom a script names, found or made.

Who has a device here gets the push; who has none begins with the step after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from campaigns.dispatch.handover import admit
from campaigns.dispatch.plan import NewPart
from campaigns.dispatch.resolve import find_devices, find_kind
from campaigns.errors import Invalid
from campaigns.models import ApiKey, App, Device, Message, Person, TrackedTarget, Transfer
from campaigns.models.bulk import IdList
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.contacts import match_contacts, write_contact
from campaigns.selectors.erased import find_erased
from campaigns.services.access import record_audit, require_scope
from campaigns.services.callers import Caller
from campaigns.services.intake_targets import Named, Plan, leave_targets
from campaigns.services.locks import Lock, lock_app
from providers.commands import SendPush
from providers.recipients import PersonKind
from providers.scenarios import Channel

# By what a person is known, and how long it may be.
LENGTHS = {
    PersonKind.EXTERNAL_USER_ID.value: 255,
    PersonKind.PHONE.value: 20,
    PersonKind.EMAIL.value: 254,
}
COLUMNS = {Channel.SMS.value: PersonKind.PHONE.value, Channel.EMAIL.value: PersonKind.EMAIL.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stairs:
    """Steps as Scenario.steps has them, and every target's addresses by channel, in their order.

    `identity` is JSON that tells this send from another one; `runs_at_vendor` as in Scenario.
    """

    steps: Sequence[Mapping[str, Any]]
    addresses: Sequence[Mapping[str, str]] = ()
    identity: Sequence[Any] = ()
    runs_at_vendor: bool = False

    @property
    def first(self) -> str:
        """The channel that it begins with."""
        return str(self.steps[0]["channel"])


@dataclass(slots=True)
class Climbers:
    """The push to who has a device, and persons who begin with a text."""

    push: SendPush
    persons: list[Person] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """Persons of the workspace by what was named, and the devices that a target means."""

    by_value: dict[tuple[str, str], Person] = field(default_factory=dict)
    owners: dict[int, Person | None] = field(default_factory=dict)  # by device
    devices: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # by target
    replaced: dict[int, tuple[Person, set[str]]] = field(default_factory=dict)  # by person


def find_climbers(plan: Plan, stairs: Stairs, app: App, caller: Caller) -> Climbers:
    """Find or make everybody; runs in the transaction that writes the transfer.

    An address that is named for somebody becomes theirs; to put it in the place of another one
    takes the right to change the audience. Raises Invalid for one that cannot be kept, Forbidden.
    """
    lock_app(app, Lock.REGISTER)
    named = {item.number: _name_person(item, stairs) for item in plan.named}
    _refuse_unstorable(named)
    named = _leave_erased(named, app)
    known = _Known()
    _load_devices(known, plan, app, caller)
    _load_persons(known, named.values(), app)
    pushed: set[int] = set()
    climbers = Climbers(plan.push)
    for item in plan.named:
        devices = known.devices[item.number]
        person = _find_or_make(known, named[item.number], devices, app)
        if devices and stairs.first == Channel.PUSH:
            pushed.add(item.number)
        elif person is not None:
            climbers.persons.append(person)
    _note_replaced(known, app, caller)
    climbers.persons = list({person.pk: person for person in climbers.persons}.values())
    climbers.push = leave_targets(plan.push, _number_left(plan, pushed))
    return climbers


def _number_left(plan: Plan, pushed: set[int]) -> set[int]:
    """Places in the push of the plan, from which duplicates are gone."""
    return {place for place, item in enumerate(plan.named) if item.number in pushed}


def _name_person(item: Named, stairs: Stairs) -> dict[str, str]:
    """What is said of a target, by columns of Person."""
    said = {item.kind: item.value} if item.kind in LENGTHS else {}
    addresses = stairs.addresses[item.number] if item.number < len(stairs.addresses) else {}
    said |= {COLUMNS[name]: value for name, value in addresses.items() if name in COLUMNS}
    said = {name: write_contact(name, value.strip()) for name, value in said.items()}
    return {name: value for name, value in said.items() if value}


def _leave_erased(named: dict[int, dict[str, str]], app: App) -> dict[int, dict[str, str]]:
    """Nothing is said any more of a target that names somebody who was erased: nobody is made."""
    erased = find_erased(app.workspace_id, {one for said in named.values() for one in said.items()})
    return {
        number: {} if erased.intersection(said.items()) else said for number, said in named.items()
    }


def _refuse_unstorable(named: Mapping[int, Mapping[str, str]]) -> None:
    for number, said in named.items():
        for column, value in said.items():
            fault = find_text_fault(value, LENGTHS[column])
            if fault:
                words = _("Target %(number)d: %(fault)s") % {"number": number, "fault": fault}
                raise Invalid(words, fields={"targets": words})


def _load_devices(known: _Known, plan: Plan, app: App, caller: Caller) -> None:
    groups: dict[tuple[str, bool], list[Named]] = defaultdict(list)
    for item in plan.named:
        groups[item.kind, plan.push.parts[item.part].only_primary].append(item)
    for (name, only_primary), items in groups.items():
        kind = find_kind(caller.dialect, name)
        values = list(dict.fromkeys(item.value for item in items))
        found: dict[str, list[int]] = defaultdict(list)
        for value, device in find_devices(app, kind, values, only_primary=only_primary):
            found[value].append(device)
        for item in items:
            known.devices[item.number] = found[item.value]
    ids = IdList({pk for devices in known.devices.values() for pk in devices})
    rows = Device.objects.filter(pk__in=ids).select_related("person")
    known.owners = {device.pk: device.person for device in rows}


def _load_persons(known: _Known, named: Iterable[Mapping[str, str]], app: App) -> None:
    wanted: dict[str, set[str]] = defaultdict(set)
    for said in named:
        for column, value in said.items():
            wanted[column].add(value)
    for column, values in wanted.items():
        rows = Person.objects.filter(workspace_id=app.workspace_id)
        # Of several with one address the oldest.
        for person in rows.filter(match_contacts(column, values)).order_by("-pk"):
            known.by_value[column, write_contact(column, getattr(person, column))] = person
    _load_merged(known, wanted[PersonKind.EXTERNAL_USER_ID.value], app)


def _load_merged(known: _Known, names: Iterable[str], app: App) -> None:
    """Who has taken over somebody of that name, where nobody else has it."""
    column = PersonKind.EXTERNAL_USER_ID.value
    unknown = [name for name in names if (column, name) not in known.by_value]
    merged = find_aliases(app.workspace_id, unknown)
    persons = Person.objects.in_bulk(set(merged.values()))
    # Somebody may have been erased between the two questions.
    there = {name: pk for name, pk in merged.items() if pk in persons}
    known.by_value |= {(column, name): persons[pk] for name, pk in there.items()}


def _find_or_make(
    known: _Known, said: Mapping[str, str], devices: Sequence[int], app: App
) -> Person | None:
    """The owner of the devices, else whom the addresses name, else somebody new; None where a
    target is nothing but a device."""
    owner = next((known.owners[pk] for pk in devices if known.owners.get(pk)), None)
    by_value = (known.by_value.get((column, said[column])) for column in LENGTHS if column in said)
    person = owner or next((one for one in by_value if one is not None), None)
    if person is None and not said:
        return None
    if person is None:
        person = Person(workspace_id=app.workspace_id)
    changed = _list_changed(known, person, said)
    replaced = {name for name in changed if person.pk and getattr(person, name)}
    if replaced:
        known.replaced.setdefault(person.pk, (person, set()))[1].update(replaced)
    for name in changed:
        setattr(person, name, said[name])
    if changed:
        person.save()
    _keep_known(known, person, said, devices)
    return person


def _list_changed(known: _Known, person: Person, said: Mapping[str, str]) -> list[str]:
    changed = [
        name for name, value in said.items() if write_contact(name, getattr(person, name)) != value
    ]
    column = PersonKind.EXTERNAL_USER_ID.value
    own = known.by_value.get((column, said.get(column, "")))
    if column in changed and (person.external_user_id or (own and own.pk == person.pk)):
        changed.remove(column)  # who has taken somebody over keeps what they are called
    return changed


def _note_replaced(known: _Known, app: App, caller: Caller) -> None:
    """Whose address was changed, for the audit; the transaction ends where the key may not."""
    if known.replaced:
        require_scope(caller.key, ApiKey.Scope.AUDIENCE)
    for person, names in known.replaced.values():
        record_audit(
            caller.actor,
            "update",
            person,
            workspace=app.workspace,
            fields=sorted(names),
            now=caller.now,
        )


def _keep_known(
    known: _Known, person: Person, said: Mapping[str, str], devices: Sequence[int]
) -> None:
    """Devices without an owner are theirs now."""
    known.by_value |= dict.fromkeys(said.items(), person)
    orphans = [pk for pk in devices if known.owners.get(pk) is None]
    if orphans:
        Device.objects.filter(pk__in=IdList(orphans)).update(person=person)
        known.owners |= dict.fromkeys(orphans, person)


def write_first_step(
    app: App, stairs: Stairs, push: SendPush, content: Mapping[str, Any]
) -> NewPart:
    """The part of the first step: a push to devices, or a text to persons."""
    message = Message.objects.create(app=app, content=content)
    part, step = push.parts[0], stairs.steps[0]
    if stairs.first == Channel.PUSH:
        return NewPart(message, part.targets, None, part.only_primary)
    return NewPart(message, channel=stairs.first, sender=step.get("sender") or "")


def admit_climbers(climbers: Climbers, transfer: Transfer) -> None:
    """Put persons into the first step that sends texts; each tracked target counts as one."""
    part = transfer.parts.exclude(channel=Channel.PUSH).select_related("message").first()
    if part is not None and climbers.persons:
        admit(transfer, part, climbers.persons, transfer.due_at)
    TrackedTarget.objects.filter(part__transfer=transfer, count=0).update(count=1)
