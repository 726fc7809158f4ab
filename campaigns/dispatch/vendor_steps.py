"""Scenarios that a vendor runs in our place: what it is told, and by which step it reached whom.

It is given a push and what the later steps would say, with every address of a person once: to the
first of his devices that is sent to. What it says afterwards goes into the part of the step that it
names; a step of which it never speaks has nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import F

from campaigns.dispatch import books
from campaigns.dispatch.addresses import ADDRESSES, Addressed
from campaigns.dispatch.bars import find_suppressed_persons
from campaigns.dispatch.books import Page, Verdict
from campaigns.dispatch.claim import Lease
from campaigns.dispatch.event_values import Event
from campaigns.dispatch.handover import find_new_members, make_batches
from campaigns.dispatch.receipt_tokens import read_receipt_token, write_receipt_token
from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Delivery,
    Device,
    Part,
    Person,
    StepLead,
    Transfer,
)
from campaigns.models.bulk import IdList, append_rows
from campaigns.models.packing import unpack_cohorts, unpack_ids
from campaigns.selectors.routes import find_first_ways
from campaigns.selectors.vendor_steps import Later, explain_way
from providers.commands import SendPush
from providers.contract import Dialect
from providers.message import PushMessage
from providers.message_texts import resolve_text
from providers.outbound import Request, ScenarioRunner
from providers.outcomes import Outcome
from providers.scenarios import (
    Channel,
    SaveScenario,
    SendByScenario,
    Step,
    TextMessage,
    find_text_options,
)

Recipient = tuple[int, int]  # part, recipient


def list_later(part: Part) -> list[Part]:
    """The parts of the steps after a part's own."""
    same = Part.objects.filter(transfer_id=part.transfer_id, step__gt=part.step)
    return list(same.order_by("step"))


def is_run_there(lease: Lease) -> bool:
    """Whether the vendor of a claimed batch goes on with its recipients; else we do."""
    batch = lease.batch
    if not lease.transfer.runs_at_vendor or batch.part.step or lease.way is None:
        return False
    if batch.form != Batch.Form.DEVICE or batch.part.channel != Channel.PUSH:
        return False
    later = [Later(part.channel, part.sender) for part in list_later(batch.part)]
    ways = find_first_ways(lease.transfer.app)
    return not explain_way(lease.way, ways, batch.part.message.read(), later)


def write_send(
    client: ScenarioRunner, lease: Lease, addressed: Addressed, push: SendPush, now: datetime
) -> Request:
    """The push with the later steps, by a scenario that the vendor keeps. Raises Failure."""
    part, later = lease.batch.part, list_later(lease.batch.part)
    steps = [Step(Channel.PUSH, ""), *(Step(one.channel, one.sender) for one in later)]
    scenario = client.ensure_scenario(SaveScenario(steps=tuple(steps), name=lease.transfer.name))
    lives = [seconds for seconds in (push.expires_in, part.wait) if seconds is not None]
    return client.write_by_scenario(
        SendByScenario(
            push=replace(push, expires_in=min(lives, default=None)),
            scenario=scenario,
            texts=_write_texts(lease, later),
            addresses=_write_addresses(lease.batch, addressed, later, now),
        )
    )


def _write_texts(lease: Lease, later: Sequence[Part]) -> dict[str, TextMessage]:
    assert lease.way is not None  # noqa: S101 told by is_run_there
    message, language = lease.batch.part.message.read(), lease.batch.language
    return {
        part.channel: write_text(message, part.channel, language, lease.way.dialect, part.wait)
        for part in later
    }


def write_text(
    message: PushMessage, channel: str, language: str, dialect: Dialect, expires_in: int | None
) -> TextMessage:
    """What a message says over a channel, with the options that a dialect's script gave it."""
    text = resolve_text(message, channel, language)
    options = find_text_options(message.extras, dialect.key, channel)
    return TextMessage(text=text.body, subject=text.title, expires_in=expires_in, options=options)


def _write_addresses(
    batch: Batch, addressed: Addressed, later: Sequence[Part], now: datetime
) -> tuple[Mapping[str, str], ...]:
    """In the order of the call's targets; without addresses that are suppressed."""
    devices = [member[0] for member in addressed.members]
    owned = Device.objects.filter(pk__in=IdList(devices), person__opted_out_at__isnull=True)
    owners = dict(owned.filter(person__isnull=False).values_list("pk", "person_id"))
    columns = {one.channel: ADDRESSES[one.channel].value for one in later}
    leads = _choose_leads(batch.part, owners)
    barred = {
        channel: find_suppressed_persons(batch, list(set(owners.values())), channel, now)
        for channel in columns
    }
    known = Person.objects.filter(pk__in=IdList({owners[device] for device in leads}))
    persons = {person.pk: person for person in known.only("pk", *columns.values())}
    values = [value for targets in addressed.targets for value in targets.values]
    return tuple(
        {
            Channel.PUSH.value: value,
            **_find_texts(columns, persons.get(owners.get(device, 0)), barred),
        }
        if device in leads
        else {Channel.PUSH.value: value}
        for device, value in zip(devices, values, strict=True)
    )


def _find_texts(
    columns: Mapping[str, str], person: Person | None, barred: Mapping[str, set[int]]
) -> dict[str, str]:
    found = {
        channel: getattr(person, column, "")
        for channel, column in columns.items()
        if person is not None and person.pk not in barred[channel]
    }
    return {channel: str(value) for channel, value in found.items() if value}


def _choose_leads(part: Part, owners: Mapping[int, int]) -> set[int]:
    """The devices that carry their person's addresses: whichever was written down first."""
    first: dict[int, int] = {}
    for device, person in sorted(owners.items(), reverse=True):
        first[person] = device
    rows = [(part.pk, person, device) for person, device in sorted(first.items())]
    append_rows(StepLead, ("part", "person_id", "device_id"), rows, skip_known=True)
    kept = StepLead.objects.filter(part=part, person_id__in=IdList(first))
    return set(kept.values_list("device_id", flat=True)) & owners.keys()


