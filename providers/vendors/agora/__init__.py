"""One vendor: pushes to a chat service's users, by name, by label or to all of them, over phone
vendors' services or over a long connection of its own. Its second host has another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import (
    LABELS_IGNORE_CASE,
    Addressing,
    CallKind,
    Carry,
    Dialect,
    Fate,
    Idempotency,
    Limits,
)
from providers.fields import FieldSpec, gettext_noop
from providers.inbound import DoorApp
from providers.message_fields import Platform

from . import inbound, outbound, wire, wire_devices, wire_errors, wire_messages, wire_sends

SERVICES = ("agora", outbound.EASEMOB)


def _describe_places() -> dict[str, Carry]:
    return {
        f"{place.block}.{place.name}": Carry(Fate.RENAMED, ".".join(place.path))
        for place in wire_messages.PLACES
    }


CARRIES: dict[str, Carry] = {
    "title": Carry(
        Fate.CARRIED, "title", gettext_noop("At most 32 characters; a wide one counts as two.")
    ),
    "body": Carry(
        Fate.RENAMED, "content", gettext_noop("At most 100 characters; a wide one counts as two.")
    ),
    "translations": Carry(
        Fate.CARRIED, note=gettext_noop("Each language is sent in calls of its own.")
    ),
    "channel": Carry(Fate.RENAMED, "strategy"),
    **_describe_places(),
    "android.badge": Carry(Fate.RENAMED, "config.badge.setNum"),
    "android.data": Carry(
        Fate.RENAMED, "ext", gettext_noop("A JSON object as it is, any other text under `data`.")
    ),
    "ios.silent": Carry(Fate.RENAMED, "apns.pushType"),
    "ios.badge": Carry(Fate.RENAMED, "apns.badge"),
    "ios.data": Carry(Fate.RENAMED, "apns.ext"),
    "ios.sound": Carry(
        Fate.EMULATED, "apns.sound", gettext_noop("To play none, no sound is named.")
    ),
    "ios.sound_name": Carry(Fate.RENAMED, "apns.sound"),
}


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    return {
        "org_name": app.workspace,
        "app_name": app.slug,
        "app_key": wire.write_app_key(app.workspace, app.slug),
        "app_id": app.code,
    }


def _describe_key(shown: Mapping[str, str]) -> Mapping[str, Any]:
    if "key" not in shown:
        return {}  # an app group, which this vendor does not know
    return {"client_id": shown["key"], "client_secret": shown["secret"]}


def _name_call(call: CallKind) -> str:
    """Each host counts its tasks apart; the call that waits for its outcome has one rate on both.

    Source: the rate columns of the two vendors' push pages. That a host takes 100 tasks a day is
    left to its own answer.
    """
    service = str(call.options.get("service") or SERVICES[0])
    if call.is_awaited:
        return "sync"
    return f"{service}:task" if call.told is Addressing.EVERYONE else service


DIALECT = Dialect(
    key="agora",
    label="Agora Chat",
    purpose=gettext_noop(
        "Users of an Agora or Easemob chat app, by name, by label or all of them."
    ),
    platforms=frozenset({Platform.ANDROID, Platform.IOS, Platform.HMOS}),
    limits=Limits(
        batch_size=wire_sends.MAX_TARGETS,
        labels_per_call=wire_sends.MAX_LABELS,
        call_rates={
            "agora": 20.0,
            "agora:task": 5 / 60,
            outbound.EASEMOB: 10.0,
            f"{outbound.EASEMOB}:task": 1.0,
            "sync": 1.0,
        },
        addressing=frozenset({Addressing.USERNAME, Addressing.LABEL, Addressing.EVERYONE}),
    ),
    credentials=(
        FieldSpec(
            name="token",
            kind="secret",
            label=gettext_noop("App token"),
            help=gettext_noop("Or leave it empty and give one of the pairs below."),
            maximum=4096,
        ),
        FieldSpec(
            name="client_id",
            label=gettext_noop("Client ID"),
            help=gettext_noop("With the secret, tokens are fetched when they are needed."),
            maximum=512,
        ),
        FieldSpec(
            name="client_secret", kind="secret", label=gettext_noop("Client secret"), maximum=512
        ),
        FieldSpec(
            name="app_certificate",
            kind="secret",
            label=gettext_noop("App Certificate"),
            help=gettext_noop("With the App ID, tokens are built here."),
            maximum=64,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="api",
            kind="url",
            label=gettext_noop("REST address"),
            help=gettext_noop("The project's own, as the vendor's console shows it."),
            required=True,
            maximum=2048,
        ),
    ),
    account_options=(
        FieldSpec(
            name="service",
            kind="choice",
            label=gettext_noop("Service"),
            help=gettext_noop("They differ in how many calls they take, and in labels per call."),
            choices=SERVICES,
            choice_labels=("Agora", "Easemob"),
        ),
        FieldSpec(name="org_name", label=gettext_noop("Organization"), maximum=255),
        FieldSpec(name="app_name", label=gettext_noop("App name"), maximum=255),
        FieldSpec(
            name="app_id",
            label=gettext_noop("App ID"),
            help=gettext_noop("Needed with a certificate, or without organization and name."),
            maximum=64,
        ),
    ),
    identifier_kinds=wire_devices.IDENTIFIER_KINDS,
    carries=CARRIES,
    idempotency=Idempotency.NONE,
    has_labels=True,
    prefers_audience=True,
    name_call=_name_call,
    connect=outbound.Agora,
    routes=inbound.ROUTES,
    quotas=inbound.QUOTAS,
    running_limits=inbound.RUNNING_LIMITS,
    caps=inbound.CAPS,
    authenticate=wire.read_authorization,
    write_authorization=wire.write_authorization,
    write_refusal=wire_errors.write_refusal,
    name_door=wire.read_app,
    find_message_faults=wire_messages.find_faults,
    says_more=wire_messages.says_more,
    door_identifiers=_identify_door,
    door_secrets=("app_certificate",),
    describe_key=_describe_key,
    door_options=(
        FieldSpec(
            name="zone",
            label=gettext_noop("Time zone of startDate"),
            help=gettext_noop("For example Asia/Shanghai; empty is UTC."),
            maximum=64,
        ),
        FieldSpec(
            name="retention_days",
            kind="int",
            label=gettext_noop("Days kept for who is offline"),
            help=gettext_noop("For pushes by the own channel; empty is 7."),
            minimum=1,
            maximum=28,
        ),
        FieldSpec(
            name=LABELS_IGNORE_CASE,
            kind="bool",
            label=gettext_noop("Capitals of labels do not count"),
            help=gettext_noop("Aa and aa are one label."),
            default=True,
        ),
    ),
)
