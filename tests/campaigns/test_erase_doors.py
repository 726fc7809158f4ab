"""What vendors tell at their hooks, and what files brought, names nobody after an erasure."""

from __future__ import annotations

import pytest

from campaigns.models import Device, Exchange, JobPiece
from tests.campaigns import importing
from tests.campaigns.test_erase import MARKER, erase, grep
from tests.compat.test_hooks_played import (
    CALLING,
    PEOPLE,
    add_device,
    count_receipts,
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
    planted = grep(MARKER)
    known = (count_receipts(), Exchange.objects.count())

    job = erase(app, TOKEN, now, kind="token")

    assert planted
    assert job.counts["devices"] == 1
    assert grep(MARKER) == []
    assert (count_receipts(), Exchange.objects.count()) == known
    assert Device.objects.count() == PEOPLE


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

    assert left_out.count(MARKER) == 2
    assert job.counts["persons"] == 1
    assert grep(MARKER) == []
    assert "bobs" in importing.read_left_out(one.check_job)
    assert JobPiece.objects.filter(job=job).count() == 0
