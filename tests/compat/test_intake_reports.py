"""Totals, days and single recipients as scripts are told, and nothing of others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from campaigns.errors import Invalid, NotFound
from campaigns.models import (
    Counter,
    Delivery,
    DeviceIdentifier,
    Message,
    Part,
    ReceiptRow,
    Submission,
    Transfer,
)
from campaigns.models.audience import hash64
from campaigns.selectors.outcomes import Asked, find_outcomes
from campaigns.services import intake
from campaigns.services.callers import Caller
from providers.outcomes import Outcome, Reason
from providers.receipts import ReceiptKind
from providers.recipients import TOKEN_KIND
from providers.reports import FetchDays, FetchOutcomes, FetchTotals
from tests import builders
from tests.compat.conftest import OPEN, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def caller(app):
    return Caller(make_key(app)[0], OPEN[0], NOW)


@pytest.fixture
def make_transfer(app):
    def make(where=app, **fields):
        values = {"status": "sent", "frozen_at": NOW, "finished_at": NOW, **fields}
        transfer = Transfer.objects.create(
            app=where, group=where.groups.get(), status_since=NOW, due_at=NOW, created_at=NOW,
            **values,
        )  # fmt: skip
        message = Message.objects.create(app=where, content={"body": "There"})
        Part.objects.create(transfer=transfer, message=message, audience=1)
        return transfer

    return make


def settle(transfer, device, outcome, reason=""):
    Delivery.objects.create(
        part_id=transfer.parts.get().pk, recipient=device.pk, at=NOW, cohort_id=0,
        outcome=outcome, reason=reason,
    )  # fmt: skip


def count_sent(transfer, number):
    Counter.objects.create(
        part=transfer.parts.get(), platform="android", outcome="sent", count=number
    )


def test_totals_are_asked_for_by_our_ids_and_unknown_ones_are_left_out(caller, make_transfer):
    first, second = make_transfer(), make_transfer()
    count_sent(second, 7)

    told = intake.execute(
        FetchTotals(transfers=(str(second.pk), str(first.pk), "9999", "none")), caller
    )

    assert [(row.transfer, row.total.sent) for row in told.rows] == [
        (str(first.pk), 0), (str(second.pk), 7),
    ]  # fmt: skip


def test_a_whole_call_is_asked_for_by_the_callers_id_or_by_ours(caller, app, make_transfer):
    call = Submission.objects.create(
        workspace=app.workspace, app=app, door=caller.dialect.key, client_key="bulk-1",
        reference="ours", created_at=NOW,
    )  # fmt: skip
    transfers = [make_transfer(submission=call), make_transfer(submission=call)]
    make_transfer()

    by_theirs = intake.execute(FetchTotals(reference="bulk-1"), caller)
    by_ours = intake.execute(FetchTotals(reference="ours"), caller)

    assert by_theirs == by_ours
    assert [row.transfer for row in by_ours.rows] == [str(row.pk) for row in transfers]


def test_a_bulk_of_another_door_is_not_there(caller, app):
    Submission.objects.create(
        workspace=app.workspace, app=app, door="another", client_key="bulk-1", created_at=NOW
    )

    with pytest.raises(NotFound):
        intake.execute(FetchTotals(reference="bulk-1"), caller)


def test_totals_by_tag_keep_to_the_days(caller, make_transfer):
    old = make_transfer(tag="spring")
    Transfer.objects.filter(pk=old.pk).update(created_at=NOW - timedelta(days=9))
    new = make_transfer(tag="spring")
    make_transfer(tag="autumn")
    day = NOW.date()

    told = intake.execute(FetchTotals(tags=("spring",), date_from=day, date_to=day), caller)

    assert [row.transfer for row in told.rows] == [str(new.pk)]


def test_nobody_is_told_of_anothers_transfers(caller, workspace, make_transfer):
    other = builders.make_app(workspace, "other")
    foreign = make_transfer(where=other)
    command = FetchOutcomes(transfers=(str(foreign.pk),), kind=TOKEN_KIND, values=("t",))

    totals = intake.execute(FetchTotals(transfers=(str(foreign.pk),)), caller)
    outcomes = intake.execute(command, caller)

    assert totals.rows == outcomes.rows == ()


@pytest.mark.parametrize(
    ("first", "last"), [(date(2026, 1, 2), date(2026, 1, 1)), (date(2025, 1, 1), date(2026, 1, 2))]
)
def test_days_are_in_order_and_not_too_many(caller, app, first, last):
    with pytest.raises(Invalid):
        intake.execute(FetchDays(app=str(app.pk), date_from=first, date_to=last), caller)


def test_each_recipient_that_is_asked_for_is_told_of(caller, app, make_transfer):
    transfer = make_transfer()
    sent, failed = (builders.make_device(app, token) for token in ("sent", "failed"))
    settle(transfer, sent, "sent")
    settle(transfer, failed, "failed", "token")
    ReceiptRow.objects.create(
        part_id=transfer.parts.get().pk, recipient=sent.pk, kind="opened",
        at=NOW + timedelta(minutes=1),
    )  # fmt: skip
    values = ("sent", "failed", "nobody")

    told = intake.execute(
        FetchOutcomes(transfers=(str(transfer.pk),), kind=TOKEN_KIND, values=values), caller
    )

    assert [(row.value, row.outcome, row.reason) for row in told.rows] == [
        ("sent", Outcome.DELIVERED, None),
        ("failed", Outcome.FAILED, Reason.TOKEN),
        ("nobody", Outcome.FAILED, Reason.UNKNOWN_ID),
    ]
    assert set(told.rows[0].receipts) == {ReceiptKind.OPENED}
    assert told.rows[0].done_at - told.rows[0].sent_at == timedelta(minutes=1)


def test_who_is_pending_has_no_outcome_yet(caller, app, make_transfer):
    transfer = make_transfer(status="sending", finished_at=None)
    builders.make_device(app, "waits")

    told = intake.execute(
        FetchOutcomes(transfers=(str(transfer.pk),), kind=TOKEN_KIND, values=("waits",)), caller
    )

    assert (told.rows[0].outcome, told.rows[0].platform) == (None, "android")


def test_without_names_everybody_who_is_settled_is_told_of(caller, app, make_transfer):
    transfer = make_transfer()
    for token in ("one", "two", "three"):
        settle(transfer, builders.make_device(app, token), "sent")
    command = FetchOutcomes(transfers=(str(transfer.pk),), kind=TOKEN_KIND, limit=2)

    told = intake.execute(command, caller)

    assert [row.value for row in told.rows] == ["one", "two"]


def test_who_gets_a_later_step_is_no_device_of_that_number(caller, app, make_transfer):
    """Persons whose numbers are those of devices: another tenant's, and one of the app's own."""
    transfer = make_transfer(has_steps=True)
    settle(transfer, builders.make_device(app, "pushed"), "sent")
    unsent = builders.make_device(app, "unsent")
    foreign = builders.make_device(
        builders.make_app(builders.make_workspace("other"), "theirs"), "theirs"
    )
    mail = Part.objects.create(
        transfer=transfer, message=transfer.parts.get().message, number=1, step=1,
        kind=Part.Kind.PERSON, channel="email",
    )  # fmt: skip
    for device in (unsent, foreign):
        builders.make_person(app.workspace, device.token, pk=device.pk)
        Delivery.objects.create(
            part_id=mail.pk, recipient=device.pk, at=NOW, cohort_id=0, outcome="sent"
        )
        DeviceIdentifier.objects.create(
            app=device.app, device=device, kind="registration_id", value=f"r-{device.token}",
            value_hash=hash64(f"r-{device.token}"),
        )  # fmt: skip
    ask = partial(FetchOutcomes, transfers=(str(transfer.pk),))

    by_token = intake.execute(ask(kind=TOKEN_KIND), caller)
    by_id = intake.execute(ask(kind="registration_id"), caller)
    named = intake.execute(ask(kind=TOKEN_KIND, values=("unsent",)), caller)

    assert [row.value for row in by_token.rows] == ["pushed"]
    assert by_id.rows == ()
    assert [row.reason for row in named.rows] == [Reason.UNKNOWN_ID]


def test_a_device_of_another_app_is_never_named(caller, app, make_transfer):
    """Whatever the books say."""
    transfer = make_transfer()
    foreign = builders.make_device(builders.make_app(app.workspace, "other"), "theirs")
    settle(transfer, foreign, "sent")
    DeviceIdentifier.objects.create(
        app=foreign.app, device=foreign, kind="registration_id", value="r", value_hash=hash64("r")
    )
    kinds = (TOKEN_KIND, "registration_id")

    told = [
        intake.execute(FetchOutcomes(transfers=(str(transfer.pk),), kind=kind), caller).rows
        for kind in kinds
    ]

    assert told == [(), ()]


def test_a_person_has_no_platform(app, make_transfer):
    transfer, device = make_transfer(), builders.make_device(app, "phone")
    settle(transfer, device, "sent")
    part = transfer.parts.get()

    as_device = find_outcomes([Asked((part.pk,), (device.pk,), is_over=True)])
    Part.objects.update(kind=Part.Kind.PERSON)
    as_person = find_outcomes([Asked((part.pk,), (device.pk,), is_over=True)])

    assert [one.platform for one in (*as_device, *as_person)] == ["android", ""]
