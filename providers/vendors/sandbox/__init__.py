"""Sandbox: a vendor of our own that behaves like a good one, for trying things out."""

from __future__ import annotations

from providers.contract import Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.message_fields import COMMON_FIELDS, Platform
from providers.message_platforms import BLOCK_FIELDS
from providers.recipients import TOKEN_KIND, IdentifierKind
from providers.vendors.sandbox import inbound, outbound, wire


def _percent(name: str, label: str, help_text: str = "") -> FieldSpec:
    return FieldSpec(name=name, kind="int", label=label, help=help_text, minimum=0, maximum=100)


def _list_carried_fields() -> dict[str, Carry]:
    names = [spec.name for spec in COMMON_FIELDS]
    for platform, specs in BLOCK_FIELDS.items():
        names += [f"{platform.value}.{spec.name}" for spec in specs]
    return {name: Carry(Fate.CARRIED) for name in names}


DIALECT = Dialect(
    key="sandbox",
    label="Sandbox",
    purpose=gettext_noop("Answers as a good vendor would, and reaches nobody."),
    limits=Limits(batch_size=wire.MAX_RECIPIENTS, texts_per_call=wire.MAX_RECIPIENTS, in_flight=4),
    platforms=frozenset(Platform),
    credentials=(
        FieldSpec(
            name="api_key",
            kind="secret",
            label=gettext_noop("API key"),
            help=gettext_noop("Any text; the word refused is answered like a wrong key."),
            required=True,
            minimum=4,
            maximum=200,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="api",
            kind="url",
            label=gettext_noop("Address"),
            help=gettext_noop("Empty for the sandbox that runs beside this installation."),
        ),
    ),
    account_options=(
        FieldSpec(
            name="latency_ms",
            kind="int",
            label=gettext_noop("Latency, ms"),
            minimum=0,
            maximum=30_000,
        ),
        FieldSpec(
            name="requests_per_second",
            kind="int",
            label=gettext_noop("Calls per second"),
            help=gettext_noop("Further calls are answered 429. 0 or empty: no limit."),
            minimum=0,
            maximum=100_000,
        ),
        _percent("decay_percent", gettext_noop("Unregistered tokens, %")),
        _percent("payload_percent", gettext_noop("Calls refused as malformed, %")),
        _percent("vendor_percent", gettext_noop("Calls answered 503, %")),
        FieldSpec(
            name="is_refused",
            kind="bool",
            label=gettext_noop("Refuse the key"),
            help=gettext_noop("Answers every call like a wrong key."),
        ),
        _percent("delivered_percent", gettext_noop("Delivered, % of what was sent")),
        _percent("opened_percent", gettext_noop("Opened, % of what was delivered")),
        FieldSpec(
            name="receipt_seconds",
            kind="int",
            label=gettext_noop("Receipts within, s"),
            help=gettext_noop("How long it takes until the last device has answered."),
            minimum=0,
            maximum=86_400,
        ),
    ),
    identifier_kinds=(IdentifierKind(TOKEN_KIND, is_token=True),),
    carries=_list_carried_fields(),
    idempotency=Idempotency.KEY,
    has_receipts=True,
    wants_references=True,
    is_sandbox=True,
    connect=outbound.Sandbox,
    routes=inbound.ROUTES,
    authenticate=inbound.read_credentials,
    write_authorization=wire.write_authorization,
    write_refusal=wire.write_refusal,
)
