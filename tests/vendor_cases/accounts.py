"""Accounts for any vendor, made from what its dialect declares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

from providers import registry
from providers.commands import Command, FetchStatus, SendPush
from providers.contract import Addressing, Dialect
from providers.fields import FieldSpec
from providers.outbound import AccountConfig
from providers.receipts import FetchReceipts


def serves(dialect: Dialect, command: type[Command]) -> bool:
    """Whether the dialect has a call that means this command and nothing else.

    Vendors without one tell the same by other calls of theirs, which their own tests try.
    """
    return any(get_type_hints(route.read).get("return") is command for route in dialect.routes)


def names_recipients(dialect: Dialect) -> bool:
    """Whether a call can name single recipients.

    Vendors that choose them by themselves, by filters, are tried by their own tests.
    """
    named = {Addressing.TOKEN, Addressing.VENDOR_ID, Addressing.USERNAME}
    return bool(named & dialect.limits.addressing)


FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
ALL = registry.all_dialects()
OUTBOUND = [dialect for dialect in ALL if dialect.connect and dialect.platforms]
GATEWAYS = [dialect for dialect in OUTBOUND if dialect.fans_out]
SIMULATED = [
    dialect
    for dialect in OUTBOUND
    if dialect.routes and names_recipients(dialect) and not dialect.fans_out
]
GROUPED = [dialect for dialect in SIMULATED if dialect.has_groups]
REPORTING = [
    dialect for dialect in SIMULATED if dialect.can_report and serves(dialect, FetchStatus)
]
RECEIPTS = [
    dialect for dialect in SIMULATED if dialect.has_receipts and serves(dialect, FetchReceipts)
]
TELLING = [
    dialect for dialect in SIMULATED if dialect.wants_references and serves(dialect, SendPush)
]


def make_account(dialect: Dialect, url: str, **credentials: str) -> AccountConfig:
    """An account whose every address is the simulator at `url`."""
    own = load_own_data(dialect)
    return AccountConfig(
        public_id="acc-1",
        credentials={
            **{spec.name: make_text(spec) for spec in dialect.credentials},
            **own.get("credentials", {}),
            **credentials,
        },
        base_urls={spec.name: f"{url}/{dialect.key}" for spec in dialect.base_urls},
        options={
            **{spec.name: make_value(spec) for spec in dialect.route_options},
            **own.get("options", {}),
        },
    )


def load_own_data(dialect: Dialect) -> dict[str, Any]:
    path = FIXTURES / dialect.key / "account.json"
    return json.loads(path.read_text()) if path.exists() else {}


def make_text(spec: FieldSpec) -> str:
    return f"canary-{spec.name}-4711-secret"


def make_value(spec: FieldSpec) -> Any:
    if spec.kind == "int":
        return spec.minimum or 1
    return spec.choices[0] if spec.choices else f"some-{spec.name}"


def make_device_token(dialect: Dialect, url: str, number: int) -> str:
    """A token of a gateway's device: whoever calls it calls the simulator's gateways at `url`."""
    form = load_own_data(dialect).get("device", "device-%(number)07d-with-a-long-token")
    return str(form % {"number": number, "url": f"{url}/{dialect.key}"})


def name_taken(dialect: Dialect, url: str, number: int) -> str:
    """What the simulator's journal calls the recipient of such a token."""
    form = load_own_data(dialect).get("taken", "")
    return str(form % {"number": number}) if form else make_device_token(dialect, url, number)
