"""Why one person or device got a transfer or not: every reason in its order, for anyone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext as _

from campaigns.models import (
    Delivery,
    Device,
    Handover,
    Part,
    Person,
    PersonMerge,
    StepLead,
    Transfer,
)
from campaigns.models.bulk import IdList
from campaigns.selectors.lookup import Match, find_matches, is_beginning
from campaigns.selectors.trace_audience import (
    list_audience_lines,
    list_route_lines,
    list_state_lines,
    was_named,
)
from campaigns.selectors.trace_bars import list_bar_lines
from campaigns.selectors.trace_calls import (
    list_batch_lines,
    list_call_lines,
    list_inbox_lines,
    list_outcome_lines,
)
from campaigns.selectors.trace_choice import (
    Key,
    Rest,
    Spot,
    Window,
    choose_spots,
    list_rest,
    order_spots,
    tell_sum,
)
from campaigns.selectors.trace_places import Pair, Place, Standing, find_place, find_standing
from campaigns.selectors.trace_text import find_language, tell_text
from campaigns.selectors.trace_words import TONES, Line

MOST_SUBJECTS = 20
MOST_DEVICES = 500  # of one person, who are looked for
MOST_LETTERS = 60_000  # of what is told one by one, so that a page of it stays small
MOST_COUNTED = 20  # parts of which it is looked whether anything is left


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

    @property
    def letters(self) -> int:
        """How much there is to read."""
        return sum(len(line.words) + sum(map(len, line.details)) for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What there is to say. With more than one of `subjects` it is not clear who is meant, and
    nothing is traced; so it is where these `only_begin` so: nobody has the id as a whole. Without
    any nobody here has it. `rest` is what is true of those parts and devices of theirs that come
    behind the `recipients`, and `last` the place behind which."""

    who: str
    subjects: tuple[Subject, ...] = ()
    only_begin: bool = False
    notes: tuple[str, ...] = ()
    recipients: tuple[Traced, ...] = ()
    rest: tuple[Rest, ...] = ()
    last: Key | None = None


def trace_transfer(
    transfer: Transfer,
    who: str,
    principal: Any,
    *,
    part: int | None = None,
    window: Window | None = None,
    may_see_calls: bool = False,
) -> Trace:
    """Why whoever `who` means (as the search takes it) got the transfer or not; with the number
    of a `part`, that one alone; with a `window` those who stand in it, to the last of them.

    With `may_see_calls` the scrubbed calls and answers are told, too.
    """
    matches = find_matches(who, principal)
    subjects, only_begin = find_subjects(matches), is_beginning(matches)
    if only_begin or len(subjects) != 1:
        notes = () if subjects and not only_begin else tuple(_tell_nobody(transfer, who.strip()))
        return Trace(who=who, subjects=subjects, only_begin=only_begin, notes=notes)
    [subject] = subjects
    devices = _list_devices(transfer, subject)
    parts = _list_parts(transfer, part)
    notes = tuple(_tell_notes(transfer, subject, devices, parts))
    tracer = _Tracer(transfer, subject, devices[:MOST_DEVICES], may_see_calls)
    recipients, rest, last = tracer.tell(parts, window)
    return Trace(
        who=who, subjects=subjects, notes=notes, recipients=recipients, rest=rest, last=last
    )


def find_subjects(matches: Sequence[Match]) -> tuple[Subject, ...]:
    """Whom a text may mean, by what was found; at most 20."""
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


def _tell_nobody(transfer: Transfer, who: str) -> Iterator[str]:
    if who.endswith("*"):  # a beginning was asked for
        return
    yield _("Nobody here has this id.")
    if was_named(transfer, who):
        yield _("A script named just this id; nobody had it when the audience was frozen.")


