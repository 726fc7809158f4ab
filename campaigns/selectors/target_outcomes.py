"""What became of the single targets of a script's push, each over all devices that it meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from campaigns.models import Attempt, Delivery, Part, Person, Settled
from campaigns.models.apps import App
from campaigns.models.bulk import IdList
from campaigns.selectors.contacts import match_contacts, write_contact
from providers.outcomes import Outcome, Reason, Result
from providers.recipients import PersonKind, Targets

# Another try can help: it was not about the recipient or the message.
PASSING = frozenset(
    {
        Reason.VENDOR.value,
        Reason.THROTTLED.value,
        Reason.OURS.value,
        Reason.NO_ANSWER.value,
    }
)
RETRY_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Settlement:
    """One device's outcome with the vendor's own words, where it was a call that failed."""

    outcome: str
    reason: str
    words: str = ""


def read_settlements(part: Part, devices: Iterable[int]) -> dict[int, Settlement]:
    """The outcomes of these devices in a part; who has none yet is left out."""
    rows = list(
        Delivery.objects.filter(part_id=part.pk, recipient__in=IdList(devices)).values_list(
            "recipient", "outcome", "reason", "attempt_id"
        )
    )
    failed = {attempt for _pk, outcome, _why, attempt in rows if outcome == Settled.FAILED.value}
    words = dict(Attempt.objects.filter(pk__in=failed).values_list("pk", "words"))
    return {
        recipient: Settlement(outcome, reason, words.get(attempt, ""))
        for recipient, outcome, reason, attempt in rows
    }


def judge_targets(
    targets: Targets,
    found: Iterable[tuple[str, int]],
    settled: Mapping[int, Settlement],
    app: App,
    first: int,
) -> Iterator[Result]:
    """A result for each target, the first of which has the place `first` in the call.

    `found` are the devices that each value means. It was accepted if it was for one of them, and
    RETAINED where it waits for each of these; else the first lasting reason counts, else what
    another try may mend, else nobody knows.
    """
    devices: dict[str, list[int]] = defaultdict(list)
    for value, device in found:
        devices[value].append(device)
    known = _find_known(targets, devices, app)
    for index, value in enumerate(targets.values, first):
        if value in devices:
            own = [settled[pk] for pk in sorted(devices[value]) if pk in settled]
            yield _judge(index, own, len(devices[value]))
        else:
            reason = Reason.NO_TOKEN if value in known else Reason.UNKNOWN_ID
            yield Result(index, Outcome.FAILED, reason)


def _find_known(targets: Targets, devices: Mapping[str, list[int]], app: App) -> set[str]:
    """Of those who have no device of the app, the persons that there are."""
    missing = [value for value in targets.values if value and value not in devices]
    if targets.kind not in set(PersonKind) or not missing:
        return set()
    kind, storable = str(targets.kind), [value for value in missing if "\0" not in value]
    named = Person.objects.filter(match_contacts(kind, storable), workspace=app.workspace_id)
    held = {write_contact(kind, value) for value in named.values_list(kind, flat=True)}
    return {value for value in storable if write_contact(kind, value) in held}


def _judge(index: int, own: Sequence[Settlement], count: int) -> Result:
    sent = {item.reason for item in own if item.outcome == Settled.SENT.value}
    if sent:
        is_retained = sent == {Reason.RETAINED.value}
        return Result(index, Outcome.ACCEPTED, Reason.RETAINED if is_retained else None)
    lost = [item for item in own if item.outcome in {"failed", "skipped", "cancelled"}]
    lasting = [item for item in lost if item.reason not in PASSING]
    if lasting or lost:
        worst = (lasting or lost)[0]
        after = None if lasting else RETRY_AFTER
        return Result(index, Outcome.FAILED, _read_reason(worst), worst.words, after)
    expired = [item for item in own if item.outcome == Settled.EXPIRED.value]
    if expired and len(own) == count:
        return Result(index, Outcome.EXPIRED, Reason.TOO_LATE)
    return Result(index, Outcome.UNKNOWN, Reason.NO_ANSWER)


def _read_reason(settlement: Settlement) -> Reason | None:
    return Reason(settlement.reason) if settlement.reason else None
