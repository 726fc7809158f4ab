"""Whether a batch holds persons or devices is asked of its part, when persons are erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.models import Batch, Message, Part, Transfer
from campaigns.models.packing import pack_cohorts, pack_ids, pack_texts
from campaigns.services.erase import start_erasure
from campaigns.services.job_work import drain_jobs
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
ANN, PHONE = 9_000_001, 9_000_002  # the person, and her device
DEVICES, PERSONS = Part.Kind.DEVICE, Part.Kind.PERSON
# Where which number is hers: a call that names persons to its vendor holds devices all the same.
CASES = [
    (PERSONS, Batch.Form.DEVICE, ANN, True),
    (DEVICES, Batch.Form.PERSON, PHONE, True),
    (DEVICES, Batch.Form.DEVICE, PHONE, True),
    (PERSONS, Batch.Form.DEVICE, PHONE, False),
    (DEVICES, Batch.Form.PERSON, ANN, False),
    (DEVICES, Batch.Form.DEVICE, ANN, False),
]
Make = Callable[..., Batch]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def make_batch(app, now) -> Make:
    person = builders.make_person(app.workspace, "ann-of-the-shop", pk=ANN)
    builders.make_device(app, "phone", pk=PHONE, person=person)

    def make(kind: Part.Kind, form: str, recipient: int, **fields: Any) -> Batch:
        transfer = Transfer.objects.create(
            app=app, group=app.groups.get(), status="sending", status_since=now, due_at=now,
            created_at=now,
        )  # fmt: skip
        message = Message.objects.create(app=app, content={"body": "Hi"})
        part = Part.objects.create(transfer=transfer, message=message, kind=kind)
        return Batch.objects.create(
            part=part, transfer=transfer, app=app, platform="android", form=form, count=1,
            recipients=pack_ids([recipient]), cohorts=pack_cohorts([1]), due_at=now, **fields,
        )  # fmt: skip

    return make


@pytest.fixture
def erase(app, now):
    """Begin to erase Ann; gives how the job stands."""
    owner = builders.make_member("eraser", app.workspace, role="admin")

    def erase() -> str:
        job = start_erasure(
            owner, app.workspace, [b"ann-of-the-shop"], kind="external_user_id", actor="owner",
            now=now,
        )  # fmt: skip
        drain_jobs(clock=lambda: now)
        job.refresh_from_db()
        return str(job.status)

    return erase


@pytest.mark.parametrize("case", CASES)
def test_a_call_with_her_is_waited_for(make_batch, erase, now, case):
    *place, is_hers = case
    make_batch(*place, state="leased", lease_until=now + timedelta(seconds=60))

    assert erase() == ("running" if is_hers else "done")


@pytest.mark.parametrize("case", CASES)
def test_what_was_rendered_for_her_is_forgotten(make_batch, erase, case):
    *place, is_hers = case
    batch = make_batch(*place, texts=pack_texts(["Hi Ann"]))

    assert erase() == "done"

    batch.refresh_from_db()
    assert (batch.texts is None) == is_hers
