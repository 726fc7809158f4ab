"""A vendor that knows a call by its key: the same call twice is taken once."""

from __future__ import annotations

from tests.chaos.dialects import make_dialect

DIALECT = make_dialect("keyed")
