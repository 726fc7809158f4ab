"""An id is a whole number that a row can have, written in plain digits."""

from __future__ import annotations

import pytest

from campaigns.selectors.row_ids import MAX_ID, read_id


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("007", 7),
        (str(MAX_ID), MAX_ID),
        (str(MAX_ID + 1), 0),
        ("9" * 5_000, 0),  # int() itself refuses so many
        ("-1", 0),
        ("", 0),
        ("1.5", 0),
        ("\u0661\u0662", 0),  # digits of elsewhere
        ("\u00b2", 0),
    ],
)
def test_what_no_row_can_have_is_nobodys(text: str, number: int) -> None:
    assert read_id(text) == number
