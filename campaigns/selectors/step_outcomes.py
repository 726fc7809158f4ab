"""By which step of a scenario single targets were reached in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns.models import Device, Part, Person, StepMember, TrackedTarget
from campaigns.models.bulk import IdList
from campaigns.selectors.contacts import match_contacts, write_contact
from campaigns.selectors.outcomes import Asked, Found, find_outcomes
from providers.outcomes import Outcome
from providers.recipients import PersonKind
from providers.scenarios import Channel


@dataclass(frozen=True, slots=True)
class Leg:
    """What one step came to for a target."""

    channel: str
    sender: str
    found: Found


def find_legs(
    targets: Sequence[TrackedTarget],
    devices: Mapping[int, Sequence[int]],
    found: Sequence[Found],
) -> list[Leg]:
    """For each target the step that reached them, else the last one they came to.

    `devices` are those that each target means, by its id, and `found` is what became of these in
    its own part. While somebody may still be handed on, nothing is final.
    """
    stepped = [target for target in targets if _has_texts(target)]
    parts = _list_text_parts(stepped)
    persons = _find_persons(stepped, devices)
    members = _find_members(parts, persons)
    legs = []
    for target, one in zip(targets, found, strict=True):
        own = parts.get(target.part.transfer_id, [])
        asked = {part: members.get((part.pk, target.pk), ()) for part in own}
        texts = _read_texts(target, {part: ids for part, ids in asked.items() if ids})
        push = [Leg(Channel.PUSH.value, "", one)] if _is_push(target) else []
        legs.append(_choose([*push, *texts], target, is_whole=len(texts) == len(own)))
    return legs


def _has_texts(target: TrackedTarget) -> bool:
    return target.part.transfer.has_steps or not _is_push(target)


def _is_push(target: TrackedTarget) -> bool:
    return str(target.part.channel) == Channel.PUSH.value


def _list_text_parts(targets: Sequence[TrackedTarget]) -> dict[int, list[Part]]:
    transfers = {target.part.transfer_id for target in targets}
    parts: dict[int, list[Part]] = defaultdict(list)
    rows = Part.objects.filter(transfer__in=transfers, kind=Part.Kind.PERSON)
    for part in rows.order_by("number"):
        parts[part.transfer_id].append(part)
    return parts


def _find_persons(
    targets: Sequence[TrackedTarget], devices: Mapping[int, Sequence[int]]
) -> dict[int, set[int]]:
    """Whom each target may be: the owners of its devices, and who is called so."""
    persons: dict[int, set[int]] = {target.pk: set() for target in targets}
    ids = {pk for target in targets for pk in devices.get(target.pk, ())}
    owners = dict(
        Device.objects.filter(pk__in=IdList(ids), person__isnull=False).values_list(
            "pk", "person_id"
        )
    )
    for target in targets:
        own = devices.get(target.pk, ())
        persons[target.pk] |= {owners[pk] for pk in own if pk in owners}
    for kind in PersonKind:
        named = [target for target in targets if target.kind == kind]
        rows = Person.objects.filter(
            match_contacts(kind.value, {target.value for target in named}),
            workspace__in={target.workspace_id for target in named},
        )
        by_value: dict[str, set[int]] = defaultdict(set)
        for value, pk in rows.values_list(kind.value, "pk"):
            by_value[write_contact(kind.value, value)].add(pk)
        for target in named:
            persons[target.pk] |= by_value[write_contact(kind.value, target.value)]
    return persons


def _find_members(
    parts: Mapping[int, Sequence[Part]], persons: Mapping[int, set[int]]
) -> dict[tuple[int, int], tuple[int, ...]]:
    """By part and target the persons who have come to the part."""
    everyone = {pk for own in persons.values() for pk in own}
    ids = [part.pk for own in parts.values() for part in own]
    rows = StepMember.objects.filter(part__in=ids, person_id__in=IdList(everyone))
    came: dict[int, set[int]] = defaultdict(set)
    for part, person in rows.values_list("part_id", "person_id"):
        came[part].add(person)
    return {
        (part, target): tuple(sorted(came[part] & own))
        for part in came
        for target, own in persons.items()
    }


def _read_texts(target: TrackedTarget, asked: Mapping[Part, tuple[int, ...]]) -> list[Leg]:
    is_over = target.part.transfer.finished_at is not None
    found = find_outcomes([Asked((part.pk,), ids, is_over) for part, ids in asked.items()])
    return [Leg(part.channel, part.sender, one) for part, one in zip(asked, found, strict=True)]


def _choose(legs: Sequence[Leg], target: TrackedTarget, *, is_whole: bool) -> Leg:
    reached = [leg for leg in legs if leg.found.outcome is Outcome.DELIVERED]
    if reached:
        return reached[0]
    last = legs[-1] if legs else Leg(target.part.channel, target.part.sender, Found())
    if not is_whole and target.part.transfer.finished_at is None:
        return Leg(last.channel, last.sender, Found(sent_at=last.found.sent_at))
    return last
