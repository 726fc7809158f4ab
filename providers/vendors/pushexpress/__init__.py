"""One vendor: sendings to whom filters mean, with translations, two minutes after the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Addressing, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.inbound import DoorApp
from providers.message_fields import Platform

from . import (
    inbound,
    outbound,
    wire,
    wire_devices,
    wire_errors,
    wire_filters,
    wire_pushes,
    wire_sends,
)

_IMAGE = Carry(Fate.RENAMED, "image")
_ICON = Carry(Fate.RENAMED, "icon")
_LINK = Carry(Fate.RENAMED, "link")
CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.CARRIED, "title", gettext_noop("The vendor demands one.")),
    "body": Carry(Fate.RENAMED, "text"),
    "translations": Carry(
        Fate.CARRIED, "translations", gettext_noop("The vendor chooses by the device's language.")
    ),
    "android.title": Carry(Fate.CARRIED, "title"),
    "android.body": Carry(Fate.RENAMED, "text"),
    "android.banner": _IMAGE,
    "android.image": _ICON,
    "android.deeplink": _LINK,
    "ios.title": Carry(Fate.CARRIED, "title"),
    "ios.body": Carry(Fate.RENAMED, "text"),
    "ios.attachments": Carry(Fate.TRUNCATED, "image", gettext_noop("The first one's address.")),
    "ios.url": _LINK,
    "web.title": Carry(Fate.CARRIED, "title"),
    "web.body": Carry(Fate.RENAMED, "text"),
    "web.image": _IMAGE,
    "web.icon": _ICON,
    "web.url": _LINK,
}


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    return {"app_id": app.id, "pushexpress_id": app.code}


DIALECT = Dialect(
    key="pushexpress",
    label="Push.express",
    purpose=gettext_noop("Everybody in an app, or exactly whom its filters name."),
    platforms=frozenset({Platform.ANDROID, Platform.IOS, Platform.WEB}),
    limits=Limits(addressing=frozenset({Addressing.FILTER, Addressing.EVERYONE})),
    credentials=(
        FieldSpec(
            name="api_key",
            kind="secret",
            label=gettext_noop("API key"),
            help=gettext_noop('From the tab "Personal" of the web account.'),
            required=True,
            minimum=1,
            maximum=1024,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="core",
            kind="url",
            label=gettext_noop("API address"),
            default=outbound.URL,
            maximum=2048,
        ),
    ),
    route_options=(
        FieldSpec(
            name="app_id",
            kind="int",
            label=gettext_noop("Application ID"),
            help=gettext_noop("The number of the application at the vendor."),
            required=True,
            minimum=1,
            maximum=2**53 - 1,
        ),
        FieldSpec(
            name="default_lang",
            label=gettext_noop("Language of the common text"),
            help=gettext_noop("Two letters; devices of no other language get this text."),
            default=outbound.LANGUAGE,
            pattern="[a-z]{2}",
        ),
    ),
    identifier_kinds=wire_devices.IDENTIFIER_KINDS,
    carries=CARRIES,
    idempotency=Idempotency.NONE,
    blind_resend=False,
    can_filter=wire_filters.can_filter,
    takes_translations=True,
    find_message_faults=wire_pushes.find_faults,
    says_more=wire_pushes.says_more,
    connect=outbound.PushExpress,
    routes=inbound.ROUTES,
    quotas=inbound.QUOTAS,
    authenticate=wire.read_authorization,
    write_authorization=wire.write_authorization,
    write_refusal=wire_errors.write_refusal,
    door_identifiers=_identify_door,
    plan_schedule=wire_sends.plan_schedule,
)
