"""One gateway: Firebase Cloud Messaging, HTTP v1, a call per device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Addressing, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.inbound import Call, DoorApp
from providers.message_fields import Platform
from providers.recipients import TOKEN_KIND, IdentifierKind

from . import inbound, outbound, wire_auth, wire_errors, wire_messages, wire_secrets, wire_sends

BATCH = 10_000
MOST_GRANTED = 100_000  # calls a second; ours: Google names no most

_SILENT = Carry(
    Fate.EMULATED, note=gettext_noop("A data message, which shows nothing: its texts stay behind.")
)
_DATA = gettext_noop("Texts by key; values that are none go as JSON.")
_LIGHT = Carry(
    Fate.TRUNCATED,
    "android.notification.light_settings",
    gettext_noop("Only where colour, on and off are all set."),
)
CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.CARRIED, "notification.title"),
    "body": Carry(Fate.CARRIED, "notification.body"),
    "translations": Carry(
        Fate.CARRIED, note=gettext_noop("Each device gets the text in its language.")
    ),
    "extras": Carry(Fate.CARRIED, note=gettext_noop("Those of this vendor.")),
    "android.silent": _SILENT,
    "android.title": Carry(Fate.CARRIED, "notification.title"),
    "android.body": Carry(Fate.CARRIED, "notification.body"),
    "android.icon": Carry(Fate.CARRIED, "android.notification.icon"),
    "android.icon_background": Carry(
        Fate.TRUNCATED, "android.notification.color", gettext_noop("Without its transparency.")
    ),
    "android.banner": Carry(Fate.RENAMED, "notification.image"),
    "android.data": Carry(Fate.RENAMED, "data", _DATA),
    "android.channel_id": Carry(Fate.CARRIED, "android.notification.channel_id"),
    "android.priority": Carry(Fate.RENAMED, "android.notification.notification_priority"),
    "android.collapse_key": Carry(
        Fate.RENAMED,
        "android.collapse_key",
        gettext_noop("Also the notification's tag, by which it replaces the one on the screen."),
    ),
    "android.collapse_id": Carry(Fate.RENAMED, "android.notification.tag"),
    "android.vibration": Carry(Fate.RENAMED, "android.notification.vibrate_timings"),
    "android.led_color": _LIGHT,
    "android.led_interval": _LIGHT,
    "android.led_pause_interval": _LIGHT,
    "android.time_to_live": Carry(Fate.RENAMED, "android.ttl"),
    "android.visibility": Carry(Fate.RENAMED, "android.notification.visibility"),
    "android.urgency": Carry(Fate.RENAMED, "android.priority"),
    "android.deeplink": Carry(
        Fate.EMULATED, "data.deeplink", gettext_noop("In the data, where the app finds it.")
    ),
    "android.sound": Carry(Fate.CARRIED, "android.notification.sound"),
    "android.badge": Carry(Fate.RENAMED, "android.notification.notification_count"),
    "ios.silent": _SILENT,
    "ios.title": Carry(Fate.CARRIED, "notification.title"),
    "ios.body": Carry(Fate.CARRIED, "notification.body"),
    "ios.subtitle": Carry(Fate.RENAMED, "apns.payload.aps.alert.subtitle"),
    "ios.badge": Carry(Fate.RENAMED, "apns.payload.aps.badge"),
    "ios.sound": Carry(
        Fate.EMULATED, "apns.payload.aps.sound", gettext_noop("To play none, no sound is named.")
    ),
    "ios.sound_name": Carry(Fate.RENAMED, "apns.payload.aps.sound"),
    "ios.thread_id": Carry(Fate.RENAMED, "apns.payload.aps.thread-id"),
    "ios.category": Carry(Fate.RENAMED, "apns.payload.aps.category"),
    "ios.mutable_content": Carry(Fate.RENAMED, "apns.payload.aps.mutable-content"),
    "ios.expiration": Carry(
        Fate.EMULATED,
        "apns.headers.apns-expiration",
        gettext_noop("As a moment, counted from the call."),
    ),
    "ios.collapse_id": Carry(Fate.RENAMED, "apns.headers.apns-collapse-id"),
    "ios.interruption_level": Carry(Fate.RENAMED, "apns.payload.aps.interruption-level"),
    "ios.relevance_score": Carry(Fate.RENAMED, "apns.payload.aps.relevance-score"),
    "ios.target_content_id": Carry(Fate.RENAMED, "apns.payload.aps.target-content-id"),
    "ios.data": Carry(Fate.RENAMED, "data", _DATA),
    "ios.attachments": Carry(
        Fate.TRUNCATED, "notification.image", gettext_noop("The first one's address.")
    ),
    "ios.url": Carry(
        Fate.EMULATED, "data.url", gettext_noop("In the data, where the app finds it.")
    ),
    "web.title": Carry(Fate.CARRIED, "notification.title"),
    "web.body": Carry(Fate.CARRIED, "notification.body"),
    "web.url": Carry(Fate.RENAMED, "webpush.fcm_options.link"),
    "web.icon": Carry(Fate.RENAMED, "webpush.notification.icon"),
    "web.image": Carry(Fate.RENAMED, "notification.image"),
    "web.extras": Carry(Fate.RENAMED, "data", _DATA),
    "web.badge": Carry(Fate.RENAMED, "webpush.notification.badge"),
    "web.tag": Carry(Fate.RENAMED, "webpush.notification.tag"),
    "web.require_interaction": Carry(Fate.RENAMED, "webpush.notification.requireInteraction"),
    "web.time_to_live": Carry(Fate.RENAMED, "webpush.headers.TTL"),
    "web.urgency": Carry(Fate.RENAMED, "webpush.headers.Urgency"),
    "web.buttons": Carry(
        Fate.TRUNCATED,
        "webpush.notification.actions",
        gettext_noop("Title and id; an address goes in the place of an id that is missing."),
    ),
}


def _identify_door(app: DoorApp) -> Mapping[str, Any]:
    """A project id as the vendor's are: letters, digits and hyphens, at most 30 of them. The key
    file's address names the door alone."""
    project = f"pushadmin-{app.id}"
    return {"project_id": project, "client_email": f"{project}@{app.code}.invalid"}


