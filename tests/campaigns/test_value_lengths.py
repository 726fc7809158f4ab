"""Which letters count as nothing to read."""

from __future__ import annotations

import sys

from campaigns.selectors.value_lengths import BLANKS


def test_every_letter_that_python_takes_for_a_blank_is_one():
    assert set(BLANKS) == {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
