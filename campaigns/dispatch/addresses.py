"""Where recipients are reached through one way: their ids there, looked up set-based."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.dispatch.bars import find_suppressed
from campaigns.dispatch.books import Member
from campaigns.dispatch.handover import find_answered
from campaigns.dispatch.receipt_tokens import write_receipt_tokens
from campaigns.dispatch.routes import Reach, find_reach
from campaigns.models import Batch, Delivery, Device, DeviceIdentifier, Part, Person
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_cohorts, unpack_ids
from campaigns.selectors.routes import Way
from providers.outcomes import Reason
from providers.recipients import PersonKind, Targets


@dataclass(slots=True)
class Addressed:
    """Members in the order of the call's targets, and those that cannot be called any more."""

    targets: tuple[Targets, ...] = ()
    members: list[Member] = field(default_factory=list)
    mates: dict[int, list[Member]] = field(
        default_factory=dict
    )  # other devices of a member's person
    tokens: dict[int, str] = field(default_factory=dict)  # recipient -> the token it is sent to
    skipped: dict[Reason, list[Member]] = field(default_factory=lambda: defaultdict(list))
    by_text: list[tuple[int, tuple[Targets, ...]]] = field(default_factory=list)  # dispatch.texts

    def list_with_mates(self, member: Member) -> list[Member]:
        """Everybody whom one target of the call reaches."""
        return [member, *self.mates.get(member[0], ())]

    def list_all(self) -> list[Member]:
        """Everybody whom the call reaches."""
        return [one for member in self.members for one in self.list_with_mates(member)]


def list_owed(batch: Batch) -> list[Member]:
    """The members of a batch that have no outcome yet."""
    recipients = unpack_ids(batch.recipients)
    members = zip(recipients, unpack_cohorts(batch.cohorts), strict=True)
    if not batch.settled:
        return list(members)
    settled = set(
        Delivery.objects.filter(
            part_id=batch.part_id, recipient__in=IdList(recipients)
        ).values_list("recipient", flat=True)
    )
    return [member for member in members if member[0] not in settled]


def address_members(batch: Batch, way: Way, members: Sequence[Member], now: datetime) -> Addressed:
    """The ids by which this way reaches each member; none for an audience.

    Who may not be sent to is among the skipped, but of an audience: that is told as a whole, or
    not at all (dispatch.told).
    """
    if batch.form == Batch.Form.AUDIENCE:
        return Addressed(members=list(members))
    barred = find_suppressed(batch, [member[0] for member in members], now)
    if barred and batch.form == Batch.Form.PERSON:
        barred = _add_mates(members, barred)
    left = [member for member in members if member[0] not in barred] if barred else members
    addressed = _address(batch, way, left)
    if barred:
        suppressed = [member for member in members if member[0] in barred]
        addressed.skipped[Reason.SUPPRESSED] += suppressed
    return addressed


def _add_mates(members: Sequence[Member], barred: set[int]) -> set[int]:
    """The vendor reaches all devices of a person whom it is told of."""
    rows = Device.objects.filter(pk__in=IdList(member[0] for member in members))
    owners = dict(rows.values_list("pk", "person_id"))
    persons = {owners.get(device) for device in barred} - {None}
    return barred | {device for device, person in owners.items() if person in persons}


def _address(batch: Batch, way: Way, members: Sequence[Member]) -> Addressed:
    if batch.part.kind == Part.Kind.PERSON:
        return _address_persons(batch, way, members)
    if batch.form == Batch.Form.PERSON:
        return _address_by_person(batch, way, members)
    reach = find_reach(way, batch.platform)
    addressed = Addressed()
    by_kind: dict[str, list[tuple[Member, str]]] = defaultdict(list)
    for member, kind, value in _find_addresses(reach, members, addressed):
        by_kind[kind].append((member, value))
    targets = []
    for kind, pairs in by_kind.items():
        addressed.members += [member for member, _value in pairs]
        values = tuple(value for _member, value in pairs)
        targets.append(Targets(kind, values, _write_references(batch, way, pairs)))
    addressed.targets = tuple(targets)
    return addressed


