"""What vendors tell at their hooks, and what files brought, names nobody after an erasure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from campaigns.dispatch.events import keep_events
from campaigns.dispatch.receipt_tokens import write_receipt_token
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Attempt,
    Batch,
    Correction,
    Device,
    Exchange,
    JobPiece,
    Part,
    Person,
    WaitingEvent,
)
from campaigns.services.erase import start_erasure
from campaigns.services.job_work import drain_jobs
from providers.outcomes import Outcome, Reason
from providers.receipts import OutcomeEvent
from tests import builders
from tests.campaigns import importing
from tests.campaigns.test_erase import AID, MAIL, MARKER, OLD, USER, erase, grep, make_person
from tests.campaigns.test_erase import TOKEN as THEIRS
from tests.compat.test_hooks_played import (
    CALLING,
    PEOPLE,
    add_device,
    count_receipts,
    poll,
    send,
    simulator,
    tell_whom,
)

__all__ = ["send", "simulator"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
TOKEN = f"{MARKER}-phone"


@pytest.mark.parametrize("dialect", CALLING, ids=lambda dialect: dialect.key)
def test_no_vendors_hook_leaves_anything_of_who_is_erased(app, send, simulator, dialect, now):
    add_device(app, dialect, TOKEN)
    where = send(dialect)
    if where:
        tell_whom(simulator, dialect, where)
        assert set(simulator.hooks.call_due()) == {200}
    planted = grep(MARKER)
    known = (count_receipts(), Exchange.objects.count())

    job = erase(app, TOKEN, now, kind="token")

    assert planted
    assert job.counts["devices"] == 1
    assert grep(MARKER) == []
    assert (count_receipts(), Exchange.objects.count()) == known
    assert Device.objects.count() == PEOPLE


@pytest.mark.parametrize("dialect", CALLING, ids=lambda dialect: dialect.key)
def test_what_vendors_tell_later_of_who_is_erased_counts_and_names_nobody(
    app, send, simulator, dialect, now
):
    add_device(app, dialect, TOKEN)
    where = send(dialect)
    erase(app, TOKEN, now, kind="token")

    if where:
        tell_whom(simulator, dialect, where)
        assert set(simulator.hooks.call_due()) == {200}
    poll(2)
    told = count_receipts()
    # Of a call that is not in our books: it waits to be, as it may be early.
    Attempt.objects.update(reference="")
    if where:
        simulator.hooks.told.clear()
        tell_whom(simulator, dialect, where)
        assert set(simulator.hooks.call_due()) == {200}

    assert grep(MARKER) == []
    assert told >= PEOPLE
    assert WaitingEvent.objects.exists() == bool(where)  # of the others


def test_a_late_word_that_names_who_is_erased_is_not_kept_beside_its_outcome(app, send, now):
    add_device(app, CALLING[0], TOKEN)
    send(CALLING[0])
    gone = Device.objects.get(token=TOKEN).pk
    part = Part.objects.get()
    late = [
        OutcomeEvent(
            reference=write_receipt_token(part.pk, pk),
            outcome=Outcome.FAILED,
            at=now,
            reason=Reason.TOKEN,
            message=words,
        )
        for pk, words in ((gone, f"{TOKEN} is gone"), (gone + 1, "d0 is gone"))
    ]
    erase(app, TOKEN, now, kind="token")

    with transaction.atomic():
        for event in late:
            keep_events([event], Account.objects.get(), now)

    assert grep(MARKER) == []
    told = set(Correction.objects.values_list("evidence", "count"))
    assert told == {("The vendor has told so.", 1), ("d0 is gone", 1)}
    assert check_books().faults == []


@pytest.fixture
def erasing(app, send, now):
    """An erasure that has begun while a worker holds the call to whom it erases."""
    add_device(app, CALLING[0], TOKEN)
    send(CALLING[0])
    Batch.objects.update(state="leased", lease_until=now + timedelta(seconds=60))
    owner = builders.make_member("eraser", app.workspace, role="admin")
    return start_erasure(
        owner, app.workspace, [TOKEN.encode()], kind="token", actor="owner", now=now
    )


def test_names_are_not_read_again_while_a_call_is_waited_for(erasing, now):
    drain_jobs(clock=lambda: now)

    with CaptureQueriesContext(connection) as asked:
        drain_jobs(clock=lambda: now + timedelta(seconds=2))

    erasing.refresh_from_db()
    statements = [query["sql"] for query in asked]
    assert erasing.status == "running"
    assert any(Batch._meta.db_table in statement for statement in statements)
    assert not any(JobPiece._meta.db_table in statement for statement in statements)


def test_who_claims_a_call_later_is_not_waited_for(erasing, now):
    drain_jobs(clock=lambda: now)
    Batch.objects.update(fence=F("fence") + 1)

    drain_jobs(clock=lambda: now + timedelta(seconds=2))

    erasing.refresh_from_db()
    assert erasing.status == "done"


def test_what_a_call_on_its_way_writes_down_is_waited_for(erasing, now):
    job = erasing

    for second in range(3):
        drain_jobs(clock=lambda at=now + timedelta(seconds=second): at)
    job.refresh_from_db()
    waiting = (job.status, Device.objects.filter(token=TOKEN).exists())
    Exchange.objects.update(request=f"to {TOKEN}")
    Batch.objects.update(state="done", lease_until=None)
    drain_jobs(clock=lambda: now + timedelta(seconds=5))

    job.refresh_from_db()
    assert waiting == ("running", False)
    assert job.status == "done"
    assert grep(MARKER) == []


def test_no_file_that_was_read_or_left_out_names_who_is_erased(app, now):
    text = (
        "user_id,country,platform,token\n"
        f"{MARKER},DE,android,{TOKEN}\n"
        f"{MARKER},Nowhere,android,another of {TOKEN}\n"
        "bob,Nowhere,android,bobs\n"
        "cid,DE,android,cids\n"
    )
    one = importing.apply(importing.check(importing.upload(app, text, name=f"of {MARKER}.csv")))
    left_out = importing.read_left_out(one.check_job)

    job = erase(app, MARKER, now)
    planted_after = grep(MARKER)
    again = importing.check(importing.upload(app, text, name="again.csv"))
    of_again = importing.read_left_out(again.check_job)

    assert left_out.count(MARKER) == 2
    # Of who was erased it has the lines and why, and not a word of them.
    assert (of_again.count("was erased"), of_again.count(MARKER)) == (2, 0)
    assert "bobs" in of_again
    assert job.counts["persons"] == 1
    assert planted_after == []
    assert "bobs" in importing.read_left_out(one.check_job)
    assert JobPiece.objects.filter(job=job).count() == 0


def test_who_was_erased_comes_back_by_no_file(app, now):
    make_person(app, now)
    erase(app, USER, now)
    files = {
        "user_id,email": (f"{USER},", f"{OLD},", f"new,{MAIL.upper()}", "fine,fine@x.example"),
        "email": (MAIL, "other@x.example"),
        "platform,token,google_aid": (f"android,{THEIRS},", f"android,other-token,{AID}",
                                      "android,fine-token,"),
    }  # fmt: skip

    found = {}
    for heading, rows in files.items():
        checked = importing.check(importing.upload(app, "\n".join((heading, *rows, ""))))
        applied = importing.apply(checked)
        found[heading] = [importing.count(job).get("rejected") for job in
                          (checked.check_job, applied.apply_job)]  # fmt: skip

    people = Person.objects.values_list("external_user_id", "email")
    assert found == {"user_id,email": [3, 3], "email": [1, 1],
                     "platform,token,google_aid": [2, 2]}  # fmt: skip
    assert sorted(people) == [("", "other@x.example"), ("fine", "fine@x.example")]
    assert list(Device.objects.values_list("token", flat=True)) == ["fine-token"]