def _list_devices(transfer: Transfer, subject: Subject) -> list[Device]:
    """The devices of the transfer's app that are to be traced."""
    rows = Device.objects.filter(app=transfer.app_id).select_related("person", "app")
    if subject.device is not None and subject.device.app_id == transfer.app_id:
        return list(rows.filter(pk=subject.device.pk))
    if subject.person is None:
        return []
    mine = rows.filter(person=subject.person).order_by("-is_primary", "pk")
    return list(mine[: MOST_DEVICES + 1])


def _list_parts(transfer: Transfer, number: int | None) -> list[Part]:
    parts = transfer.parts.order_by("number").only("number", "kind", "step", "channel", "transfer")
    return list(parts if number is None else parts.filter(number=number))


def _tell_notes(
    transfer: Transfer, subject: Subject, devices: Sequence[Device], parts: Sequence[Part]
) -> Iterator[str]:
    app = transfer.app.name
    if subject.device is not None and subject.device.app_id != transfer.app_id:
        names = {"theirs": subject.device.app.name, "app": app}
        yield _("This is a device of %(theirs)s; the transfer is one of %(app)s.") % names
    if not devices:
        yield _("They have no device in %(app)s, so no push of it can reach them.") % {"app": app}
    if len(devices) > MOST_DEVICES:
        words = _("They have more than %(count)d devices; of the others ask by number: device 12.")
        yield words % {"count": MOST_DEVICES}
    if not parts:
        yield _("The transfer has no part with this number.")
    if transfer.status == Transfer.Status.PAUSED:
        yield _("The transfer is paused.")
    if _is_pruned(transfer):
        yield _("It is so long ago that what became of single recipients is no longer kept.")


def _is_pruned(transfer: Transfer) -> bool:
    """Whether somebody was settled and nobody's row is left."""
    if not transfer.finished_at or not transfer.audience:
        return False
    parts = transfer.parts.filter(counters__isnull=False).values_list("pk", flat=True)
    ids = list(parts.distinct()[:MOST_COUNTED])
    # Ids that nobody knows are counted and have no row of their own.
    if transfer.parts.filter(rejected_ids__isnull=False).exists():
        return False
    return bool(ids) and not Delivery.objects.filter(part_id__in=ids).exists()


