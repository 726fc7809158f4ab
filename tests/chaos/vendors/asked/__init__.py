"""A vendor that takes the same call twice, but can be asked by our own id what became of it."""

from __future__ import annotations

from providers.contract import Idempotency
from tests.chaos.dialects import STATUS_ROUTE, Teller, make_dialect

DIALECT = make_dialect(
    "asked",
    connect=Teller,
    idempotency=Idempotency.LOOKUP,
    lookup_lag=0.5,
    extra_routes=(STATUS_ROUTE,),
)
