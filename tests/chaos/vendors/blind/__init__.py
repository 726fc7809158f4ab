"""A vendor that knows no key and cannot be asked: the same call twice is sent twice."""

from __future__ import annotations

from providers.contract import Idempotency
from tests.chaos.dialects import Keyless, make_dialect

DIALECT = make_dialect("blind", connect=Keyless, idempotency=Idempotency.NONE, blind_resend=True)
