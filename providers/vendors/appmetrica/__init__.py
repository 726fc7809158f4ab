"""One vendor: report groups, mass sends by device id, and counts from a reporting API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Addressing, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import Fields, FieldSpec, gettext_noop
from providers.inbound import DoorApp
from providers.message_fields import Platform

from . import inbound, outbound, wire, wire_errors, wire_messages, wire_sends

LOOKUP_LAG = 30.0  # seconds; the vendor does not say how soon it knows a call it accepted


def _describe_fields(prefix: str, names: Fields, **notes: str) -> dict[str, Carry]:
    return {
        prefix + ours: Carry(
            Fate.CARRIED if ours == theirs else Fate.RENAMED, theirs, notes.get(ours, "")
        )
        for ours, theirs in names.names.items()
    }


CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.CARRIED, "title"),
    "body": Carry(Fate.RENAMED, "text"),
    "translations": Carry(
        Fate.CARRIED, note=gettext_noop("Each language is sent in calls of its own.")
    ),
    **_describe_fields("android.", wire_messages.ANDROID),
    "android.silent": Carry(Fate.CARRIED, "silent"),
    "android.deeplink": Carry(Fate.RENAMED, "open_action.deeplink"),
    **_describe_fields(
        "ios.",
        wire_messages.IOS,
        mutable_content=gettext_noop("Without it the vendor counts as delivered what was opened."),
    ),
    "ios.silent": Carry(Fate.CARRIED, "silent"),
    "ios.url": Carry(Fate.RENAMED, "open_action.url"),
}


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    return {"app_id": app.id}


DIALECT = Dialect(
    key="appmetrica",
    label="AppMetrica",
    purpose=gettext_noop("Devices of apps with the AppMetrica SDK, into its groups and reports."),
    platforms=frozenset({Platform.ANDROID, Platform.IOS}),
    limits=Limits(
        batch_size=outbound.MAX_BATCH,
        texts_per_call=outbound.MAX_TEXTS,
        requests_per_second=30,
        requests_per_day=5000,
        day_zone="UTC",
        addressing=frozenset({Addressing.TOKEN, Addressing.VENDOR_ID}),
    ),
    credentials=(
        FieldSpec(
            name="token",
            kind="secret",
            label=gettext_noop("OAuth token"),
            help=gettext_noop("With the scopes appmetrica:read and appmetrica:write."),
            required=True,
            minimum=1,
            maximum=1024,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="push",
            kind="url",
            label=gettext_noop("Push API address"),
            default=outbound.PUSH_URL,
            maximum=2048,
        ),
        FieldSpec(
            name="reporting",
            kind="url",
            label=gettext_noop("Reporting API address"),
            default=outbound.REPORTING_URL,
            maximum=2048,
        ),
    ),
    route_options=(
        FieldSpec(
            name="app_id",
            kind="int",
            label=gettext_noop("Application ID"),
            help=gettext_noop("The number in the application's settings at the vendor."),
            required=True,
            minimum=1,
            maximum=2**63 - 1,
        ),
    ),
    identifier_kinds=wire_sends.IDENTIFIER_KINDS,
    carries=CARRIES,
    idempotency=Idempotency.LOOKUP,
    lookup_lag=LOOKUP_LAG,
    can_report=True,
    has_groups=True,
    connect=outbound.AppMetrica,
    routes=inbound.ROUTES,
    quotas=inbound.QUOTAS,
    authenticate=wire.read_authorization,
    write_authorization=wire.write_authorization,
    write_refusal=wire_errors.write_refusal,
    door_identifiers=_identify_door,
    judges_later=True,
    find_faults=wire_sends.find_faults,
)