@dataclass(slots=True)
class _Reached:
    """Recipients of one call of a push part whom the vendor has taken to a later step."""

    step: Part
    call: int
    persons: list[int] = field(default_factory=list)


def place_events(
    events: Iterable[Event], account: Account, now: datetime
) -> tuple[list[Event], list[Event]]:
    """Events of later steps become those of the step's part, in which their persons then are; and
    those of calls that our books do not know yet. Runs in the caller's transaction.
    """
    placed, early = list[Event](), list[Event]()
    foreign: dict[Recipient, list[Event]] = defaultdict(list)
    for event in events:
        key = read_receipt_token(event.reference)
        if key is None or not event.channel:
            placed.append(event)
        else:
            foreign[key].append(event)
    for part, keys in sorted(_group(foreign).items()):
        for step, some in _split_steps(part, {key: foreign[key] for key in keys}).items():
            if step is None:
                placed += some
                continue
            found, unknown = _take_on(part, step, some, account, now)
            placed += found
            early += unknown
    return placed, early


def _group(keys: Iterable[Recipient]) -> dict[int, list[Recipient]]:
    by_part: dict[int, list[Recipient]] = defaultdict(list)
    for key in keys:
        by_part[key[0]].append(key)
    return by_part


def _split_steps(
    part_id: int, events: Mapping[Recipient, Sequence[Event]]
) -> dict[Part | None, list[Event]]:
    """By the step that they tell of; None for the push itself."""
    part = Part.objects.select_related("transfer").filter(pk=part_id).first()
    runs = part is not None and part.transfer.runs_at_vendor and part.step == 0
    later = {one.channel: one for one in reversed(list_later(part))} if part and runs else {}
    split: dict[Part | None, list[Event]] = defaultdict(list)
    for some in events.values():
        for event in some:
            split[later.get(event.channel)].append(event)
    return split


def _take_on(
    part_id: int, step: Part, events: Sequence[Event], account: Account, now: datetime
) -> tuple[list[Event], list[Event]]:
    devices = {key[1] for event in events if (key := read_receipt_token(event.reference))}
    calls = dict(
        Delivery.objects.filter(
            part_id=part_id, recipient__in=IdList(devices), account_id=account.pk
        ).values_list("recipient", "attempt_id")
    )
    persons = _find_led(part_id, calls)
    by_call: dict[int, _Reached] = {}
    for device, person in sorted(persons.items()):
        call = calls[device]
        by_call.setdefault(call, _Reached(step, call)).persons.append(person)
    for reached in by_call.values():
        _admit(reached, account, now)
    placed, early = list[Event](), list[Event]()
    for event in events:
        key = read_receipt_token(event.reference)
        if key is None or key[1] not in calls:
            early.append(event)
        elif key[1] in persons:
            reference = write_receipt_token(step.pk, persons[key[1]])
            placed.append(replace(event, reference=reference, channel=""))
    return placed, early


def _find_led(part_id: int, devices: Iterable[int]) -> dict[int, int]:
    """The persons whose addresses went with these devices."""
    owned = Device.objects.filter(pk__in=IdList(devices), person__isnull=False)
    owners = dict(owned.values_list("pk", "person_id"))
    leads = StepLead.objects.filter(part=part_id, person_id__in=IdList(set(owners.values())))
    led = dict(leads.values_list("person_id", "device_id"))
    return {device: person for device, person in owners.items() if led.get(person) == device}


def _admit(reached: _Reached, account: Account, now: datetime) -> None:
    """Write down that the vendor has sent the step to persons; each once."""
    step = Part.objects.select_for_update(of=("self",)).select_related(
        "message", "transfer__app"
    ).get(pk=reached.step.pk)  # fmt: skip
    persons = Person.objects.filter(pk__in=IdList(reached.persons)).order_by("pk")
    fresh = find_new_members(step, list(persons))
    call = Attempt.objects.filter(pk=reached.call).first()
    if not fresh or call is None:
        return
    for batch in make_batches(step.transfer, step, fresh, now):
        _settle(batch, call, account, now)
    Part.objects.filter(pk=step.pk).update(audience=F("audience") + len(fresh))
    transfer = Transfer.objects.filter(pk=step.transfer_id)
    transfer.update(audience=F("audience") + len(fresh))
    # It has ended when the last was settled: reports look for nobody later than that.
    transfer.filter(finished_at__lt=now).update(finished_at=now)


def _settle(batch: Batch, call: Attempt, account: Account, now: datetime) -> None:
    """A batch that the vendor has made of a call of ours: it is over before we know of it."""
    done: dict[str, Any] = {"state": Batch.State.DONE, "settled": batch.count, "is_folded": True}
    for name, value in {**done, "account": account, "runs_at_vendor": True}.items():
        setattr(batch, name, value)
    batch.save()
    attempt = Attempt.objects.create(
        batch=batch,
        account=account,
        key=call.key,
        reference=call.reference,
        last=batch.count - 1,
        started_at=call.started_at,
        answered_at=now,
        was_sent=True,
        outcome=Outcome.ACCEPTED.value,
    )
    page = Page(
        part_id=batch.part_id,
        platform=batch.platform,
        at=now,
        account_id=account.pk,
        attempt_id=attempt.pk,
    )
    recipients = unpack_ids(batch.recipients)
    members = list(zip(recipients, unpack_cohorts(batch.cohorts), strict=True))
    books.append_members(batch, page, Verdict("sent"), members)
    books.fold_deliveries(batch.part_id, recipients)
