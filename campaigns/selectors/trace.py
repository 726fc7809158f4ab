"""Why one person or device got a transfer or not: every reason in its order, for anyone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import (
    Delivery,
    Device,
    Handover,
    Part,
    Person,
    PersonMerge,
    StepLead,
    StepMember,
    Transfer,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.lookup import find_matches
from campaigns.selectors.trace_audience import (
    list_audience_lines,
    list_route_lines,
    list_state_lines,
    was_named,
)
from campaigns.selectors.trace_bars import list_bar_lines
from campaigns.selectors.trace_calls import (
    Place,
    find_place,
    list_batch_lines,
    list_call_lines,
    list_inbox_lines,
    list_outcome_lines,
)
from campaigns.selectors.trace_text import find_language, tell_text
from campaigns.selectors.trace_words import TONES, Line, tell_outcome

MOST_SUBJECTS = 20
MOST_DEVICES = 20
MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a text may mean: a person, one device, or one device of a person."""

    person: Person | None
    device: Device | None

    @property
    def term(self) -> str:
        """What to type for exactly this one."""
        if self.device is not None:
            return f"device {self.device.pk}"
        return f"person {self.person.pk}" if self.person else ""

    @property
    def name(self) -> str:
        """How people call them."""
        return " · ".join(str(one) for one in (self.person, self.device) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One recipient of one part, or one who might have been: the sum of it, then its reasons."""

    kind: str
    pk: int
    name: str
    part: Part
    outcome: str
    words: str
    tone: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What there is to say. With more than one of `subjects` it is not clear who is meant, and
    nothing is traced; without any nobody here has this id."""

    who: str
    subjects: tuple[Subject, ...] = ()
    notes: tuple[str, ...] = ()
    recipients: tuple[Traced, ...] = ()


def trace_transfer(
    transfer: Transfer, who: str, principal: Any, *, may_see_calls: bool = False
) -> Trace:
    """Why whoever `who` means (as the search takes it) got the transfer or not.

    With `may_see_calls` the scrubbed calls and answers are told, too.
    """
    subjects = find_subjects(who, principal)
    if len(subjects) != 1:
        return Trace(who=who, subjects=subjects, notes=tuple(_tell_nobody(transfer, who, subjects)))
    [subject] = subjects
    devices = _list_devices(transfer, subject)
    recipients = tuple(_trace_all(transfer, subject, devices, may_see_calls))
    notes = tuple(_tell_notes(transfer, subject, devices))
    return Trace(who=who, subjects=subjects, notes=notes, recipients=recipients)


def find_subjects(who: str, principal: Any) -> tuple[Subject, ...]:
    """Whom the text may mean, of what the principal sees; at most 20."""
    matches = find_matches(who, principal)
    persons = Person.objects.in_bulk({one.pk for one in matches if one.kind == "person"})
    ids = IdList(one.pk for one in matches if one.kind == "device")
    devices = Device.objects.filter(pk__in=ids).select_related("person", "app").in_bulk()
    found: dict[str, Subject] = {}
    for match in matches:
        device = devices.get(match.pk) if match.kind == "device" else None
        if device is not None and device.person_id in persons:
            continue  # who is traced with all of their devices anyway
        person = device.person if device else persons.get(match.pk)
        subject = Subject(person, device)
        found.setdefault(subject.term, subject)
    return tuple(found.values())[:MOST_SUBJECTS]


def _tell_nobody(transfer: Transfer, who: str, subjects: Sequence[Subject]) -> Iterator[str]:
    if subjects:
        return
    yield _("Nobody here has this id.")
    if was_named(transfer, who.strip()):
        yield _("A script named just this id; nobody had it when the audience was frozen.")


def _list_devices(transfer: Transfer, subject: Subject) -> list[Device]:
    """The devices of the transfer's app that are to be traced."""
    rows = Device.objects.filter(app=transfer.app_id).select_related("person", "app")
    if subject.device is not None and subject.device.app_id == transfer.app_id:
        return list(rows.filter(pk=subject.device.pk))
    if subject.person is None:
        return []
    return list(rows.filter(person=subject.person).order_by("-is_primary", "pk")[:MOST_DEVICES])


def _tell_notes(transfer: Transfer, subject: Subject, devices: Sequence[Device]) -> Iterator[str]:
    app = transfer.app.name
    if subject.device is not None and subject.device.app_id != transfer.app_id:
        names = {"theirs": subject.device.app.name, "app": app}
        yield _("This is a device of %(theirs)s; the transfer is one of %(app)s.") % names
    if not devices:
        yield _("They have no device in %(app)s, so no push of it can reach them.") % {"app": app}
    if transfer.status == Transfer.Status.PAUSED:
        yield _("The transfer is paused.")
    if _is_pruned(transfer):
        yield _("It is so long ago that what became of single recipients is no longer kept.")


def _is_pruned(transfer: Transfer) -> bool:
    """Whether somebody was settled and nobody's row is left."""
    if not transfer.finished_at or not transfer.audience:
        return False
    parts = transfer.parts.filter(counters__isnull=False).values_list("pk", flat=True)
    ids = list(parts.distinct()[:MOST_PARTS])
    # Ids that nobody knows are counted and have no row of their own.
    if transfer.parts.filter(rejected_ids__isnull=False).exists():
        return False
    return bool(ids) and not Delivery.objects.filter(part_id__in=ids).exists()


def _trace_all(
    transfer: Transfer, subject: Subject, devices: Sequence[Device], may_see_calls: bool
) -> Iterator[Traced]:
    parts = transfer.parts.select_related(
        "message", "transfer__app", "transfer__campaign"
    ).order_by("number")
    for part in parts[:MOST_PARTS]:
        if part.kind == Part.Kind.DEVICE:
            for device in devices:
                yield _trace_device(part, device, may_see_calls)
        elif subject.person is not None:
            yield _trace_person(part, subject.person, may_see_calls)


def _trace_device(part: Part, device: Device, may_see_calls: bool) -> Traced:
    place = find_place(part, device.pk, device.platform)
    is_in = place.delivery is not None or place.batch is not None
    lines = [
        *list_audience_lines(part, device, None if place.is_unclear else is_in),
        *list_bar_lines(part, device.person, device, place.delivery, is_in=is_in),
        *list_state_lines(device, place.delivery),
        *list_route_lines(part, device.platform, place.batch),
        *_list_text_lines(part, place, device, device.person),
        *list_batch_lines(place, part.transfer),
        *list_call_lines(place, may_see_calls=may_see_calls),
        *list_inbox_lines(part, device.pk),
        *list_outcome_lines(place),
        *_list_handover_lines(place),
    ]
    return _sum_up("device", device.pk, str(device), place, is_in, lines)


def _trace_person(part: Part, person: Person, may_see_calls: bool) -> Traced:
    """A later step, or a text to the person's own address."""
    place = _find_person(part, person)
    handed = StepMember.objects.filter(part=part, person_id=place.recipient).exists()
    is_in = handed or place.delivery is not None or place.batch is not None
    lines = [
        _tell_handed(part, person, is_in),
        *list_bar_lines(part, person, None, place.delivery, is_in=is_in),
        *_list_address_lines(part, person),
        *list_route_lines(part, part.channel, place.batch),
        *_list_text_lines(part, place, None, person),
        *list_batch_lines(place, part.transfer),
        *list_call_lines(place, may_see_calls=may_see_calls),
        *list_outcome_lines(place),
        *_list_handover_lines(place),
    ]
    return _sum_up("person", person.pk, str(person), place, is_in, lines)


def _list_text_lines(
    part: Part, place: Place, device: Device | None, person: Person | None
) -> Iterator[Line]:
    if place.batch is not None:
        language = find_language(part, place.delivery, device, person)
        yield tell_text(part, place.batch, language)


def _find_person(part: Part, person: Person) -> Place:
    """Their place, or that of somebody who was merged into them."""
    merged = PersonMerge.objects.filter(person=person, undone_at__isnull=True)
    for pk in (person.pk, *merged.values_list("gone_id", flat=True)):
        place = find_place(part, pk, part.channel)
        if place.delivery is not None or place.batch is not None:
            return place
    return find_place(part, person.pk, part.channel)


def _tell_handed(part: Part, person: Person, is_in: bool) -> Line:
    if is_in and part.step:
        words = _("Handed on to step %(step)d: nothing had come back from the step before.")
        return Line(code="handover", words=words % {"step": part.step + 1}, tone="good")
    if is_in:
        return Line(code="audience", words=_("A script named them."), tone="good")
    if not part.step:
        words = _("A script named the recipients one by one; they are not one of them.")
        return Line(code="named", words=words, tone="bad")
    if StepLead.objects.filter(part__transfer=part.transfer_id, person_id=person.pk).exists():
        words = _("The vendor runs the steps: it has their address and tells what it came to.")
        return Line(code="handover", words=words)
    words = _(
        "Not handed on to step %(step)d: the step before has reached them, waits or had them not."
    )
    return Line(code="handover", words=words % {"step": part.step + 1}, tone="warn")


def _list_address_lines(part: Part, person: Person) -> Iterator[Line]:
    column = {"sms": person.phone, "email": person.email}.get(part.channel)
    if column == "":
        words = _("They have no address for %(channel)s now.") % {"channel": part.channel}
        yield Line(code="address", words=words, tone="bad")


def _list_handover_lines(place: Place) -> Iterator[Line]:
    """When whoever has not answered goes on to the next step."""
    if place.part.wait is None:
        return
    rows = Handover.objects.filter(part=place.part)
    mine = rows.filter(batch=place.batch) if place.batch else rows.filter(batch__isnull=True)
    handover = mine.first()
    if handover is None:
        return
    done = _("The wait for an answer is over; who had not answered went on.")
    waits = _("Waits for an answer; without one the next step follows.")
    yield Line(
        code="wait",
        words=done if handover.done_at else waits,
        at=handover.done_at or handover.due_at,
    )


def _sum_up(kind: str, pk: int, name: str, place: Place, is_in: bool, lines: list[Line]) -> Traced:
    delivery = place.delivery
    if delivery is not None:
        outcome, words = delivery.outcome, tell_outcome(delivery.outcome, delivery.reason)
    elif is_in:
        outcome, words = "pending", _("On its way: not settled yet.")
    elif place.part.transfer.frozen_at is None and not place.part.step:
        outcome, words = "", _("Not decided yet.")
    elif place.is_unclear:
        outcome, words = "", _("Not known: too many recipients still wait to look for one.")
    else:
        outcome, words = "", _("It was not for them.")
    tone = TONES.get(outcome, "warn" if outcome else "")
    return Traced(
        kind=kind, pk=pk, name=name, part=place.part, outcome=outcome, words=words, tone=tone,
        lines=tuple(lines),
    )  # fmt: skip