def _address_by_person(batch: Batch, way: Way, members: Sequence[Member]) -> Addressed:
    """Each person once, by the user id; who opted out meanwhile is left out with all devices."""
    addressed = Addressed()
    rows = Device.objects.filter(pk__in=IdList(member[0] for member in members))
    names = {
        pk: (name, opted_out)
        for pk, name, opted_out in rows.values_list(
            "pk", "person__external_user_id", "person__opted_out_at"
        )
    }
    leads: dict[str, Member] = {}
    for member in members:
        name, opted_out = names.get(member[0], ("", None))
        if member[0] not in names:
            addressed.skipped[Reason.GONE].append(member)
        elif opted_out is not None:
            addressed.skipped[Reason.OPTED_OUT].append(member)
        elif not name:
            addressed.skipped[Reason.NOT_ADDRESSABLE].append(member)
        elif name in leads:
            addressed.mates.setdefault(leads[name][0], []).append(member)
        else:
            leads[name] = member
    addressed.members = list(leads.values())
    kind = PersonKind.EXTERNAL_USER_ID.value
    pairs = [(member, name) for name, member in leads.items()]
    references = _write_references(batch, way, pairs)
    addressed.targets = (Targets(kind, tuple(leads), references),) if leads else ()
    return addressed


def _write_references(
    batch: Batch, way: Way, pairs: Sequence[tuple[Member, str]]
) -> tuple[str, ...]:
    if not way.dialect.wants_references:
        return ()
    return write_receipt_tokens(batch.part_id, (member[0] for member, _value in pairs))


# What a channel calls a person by, and where we keep it.
ADDRESSES = {"sms": PersonKind.PHONE, "email": PersonKind.EMAIL}


def _address_persons(batch: Batch, way: Way, members: Sequence[Member]) -> Addressed:
    """Who has answered meanwhile is left out, so a late receipt stops what has not gone."""
    kind = ADDRESSES[batch.part.channel]
    persons = Person.objects.filter(pk__in=IdList(member[0] for member in members))
    rows = {row[0]: row for row in persons.values_list("pk", kind.value, "opted_out_at")}
    answered = find_answered(batch.transfer_id, rows)
    addressed, pairs = Addressed(), list[tuple[Member, str]]()
    for member in members:
        _pk, value, opted_out_at = rows.get(member[0], (0, "", None))
        if member[0] not in rows:
            addressed.skipped[Reason.GONE].append(member)
        elif member[0] in answered:
            addressed.skipped[Reason.ANSWERED].append(member)
        elif opted_out_at is not None:
            addressed.skipped[Reason.OPTED_OUT].append(member)
        elif not value:
            addressed.skipped[Reason.NOT_ADDRESSABLE].append(member)
        else:
            pairs.append((member, value))
    addressed.members = [member for member, _value in pairs]
    values = tuple(value for _member, value in pairs)
    references = _write_references(batch, way, pairs)
    addressed.targets = (Targets(kind, values, references),) if pairs else ()
    return addressed


def _find_addresses(
    reach: Reach, members: Sequence[Member], addressed: Addressed
) -> list[tuple[Member, str, str]]:
    devices = {
        row[0]: row
        for row in Device.objects.filter(
            pk__in=IdList(member[0] for member in members)
        ).values_list("pk", "token", "token_state", "person__opted_out_at")
    }
    found, others = [], []
    for member in members:
        _pk, token, state, opted_out = devices.get(member[0], (0, "", "missing", None))
        if member[0] not in devices:
            addressed.skipped[Reason.GONE].append(member)
        elif opted_out is not None:
            addressed.skipped[Reason.OPTED_OUT].append(member)
        elif state == Device.TokenState.DISABLED:
            addressed.skipped[Reason.NO_TOKEN].append(member)
        elif token and reach.token_kind:
            addressed.tokens[member[0]] = token
            found.append((member, reach.token_kind, token))
        else:
            others.append(member)
    return found + _find_other_addresses(reach, others, addressed)


def _find_other_addresses(
    reach: Reach, members: Sequence[Member], addressed: Addressed
) -> list[tuple[Member, str, str]]:
    if not members:
        return []
    ids: dict[int, dict[str, str]] = defaultdict(dict)
    rows = DeviceIdentifier.objects.filter(
        device__in=IdList(member[0] for member in members), kind__in=reach.id_kinds
    )
    for device, kind, value in rows.values_list("device_id", "kind", "value"):
        ids[device][kind] = value
    found = []
    for member in members:
        kind = next((kind for kind in reach.id_kinds if kind in ids[member[0]]), "")
        if kind:
            found.append((member, kind, ids[member[0]][kind]))
        else:
            reason = Reason.NO_TOKEN if reach.token_kind else Reason.NOT_ADDRESSABLE
            addressed.skipped[reason].append(member)
    return found