class _Tracer:
    """Tells of one subject, part by part and device by device."""

    def __init__(
        self, transfer: Transfer, subject: Subject, devices: Sequence[Device], may_see_calls: bool
    ) -> None:
        self.transfer, self.subject, self.devices = transfer, subject, devices
        self.may_see_calls = may_see_calls
        self.persons = _list_persons(subject.person) if subject.person else ()

    def tell(
        self, parts: Sequence[Part], window: Window | None
    ) -> tuple[tuple[Traced, ...], tuple[Rest, ...], Key | None]:
        """Who is told of one by one, what is true of the rest, and who was the last before it."""
        self.standing = self._find_standing(parts)
        spots = list(self._list_spots(parts))
        ordered = order_spots(spots, self.standing)
        if window is not None:
            ordered = [item for item in ordered if item[0] > window.behind]
        told = self._tell_chosen(choose_spots(ordered, window))
        left = {spot.pair for _key, spot in ordered[len(told) :]}
        rest = list_rest((spot for spot in spots if spot.pair in left), self.standing)
        last = ordered[len(told) - 1][0] if left else None
        return tuple(told[spot.pair] for spot in spots if spot.pair in told), rest, last

    def _find_standing(self, parts: Sequence[Part]) -> Standing:
        devices = tuple(device.pk for device in self.devices)
        to_persons = [part for part in parts if part.kind == Part.Kind.PERSON]
        wanted = {part.pk: devices for part in parts} | dict.fromkeys(
            (part.pk for part in to_persons), self.persons
        )
        ways = {device.platform for device in self.devices}
        return find_standing(self.transfer, wanted, ways | {part.channel for part in to_persons})

    def _list_spots(self, parts: Iterable[Part]) -> Iterator[Spot]:
        for part in parts:
            if part.kind == Part.Kind.DEVICE:
                yield from (Spot(part, device.pk, device) for device in self.devices)
            elif self.persons:
                yield Spot(part, self._find_recipient(part), None)

    def _find_recipient(self, part: Part) -> int:
        """Their number, or that of somebody who was merged into them."""
        known = (pk for pk in self.persons if self.standing.has(Pair(part.pk, pk)))
        return next(known, self.persons[0])

    def _tell_chosen(self, spots: Sequence[Spot]) -> dict[Pair, Traced]:
        """The first of them, until that is enough to read."""
        ids = IdList({spot.part.pk for spot in spots})
        rows = self.transfer.parts.filter(pk__in=ids)
        parts = rows.select_related("message", "transfer__app", "transfer__campaign").in_bulk()
        told: dict[Pair, Traced] = {}
        letters = 0
        for spot in spots:
            if letters > MOST_LETTERS:
                break
            told[spot.pair] = self._trace(parts[spot.part.pk], spot)
            letters += told[spot.pair].letters
        return told

    def _trace(self, part: Part, spot: Spot) -> Traced:
        place = find_place(self.standing, part, spot.recipient)
        if spot.device is not None:
            lines = _trace_device(place, spot.device, self.may_see_calls)
            return self._sum_up("device", spot.device, place, lines)
        person = cast(Person, self.subject.person)
        return self._sum_up(
            "person", person, place, _trace_person(place, person, self.may_see_calls)
        )

    def _sum_up(
        self, kind: str, who: Person | Device, place: Place, lines: Iterable[Line]
    ) -> Traced:
        pair = Pair(place.part.pk, place.recipient)
        outcome, words = tell_sum(place.part, pair, self.standing)
        tone = TONES.get(outcome, "warn" if outcome else "")
        return Traced(
            kind=kind, pk=who.pk, name=str(who), part=place.part, outcome=outcome, words=words,
            tone=tone, lines=tuple(lines),
        )  # fmt: skip


def _list_persons(person: Person) -> tuple[int, ...]:
    """Their number, and those of who was merged into them."""
    merged = PersonMerge.objects.filter(person=person, undone_at__isnull=True)
    return (person.pk, *merged.order_by("pk").values_list("gone_id", flat=True))


def _trace_device(place: Place, device: Device, may_see_calls: bool) -> Iterator[Line]:
    part, is_in = place.part, place.is_in
    yield from list_audience_lines(part, device, None if place.is_unclear else is_in)
    yield from list_bar_lines(part, device.person, device, place.delivery, is_in=is_in)
    yield from list_state_lines(device, place.delivery)
    yield from list_route_lines(part, device.platform, place.batch)
    yield from _list_text_lines(part, place, device, device.person)
    yield from list_batch_lines(place, part.transfer)
    yield from list_call_lines(place, may_see_calls=may_see_calls)
    yield from list_inbox_lines(part, device.pk)
    yield from list_outcome_lines(place)
    yield from _list_handover_lines(place)


def _trace_person(place: Place, person: Person, may_see_calls: bool) -> Iterator[Line]:
    """A later step, or a text to the person's own address."""
    part = place.part
    yield _tell_handed(part, person, place.is_in)
    yield from list_bar_lines(part, person, None, place.delivery, is_in=place.is_in)
    yield from _list_address_lines(part, person)
    yield from list_route_lines(part, part.channel, place.batch)
    yield from _list_text_lines(part, place, None, person)
    yield from list_batch_lines(place, part.transfer)
    yield from list_call_lines(place, may_see_calls=may_see_calls)
    yield from list_outcome_lines(place)
    yield from _list_handover_lines(place)


def _list_text_lines(
    part: Part, place: Place, device: Device | None, person: Person | None
) -> Iterator[Line]:
    if place.batch is not None:
        language = find_language(part, place.delivery, device, person)
        yield tell_text(part, place.batch, language)


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
