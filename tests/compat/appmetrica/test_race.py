"""Two scripts with one client's id at one instant make one transfer, on either database."""

from __future__ import annotations

import pytest

from tests.compat.appmetrica.race import CALLERS
from tests.databases import run_script


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_one_clients_id_makes_one_transfer_whoever_is_faster(tmp_path, own_tables):
    told = run_script("tests.compat.appmetrica.race", tmp_path, own_tables)

    [[transfer, _tag]] = told["same"]["transfers"]
    assert told["same"]["answers"] == [[200, transfer, "spring"]] * CALLERS
    [[transfer, winner]] = told["other"]["transfers"]
    for status, answered, tag in told["other"]["answers"]:
        assert (status, answered) == ((200, transfer) if tag == winner else (409, None))
    assert told["submissions"] == 2
