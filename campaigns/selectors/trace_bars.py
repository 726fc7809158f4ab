"""What bars somebody from a part: an opt-out, and entries of the suppression list that hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import App, Delivery, Device, Part, Person, Suppression
from campaigns.models.bulk import TextList
from campaigns.selectors.aliases import read_former
from campaigns.selectors.left_out import select_suppressing
from campaigns.selectors.seals import Sealer
from campaigns.selectors.trace_words import Dated, Line
from providers.outcomes import Reason
from providers.recipients import TOKEN_KIND, PersonKind

BARS = frozenset({Reason.OPTED_OUT.value, Reason.SUPPRESSED.value})


def list_bar_lines(
    part: Part,
    person: Person | None,
    device: Device | None,
    delivery: Delivery | None,
    *,
    is_in: bool,
) -> Iterator[Line]:
    """What stops a message of the part's channel to them, by the rule of the submit
    (dispatch.bars); else, of somebody who is in the audience, that nothing does.

    With a `delivery` it is what held when they were settled, and what has been added since.
    """
    moment = delivery.at if delivery is not None else timezone.now()
    lines = [
        *_list_opt_outs(person, moment),
        *(_tell_entry(row, moment) for row in _select_entries(part, person, device, moment)),
    ]
    was_barred = delivery is not None and delivery.reason in BARS
    if is_in and not was_barred and all(line.tone != "bad" for line in lines):
        words = _("Not suppressed, and not opted out.")
        yield Line(code="not_suppressed", words=words, tone="good")
    yield from lines


def _list_opt_outs(person: Person | None, moment: datetime) -> Iterator[Line]:
    if person is None or not person.opted_out_at:
        return
    is_since = person.opted_out_at > moment
    words = _("The person has opted out of everything.")
    if is_since:
        words = _("The person has opted out of everything since.")
    yield Line(
        code="opted_out",
        words=words,
        at=person.opted_out_at,
        tone="warn" if is_since else "bad",
        details=(person.opt_out_reason,) if person.opt_out_reason else (),
    )


def _select_entries(
    part: Part, person: Person | None, device: Device | None, moment: datetime
) -> Iterator[Suppression]:
    app = part.transfer.app
    rows = select_suppressing(app, moment, part.channel)
    known = rows.filter(seal__in=TextList(_list_seals(app, person, device)))
    return known.order_by("pk").iterator()


def _tell_entry(row: Suppression, moment: datetime) -> Line:
    is_since = row.created_at > moment
    words = _("On the suppression list by %(kind)s: %(reason)s.")
    if is_since:
        words = _("Since then on the suppression list by %(kind)s: %(reason)s.")
    until = Dated(_("until %(at)s"), row.until) if row.until else ""
    details = (row.masked, row.get_channel_display(), until, row.source)
    return Line(
        code="suppressed",
        words=words % {"kind": row.kind, "reason": row.get_reason_display()},
        at=row.created_at,
        tone="warn" if is_since else "bad",
        details=tuple(text for text in details if text),
    )


def _list_seals(app: App, person: Person | None, device: Device | None) -> list[str]:
    held = [(kind.value, getattr(person, kind.value)) for kind in PersonKind] if person else []
    if person is not None:  # whoever was merged into them means them by now
        held += [(kind, value) for _pk, kind, value in read_former("person", [person.pk])]
    if device is not None:
        held.append((TOKEN_KIND, device.token))
        held += device.identifiers.values_list("kind", "value")
    sealer = Sealer()
    return [sealer.seal(app.workspace_id, kind, value) for kind, value in held if value]
