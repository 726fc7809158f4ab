"""One vendor: push to devices and persons, failover over several channels, SMS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import (
    INBOX_TOPICS,
    Addressing,
    Carry,
    Dialect,
    Fate,
    Idempotency,
    Limits,
    SdkFloor,
)
from providers.fields import FieldSpec, gettext_noop
from providers.inbound import DoorApp, Hook, Reply
from providers.message_fields import Platform
from providers.scenarios import Channel

from . import (
    inbound,
    inbound_failover,
    outbound,
    wire_auth,
    wire_destinations,
    wire_errors,
    wire_filters,
    wire_reports,
)

LOOKUP_LAG = 60.0  # seconds; the vendor does not say how soon its logs know a call


_LIFE = gettext_noop("Shortens the validity period, at least 30 seconds and at most 48 hours.")
_LINK = gettext_noop("In the custom payload, where the app finds it.")
CARRIES: dict[str, Carry] = {
    "title": Carry(
        Fate.TRUNCATED, "content.title", gettext_noop("At most 50 characters, 45 in version 2.")
    ),
    "body": Carry(Fate.TRUNCATED, "content.text", gettext_noop("At most 4000 characters.")),
    "translations": Carry(
        Fate.CARRIED, note=gettext_noop("Each language is sent in calls of its own.")
    ),
    "extras": Carry(Fate.CARRIED, "options", gettext_noop("Those of this vendor.")),
    "android.title": Carry(Fate.TRUNCATED, "content.title"),
    "android.body": Carry(Fate.TRUNCATED, "content.text"),
    "android.silent": Carry(Fate.RENAMED, "options.isSilent"),
    "android.banner": Carry(Fate.RENAMED, "content.url"),
    "android.data": Carry(Fate.RENAMED, "options.customPayload"),
    "android.sound": Carry(Fate.RENAMED, "options.soundName"),
    "android.deeplink": Carry(Fate.RENAMED, "options.customPayload.deepLink", _LINK),
    "android.vibration": Carry(
        Fate.EMULATED, "options.vibrationEnabled", gettext_noop("Vibrates in the phone's own way.")
    ),
    "android.time_to_live": Carry(Fate.EMULATED, "options.validityPeriod", _LIFE),
    "ios.title": Carry(Fate.TRUNCATED, "content.title"),
    "ios.body": Carry(Fate.TRUNCATED, "content.text"),
    "ios.silent": Carry(Fate.RENAMED, "options.isSilent"),
    "ios.badge": Carry(Fate.RENAMED, "options.badge"),
    "ios.sound": Carry(Fate.RENAMED, "options.soundEnabled"),
    "ios.sound_name": Carry(Fate.RENAMED, "options.soundName"),
    "ios.category": Carry(Fate.RENAMED, "options.category"),
    "ios.data": Carry(Fate.RENAMED, "options.customPayload"),
    "ios.attachments": Carry(
        Fate.TRUNCATED, "content.url", gettext_noop("The first one's address.")
    ),
    "ios.url": Carry(Fate.RENAMED, "options.customPayload.deepLink", _LINK),
    "ios.expiration": Carry(Fate.EMULATED, "options.validityPeriod", _LIFE),
    "web.title": Carry(Fate.TRUNCATED, "content.title"),
    "web.body": Carry(Fate.TRUNCATED, "content.text"),
    "web.image": Carry(Fate.RENAMED, "content.url"),
    "web.url": Carry(Fate.RENAMED, "options.customPayload.deepLink", _LINK),
    "web.extras": Carry(Fate.RENAMED, "options.customPayload"),
    "in_app.only": Carry(Fate.RENAMED, "options.isSilent"),
    "in_app.style": Carry(Fate.RENAMED, "options.mirroredPushStyle"),
    "in_app.expires_in": Carry(Fate.RENAMED, "options.mirroredPushExpirationPeriod"),
    "in_app.dismiss_title": Carry(Fate.RENAMED, "options.mirroredPushDismissTitle"),
    "in_app.open_title": Carry(Fate.RENAMED, "options.mirroredPushOpenTitle"),
    "in_app.tap_kind": Carry(Fate.RENAMED, "options.onTapButtonAction.type"),
    "in_app.tap_target": Carry(Fate.RENAMED, "options.onTapButtonAction.resource"),
    "in_app.topic": Carry(Fate.RENAMED, "options.inboxTopic"),
    "in_app.topic_expires_in": Carry(Fate.RENAMED, "options.inboxMessageExpirationPeriod"),
}

# What the failover API's block for pushes has not, or has less of (wire facts, section 7).
_NOT_THERE = Carry(Fate.DROPPED, note=gettext_noop("Not where the vendor runs a scenario."))
_SHORT = Carry(Fate.TRUNCATED, "push.text", gettext_noop("At most 2000 characters in a scenario."))
SCENARIO_CARRIES: dict[str, Carry] = {
    "body": _SHORT,
    "android.body": _SHORT,
    "ios.body": _SHORT,
    "web.body": _SHORT,
    "in_app.expires_in": _NOT_THERE,
    "in_app.dismiss_title": _NOT_THERE,
    "in_app.open_title": _NOT_THERE,
    "in_app.topic_expires_in": _NOT_THERE,
    "in_app.tap_kind": Carry(
        Fate.TRUNCATED, "push.notificationOptions.webViewUrl", gettext_noop("Web views only.")
    ),
}

# The guide's tables of supported SDKs (seed sections "Supported SDK versions" and "Send Messages
# With OMNI Scenario"); plugins for other frameworks say their own versions, which nobody can tell.
SDK_FLOORS = (
    SdkFloor(Platform.ANDROID, "in_app.style", "1.13.0", "modal"),
    SdkFloor(Platform.ANDROID, "in_app.style", "2.0.0", "banner"),
    SdkFloor(Platform.IOS, "in_app.style", "3.6.0", "modal"),
    SdkFloor(Platform.IOS, "in_app.style", "5.0.0", "banner"),
    SdkFloor(Platform.HMOS, "in_app.style", "1.0.0"),
    SdkFloor(Platform.ANDROID, "android.banner", "1.6.4"),
    SdkFloor(Platform.IOS, "ios.attachments", "2.5.8"),
    SdkFloor(Platform.IOS, "ios.category", "2.6.9"),
)


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    return {"sender": app.code}


HOOKS = (
    Hook(
        method="POST",
        path=outbound.HOOK_PATH,
        read=wire_reports.read_hook,
        verify=outbound.is_from_vendor,
        answer=Reply(200, {}),
        write=wire_reports.write_hook,
    ),
)

DIALECT = Dialect(
    key="infobip",
    label="Infobip",
    purpose=gettext_noop("Devices and persons, with SMS for those whom no push reaches."),
    platforms=frozenset(Platform),
    limits=Limits(
        batch_size=outbound.MAX_BATCH,
        texts_per_call=outbound.MAX_BATCH,
        requests_per_second=2500,
        max_payload_bytes=4000,
        addressing=frozenset({Addressing.VENDOR_ID, Addressing.USERNAME, Addressing.FILTER}),
    ),
    credentials=(
        FieldSpec(
            name="api_key",
            kind="secret",
            label=gettext_noop("API key"),
            help=gettext_noop("With the scope mobile-app-messaging:send, and :manage for checks."),
            required=True,
            minimum=1,
            maximum=1024,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="api",
            kind="url",
            label=gettext_noop("Base address"),
            help=gettext_noop("The account's own, such as https://abc12.api.infobip.com."),
            default=outbound.API_URL,
            maximum=2048,
        ),
    ),
    account_options=(
        FieldSpec(
            name="wants_reports",
            kind="bool",
            label=gettext_noop("Delivery reports by webhook"),
            help=gettext_noop("Only where the vendor can reach this installation's address."),
        ),
        FieldSpec(
            name="version",
            kind="choice",
            label=gettext_noop("Version of the push API"),
            help=gettext_noop(
                "2 for accounts that have not version 3. Then a call whose answer is lost can "
                "only be told as unknown."
            ),
            choices=(outbound.NEWER, outbound.OLDER),
            choice_labels=("3", "2"),
            default=outbound.NEWER,
        ),
        FieldSpec(
            name="by_audience",
            kind="bool",
            label=gettext_noop("Tell the vendor whom we mean"),
            help=gettext_noop(
                "One call for everybody, or for a platform, where that is exact. Totals come from "
                "the vendor then."
            ),
        ),
    ),
    route_options=(
        FieldSpec(
            name="sender",
            label=gettext_noop("Application code"),
            help=gettext_noop("Of the application profile at the vendor."),
            required=True,
            minimum=1,
            maximum=255,
        ),
    ),
    message_options=(
        FieldSpec(
            name="contentAvailable",
            kind="bool",
            label=gettext_noop("Content available"),
            help=gettext_noop("Wakes an iOS app so that it can fetch something."),
        ),
        FieldSpec(
            name="vibrationEnabled",
            kind="bool",
            label=gettext_noop("Vibration"),
            help=gettext_noop("Android only."),
        ),
    ),
    identifier_kinds=wire_destinations.IDENTIFIER_KINDS,
    carries=CARRIES,
    scenario_carries=SCENARIO_CARRIES,
    sdk_floors=SDK_FLOORS,
    idempotency=Idempotency.LOOKUP,
    find_idempotency=outbound.find_idempotency,
    lookup_lag=LOOKUP_LAG,
    can_filter=wire_filters.can_filter,
    audience_option="by_audience",
    can_report=True,
    has_totals=True,
    has_receipts=True,
    wants_references=True,
    runs_scenarios=True,
    channels=frozenset({Channel.SMS}),
    connect=outbound.Infobip,
    routes=(*inbound.ROUTES, *inbound_failover.ROUTES),
    quotas={**inbound.QUOTAS, **inbound_failover.QUOTAS},
    authenticate=wire_auth.read_authorization,
    write_authorization=wire_auth.write_authorization,
    write_refusal=wire_errors.write_api_error,
    door_options=(
        FieldSpec(
            name=INBOX_TOPICS,
            label=gettext_noop("Inbox topics"),
            help=gettext_noop(
                "Names with commas between them, told apart by case; pushes for others are "
                "rejected with status 73. Empty: every topic is taken."
            ),
            maximum=2000,
        ),
    ),
    door_identifiers=_identify_door,
    hooks=HOOKS,
    write_callback=wire_reports.write_callback,
)
