"""Apple's gateway: one call per device, with a team's key or an app's certificate."""

from __future__ import annotations

from providers.contract import Addressing, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.message_fields import Platform
from providers.recipients import TOKEN_KIND, IdentifierKind

from . import outbound, wire, wire_content, wire_gateway, wire_secrets, wire_tokens
from .wire_options import KEY, OPTION_FIELDS

BATCH = 10_000

_BESIDE = gettext_noop("Beside aps; the app handles it.")
CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.RENAMED, "alert.title"),
    "body": Carry(Fate.RENAMED, "alert.body"),
    "extras": Carry(Fate.CARRIED, note=gettext_noop("Those of this gateway.")),
    "ios.silent": Carry(
        Fate.RENAMED, "content-available", gettext_noop("Without its text, which nobody would see.")
    ),
    "ios.title": Carry(Fate.RENAMED, "alert.title"),
    "ios.subtitle": Carry(Fate.RENAMED, "alert.subtitle"),
    "ios.body": Carry(Fate.RENAMED, "alert.body"),
    "ios.badge": Carry(Fate.CARRIED, "badge"),
    "ios.sound": Carry(
        Fate.EMULATED, "sound", gettext_noop("A sound file that is named plays instead.")
    ),
    "ios.sound_name": Carry(Fate.RENAMED, "sound"),
    "ios.thread_id": Carry(Fate.RENAMED, "thread-id"),
    "ios.category": Carry(Fate.CARRIED, "category"),
    "ios.mutable_content": Carry(Fate.RENAMED, "mutable-content"),
    "ios.expiration": Carry(Fate.RENAMED, "apns-expiration"),
    "ios.collapse_id": Carry(Fate.RENAMED, "apns-collapse-id"),
    "ios.data": Carry(
        Fate.RENAMED,
        note=gettext_noop("Beside aps: an object's own keys, any other text under data."),
    ),
    "ios.attachments": Carry(
        Fate.EMULATED,
        "attachments",
        gettext_noop("Beside aps; the app's notification service extension fetches them."),
    ),
    "ios.buttons": Carry(
        Fate.EMULATED,
        "buttons",
        gettext_noop("Beside aps; the app's notification content extension shows them."),
    ),
    "ios.interruption_level": Carry(Fate.RENAMED, "interruption-level"),
    "ios.relevance_score": Carry(Fate.RENAMED, "relevance-score"),
    "ios.target_content_id": Carry(Fate.RENAMED, "target-content-id"),
    "ios.url": Carry(Fate.CARRIED, "url", _BESIDE),
}

DIALECT = Dialect(
    key=KEY,
    label="APNs",
    purpose=gettext_noop("iPhones and iPads, with a signing key or a certificate of Apple's."),
    platforms=frozenset({Platform.IOS}),
    limits=Limits(
        batch_size=BATCH,
        texts_per_call=BATCH,
        in_flight=4,
        streams=500,
        max_payload_bytes=wire.MAX_BYTES,
        addressing=frozenset({Addressing.TOKEN}),
    ),
    credentials=(
        FieldSpec(
            name="key",
            kind="secret",
            label=gettext_noop("Signing key"),
            help=gettext_noop("The whole .p8 file, from -----BEGIN to END PRIVATE KEY-----."),
            maximum=4096,
        ),
        FieldSpec(
            name="key_id",
            label=gettext_noop("Key ID"),
            help=gettext_noop("Ten characters, beside the key in the developer account."),
            pattern="[A-Z0-9]{10}",
        ),
        FieldSpec(
            name="team_id",
            label=gettext_noop("Team ID"),
            help=gettext_noop("Ten characters, on the membership page of the account."),
            pattern="[A-Z0-9]{10}",
        ),
        FieldSpec(
            name="certificate",
            kind="secret",
            label=gettext_noop("Certificate"),
            help=gettext_noop("PEM; only without a signing key."),
            maximum=32_768,
        ),
        FieldSpec(
            name="certificate_key",
            kind="secret",
            label=gettext_noop("Private key of the certificate"),
            help=gettext_noop("PEM without a password; only without a signing key."),
            maximum=32_768,
        ),
    ),
    base_urls=(
        FieldSpec(
            name="gateway",
            kind="url",
            label=gettext_noop("Address"),
            help=gettext_noop("Empty: Apple's own, of the environment and port."),
            maximum=2048,
        ),
    ),
    account_options=(
        FieldSpec(
            name="environment",
            kind="choice",
            label=gettext_noop("Environment"),
            help=gettext_noop("Builds from Xcode register with the sandbox, all others do not."),
            choices=(wire.PRODUCTION, wire.SANDBOX),
            choice_labels=(gettext_noop("Production"), gettext_noop("Sandbox")),
            default=wire.PRODUCTION,
        ),
        FieldSpec(
            name="port",
            kind="choice",
            label=gettext_noop("Port"),
            help=gettext_noop("2197 where a firewall lets nothing else out."),
            choices=wire.PORTS,
            default=wire.PORTS[0],
        ),
    ),
    route_options=(
        FieldSpec(
            name="topic",
            label=gettext_noop("Bundle ID"),
            help=gettext_noop("Of the app, like com.example.shop; endings are added by us."),
            required=True,
            pattern=wire.TOPIC,
        ),
    ),
    message_options=OPTION_FIELDS,
    identifier_kinds=(IdentifierKind(TOKEN_KIND, is_token=True),),
    carries=CARRIES,
    idempotency=Idempotency.NONE,
    blind_resend=True,  # the same collapse id: the second replaces the first
    wants_references=True,
    fans_out=True,
    find_message_faults=wire_content.find_faults,
    measure=wire_content.measure,
    find_expiry=wire_tokens.find_expiry,
    find_credential_faults=wire_secrets.find_credential_faults,
    recognise_secret=wire_secrets.recognise_secret,
    connect=outbound.Apns,
    gateway=wire_gateway.GATEWAY,
)
