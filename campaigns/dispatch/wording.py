"""What a batch's call says: the message of its platform and language, or each recipient's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from campaigns.dispatch.addresses import Addressed
from campaigns.dispatch.texts import find_texts, needs_rendering
from campaigns.models import Batch, Cohort
from campaigns.models.bulk import IdList
from campaigns.models.packing import unpack_cohorts
from providers.message import PushMessage
from providers.message_fields import Platform
from providers.message_texts import resolve_for, resolve_text, write_text_message
from providers.outcomes import Failure, Reason
from providers.recipients import Targets
from providers.scenarios import Channel
from providers.templates import Sheet


def resolve_batch(batch: Batch) -> PushMessage:
    """The message as a batch's recipients get it, its variables still in it."""
    message: PushMessage = batch.part.message.read()
    if batch.part.channel != Channel.PUSH:
        text = resolve_text(message, batch.part.channel, batch.language)
        return replace(write_text_message(text, batch.part.channel), extras=message.extras)
    if batch.form == Batch.Form.PERSON:
        return resolve_for(message, list_platforms(batch), batch.language)
    return message.resolve(Platform(batch.platform), batch.language)


def list_platforms(batch: Batch) -> tuple[Platform, ...]:
    """The platforms of a batch's recipients, the one that it stands under first."""
    cohorts = Cohort.objects.filter(pk__in=IdList(set(unpack_cohorts(batch.cohorts))))
    found = set(cohorts.values_list("platform", flat=True)) - {batch.platform}
    return (Platform(batch.platform), *map(Platform, sorted(found)))


def list_messages(
    batch: Batch, addressed: Addressed
) -> list[tuple[PushMessage, tuple[Targets, ...]]]:
    """What a call says to whom, in the order of its recipients. Raises Failure."""
    texts = find_texts(batch)
    if texts is None:
        if needs_rendering(batch):
            words = "Its variables have not been filled in."
            raise Failure(Reason.OURS, words, is_permanent=True)
        return [(resolve_batch(batch), addressed.targets)]
    sheet = Sheet(resolve_batch(batch))
    return [(texts.fill(sheet, place), targets) for place, targets in addressed.by_text]


def group_by_text(batch: Batch, addressed: Addressed) -> Addressed:
    """The same recipients, those side by side who get the same text."""
    texts = find_texts(batch)
    if texts is None:
        return addressed
    singles = list(chain.from_iterable(map(_split_targets, addressed.targets)))
    groups: dict[int, list[int]] = defaultdict(list)
    for index, member in enumerate(addressed.members):
        groups[texts.places[member[0]]].append(index)
    members = addressed.members
    addressed.members = [members[index] for place in groups for index in groups[place]]
    addressed.by_text = [
        (place, _join_targets([singles[index] for index in group]))
        for place, group in groups.items()
    ]
    addressed.targets = tuple(one for _place, targets in addressed.by_text for one in targets)
    return addressed


def _split_targets(targets: Targets) -> list[tuple[str, str, str]]:
    references = targets.references or [""] * len(targets.values)
    pairs = zip(targets.values, references, strict=True)
    return [(targets.kind, value, reference) for value, reference in pairs]


def _join_targets(singles: Sequence[tuple[str, str, str]]) -> tuple[Targets, ...]:
    """In their order: those of one kind stand side by side already."""
    kinds = dict.fromkeys(kind for kind, _value, _reference in singles)
    joined = []
    for kind in kinds:
        own = [one for one in singles if one[0] == kind]
        references = tuple(one[2] for one in own)
        values = tuple(one[1] for one in own)
        joined.append(Targets(kind, values, references if any(references) else ()))
    return tuple(joined)
