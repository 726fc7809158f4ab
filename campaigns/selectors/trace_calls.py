"""How one recipient of a part was sent to: the batch, its calls, the outcome, what came back."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Correction,
    Delivery,
    Exchange,
    InboxItem,
    Part,
    ReceiptRow,
    Transfer,
)
from campaigns.selectors.trace_places import Place
from campaigns.selectors.trace_words import TONES, Dated, Line, tell_outcome, tell_reason

MOST_CALLS = 20
MOST_EXCHANGES = 3  # of one call
MOST_WORDS = 600  # of what a vendor said
TAKEN = {"accepted", "delivered"}  # calls of which most recipients were sent to
CALL_TONES = {"failed": "bad", **dict.fromkeys(TAKEN, "good")}


def list_batch_lines(place: Place, transfer: Transfer) -> Iterator[Line]:
    """How far the batch is."""
    batch = place.batch
    if batch is None:
        return
    yield Line(
        code="batch",
        words=ngettext(
            "Batch %(pk)d, with %(count)d recipient: %(state)s.",
            "Batch %(pk)d, with %(count)d recipients: %(state)s.",
            batch.count,
        )
        % {"pk": batch.pk, "count": batch.count, "state": batch.get_state_display()},
        at=batch.due_at,
        details=tuple(_tell_batch(batch, transfer)),
    )


def _tell_batch(batch: Batch, transfer: Transfer) -> Iterator[str]:
    if batch.form == Batch.Form.AUDIENCE:
        yield _(
            "The vendor was told whom it is for and chose itself; whom it reached it alone sees."
        )
    if batch.retries:
        yield _("Tried again %(count)d times.") % {"count": batch.retries}
    if batch.state == Batch.State.READY:
        yield Dated(_("Due at %(at)s."), batch.due_at)
    if batch.state == Batch.State.LEASED and batch.lease_until:
        yield Dated(_("A worker has it until %(at)s."), batch.lease_until)
    expires_at = batch.expires_at or transfer.expires_at
    if expires_at:
        yield Dated(_("Not sent after %(at)s."), expires_at)


def list_call_lines(place: Place, *, may_see_calls: bool) -> Iterator[Line]:
    """Each call that covered them, with what the vendor said."""
    if place.batch is None:
        return
    calls = Attempt.objects.filter(batch=place.batch, first__lte=place.index)
    calls = calls.filter(last__gte=place.index).select_related("account").order_by("-pk")
    newest = list(calls[:MOST_CALLS])
    if place.delivery and place.delivery.attempt_id not in {call.pk for call in newest}:
        newest += Attempt.objects.filter(pk=place.delivery.attempt_id).select_related("account")
    for call in sorted(newest, key=lambda one: int(one.pk)):
        # What was settled already is in no later call.
        if place.delivery is None or _may_cover(call, place.delivery):
            is_own = place.delivery is not None and place.delivery.attempt_id == call.pk
            yield _tell_call(call, place.delivery if is_own else None, may_see_calls)


def _may_cover(call: Attempt, delivery: Delivery) -> bool:
    return call.pk == delivery.attempt_id or call.started_at <= delivery.at


def _tell_call(call: Attempt, own: Delivery | None, may_see_calls: bool) -> Line:
    """`own` is what this very call came to for the recipient, None where it settled nothing."""
    covered = call.last - call.first + 1
    outcome = call.outcome or _("no answer yet")
    words = _("Call to %(account)s: %(outcome)s.")
    tone = CALL_TONES.get(call.outcome, "warn")
    said: dict[str, str] = {}
    if own is not None and own.outcome != "sent" and call.outcome in TAKEN:
        words = _("The call to %(account)s was accepted; of this recipient it says: %(own)s")
        tone, said = TONES.get(own.outcome, "warn"), {"own": tell_outcome(own.outcome, own.reason)}
    return Line(
        code="call",
        words=words % {"account": call.account.name, "outcome": outcome, **said},
        at=call.started_at,
        tone=tone,
        details=tuple(_list_details(call, own, covered, may_see_calls)),
    )


def _list_details(
    call: Attempt, own: Delivery | None, covered: int, may_see_calls: bool
) -> Iterator[str]:
    """What bears it out. A call of several keeps the words of one of them, who may be another: they
    are told as said of the whole call, and not at all of whom it has sent to."""
    is_taken = call.outcome in TAKEN and (own is None or own.outcome == "sent")
    words = [tell_reason(call.reason) if call.reason else "", call.words]
    if covered == 1 or not is_taken:
        yield from (_say_of_all(text, covered) for text in words if text)
    if call.reference:
        yield _("The vendor's reference: %(text)s") % {"text": call.reference}
    if may_see_calls:
        yield from (_say_of_all(text, covered) for text in _tell_exchanges(call))


def _say_of_all(text: str, covered: int) -> str:
    if covered == 1:
        return text
    words = _("In the answer to the whole call, which had %(count)d recipients: %(text)s")
    return words % {"count": covered, "text": text}


def _tell_exchanges(call: Attempt) -> list[str]:
    rows = Exchange.objects.filter(batch_id=call.batch_id, attempt_id=call.pk).order_by("pk")
    return [
        f"{row.method} {row.url} → {row.status or _('no answer')} {row.response[:MOST_WORDS]}"
        for row in rows[:MOST_EXCHANGES]
    ]


def list_outcome_lines(place: Place) -> Iterator[Line]:
    """The outcome, corrections of it, and what came back."""
    delivery = place.delivery
    if delivery is None:
        return
    account = Account.objects.filter(pk=delivery.account_id).first()
    yield Line(
        code="outcome",
        words=tell_outcome(delivery.outcome, delivery.reason),
        at=delivery.at,
        tone=TONES.get(delivery.outcome, "warn"),
        details=(_("By the account %(name)s.") % {"name": account.name},) if account else (),
    )
    yield from _list_corrections(delivery)
    yield from _list_receipts(delivery)


def _list_corrections(delivery: Delivery) -> Iterator[Line]:
    rows = Correction.objects.filter(
        Q(recipient=delivery.recipient)
        | Q(recipient__isnull=True, attempt_id=delivery.attempt_id, reason=delivery.reason),
        part=delivery.part_id,
        new=delivery.outcome,
    )
    for row in rows.order_by("pk")[:MOST_CALLS]:
        words = ngettext(
            "Corrected from %(old)s to %(new)s.",
            "Corrected from %(old)s to %(new)s, with %(count)d recipients in all.",
            row.count,
        )
        yield Line(
            code="correction",
            words=words % {"old": row.old, "new": row.new, "count": row.count},
            at=row.at,
            tone=TONES.get(row.new, "warn"),
            details=(row.evidence, row.actor),
        )


def _list_receipts(delivery: Delivery) -> Iterator[Line]:
    came = ReceiptRow.objects.filter(part_id=delivery.part_id, recipient=delivery.recipient)
    rows = list(came.order_by("at", "kind"))
    for row in rows:
        tone = "bad" if row.kind == "unregistered" else "good"
        words = _("Came back: %(kind)s.") % {"kind": row.kind}
        yield Line(code="receipt", words=words, at=row.at, tone=tone)
    if not rows and delivery.outcome == "sent":
        words = _(
            "Nothing has come back: whether it was delivered, shown or opened is not reported."
        )
        yield Line(code="receipt", words=words)


def list_inbox_lines(part: Part, device: int) -> Iterator[Line]:
    """Whether it waits for the device itself."""
    item = InboxItem.objects.filter(part=part, device=device).first()
    if item is None:
        return
    details = (Dated(_("It is kept until %(at)s."), item.expires_at),)
    if item.pulled_at:
        words = _("The app has pulled it from its inbox.")
        yield Line(code="inbox", words=words, at=item.pulled_at, tone="good")
        return
    words = _("It waits in the device's inbox; the app has not pulled it.")
    yield Line(code="inbox", words=words, at=item.created_at, tone="warn", details=details)