def _name_door(call: Call) -> str:
    return call.path.get("project", "")


DIALECT = Dialect(
    key="fcm",
    label="Firebase Cloud Messaging",
    purpose=gettext_noop("Android, iPhones and browsers, with a Firebase service account."),
    platforms=frozenset({Platform.ANDROID, Platform.IOS, Platform.WEB}),
    # 600,000 calls a minute are the usual quota of a project (Firebase, "Throttling and quotas"):
    # 10,000 a second; at 50 ms a call they need 500 at once. Google raises it for who asks.
    limits=Limits(
        batch_size=BATCH,
        texts_per_call=BATCH,
        requests_per_second=10_000,
        calls_window=60.0,
        granted={"requests_per_second": MOST_GRANTED},
        streams=500,
        max_payload_bytes=wire_messages.MAX_BYTES,
        addressing=frozenset({Addressing.TOKEN}),
    ),
    credentials=(
        FieldSpec(
            name="service_account",
            kind="secret",
            label=gettext_noop("Service account key"),
            help=gettext_noop(
                "The whole JSON file: Firebase console, Project settings, Service accounts, "
                "Generate new private key."
            ),
            required=True,
            minimum=2,
            maximum=16_384,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="api",
            kind="url",
            label=gettext_noop("API address"),
            default=outbound.URL,
            maximum=2048,
        ),
        FieldSpec(
            name="token",
            kind="url",
            label=gettext_noop("Token address"),
            help=gettext_noop("Without /token at its end. Empty: the key file's token_uri."),
            maximum=2048,
        ),
    ),
    message_options=wire_messages.OPTION_FIELDS,
    identifier_kinds=(IdentifierKind(TOKEN_KIND, is_token=True),),
    carries=CARRIES,
    idempotency=Idempotency.NONE,
    blind_resend=True,
    wants_references=True,
    fans_out=True,
    judges_tokens=True,
    refuses_empty=True,
    find_message_faults=wire_messages.find_message_faults,
    measure=wire_sends.measure,
    find_credential_faults=outbound.find_credential_faults,
    recognise_secret=wire_secrets.recognise_secret,
    connect=outbound.Fcm,
    gateway=inbound.GATEWAY,
    routes=inbound.ROUTES,
    quotas=inbound.QUOTAS,
    authenticate=wire_auth.read_authorization,
    write_authorization=wire_auth.write_authorization,
    write_refusal=wire_errors.write_refusal,
    name_door=_name_door,
    door_identifiers=_identify_door,
    door_secrets=(wire_auth.PRIVATE_KEY,),
    make_door_secret=wire_auth.make_key,
    describe_key=outbound.describe_key,
    door_options=(
        FieldSpec(
            name="wait_seconds",
            kind="int",
            label=gettext_noop("Wait for the outcome, s"),
            help=gettext_noop(
                "A call is then answered when its device is settled, at the latest after so many "
                "seconds. Empty or 0: at once, when the message is taken."
            ),
            minimum=0,
            maximum=20,
        ),
    ),
)
