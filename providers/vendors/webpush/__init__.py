"""Web Push: browsers, each by the push service that its subscription names; no vendor's account."""

from __future__ import annotations

from collections.abc import Mapping

from providers.contract import Addressing, Carry, Dialect, Fate, Idempotency, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.message_fields import Platform
from providers.recipients import TOKEN_KIND, IdentifierKind

from . import outbound, wire_auth, wire_encryption, wire_gateway, wire_messages, wire_secrets

CARRIES: dict[str, Carry] = {
    "title": Carry(Fate.CARRIED, "title"),
    "body": Carry(Fate.CARRIED, "body"),
    "extras": Carry(Fate.CARRIED, note=gettext_noop("Those of this vendor.")),
    "web.title": Carry(Fate.CARRIED, "title"),
    "web.body": Carry(Fate.CARRIED, "body"),
    "web.url": Carry(Fate.CARRIED, "url"),
    "web.icon": Carry(Fate.CARRIED, "icon"),
    "web.image": Carry(
        Fate.CARRIED, "image", gettext_noop("Not every browser shows a large picture.")
    ),
    "web.badge": Carry(Fate.CARRIED, "badge"),
    "web.tag": Carry(Fate.CARRIED, "tag"),
    "web.require_interaction": Carry(Fate.RENAMED, "requireInteraction"),
    "web.buttons": Carry(
        Fate.RENAMED, "actions", gettext_noop("Most browsers show two, some none.")
    ),
    "web.time_to_live": Carry(Fate.RENAMED, "TTL"),
    "web.urgency": Carry(Fate.RENAMED, "Urgency"),
    "web.extras": Carry(Fate.RENAMED, "data"),
}


BATCH = 2000  # fewer than elsewhere: each takes a while to encrypt, before the first one leaves


def make_credentials() -> Mapping[str, str]:
    """A key pair of the account's own."""
    return {"private_key": wire_auth.make_private_key()}


def find_browser_key(credentials: Mapping[str, str]) -> str:
    """The `applicationServerKey` that browsers subscribe with; "" where the key is none."""
    try:
        return wire_auth.read_key_pair(credentials.get("private_key", "")).public
    except ValueError:
        return ""


DIALECT = Dialect(
    key=wire_messages.DIALECT_KEY,
    label="Web Push",
    purpose=gettext_noop("Browsers that subscribed on your own pages; the keys are made here."),
    platforms=frozenset({Platform.WEB}),
    limits=Limits(
        batch_size=BATCH,
        texts_per_call=BATCH,
        max_payload_bytes=wire_encryption.MAX_PLAIN_BYTES,
        addressing=frozenset({Addressing.TOKEN}),
    ),
    credentials=(
        FieldSpec(
            name="private_key",
            kind="secret",
            label=gettext_noop("Private key"),
            help=gettext_noop(
                "Of a VAPID key pair, 32 bytes of base64. Empty: one is made. Browsers that have "
                "subscribed with another key are not reached."
            ),
            maximum=64,
        ),
        FieldSpec(
            name="test_browser",
            kind="secret",
            label=gettext_noop("Test browser"),
            help=gettext_noop(
                "A subscription as JSON; a check shows a notification there. Empty: in the newest "
                "one of the page Test browsers; without any a check only tries the key."
            ),
            maximum=4096,
        ),
    ),
    account_options=(
        FieldSpec(
            name="contact",
            label=gettext_noop("Contact"),
            help=gettext_noop(
                "How a push service reaches you: mailto:ops@shop.example or an https address. "
                "Safari's refuses pushes without one."
            ),
            pattern=wire_auth.CONTACT.pattern,
            maximum=320,
        ),
        FieldSpec(
            name="services",
            label=gettext_noop("Other push services"),
            help=gettext_noop(
                "Hosts with commas, beside those of Chrome, Firefox, Safari and Edge, whose word "
                "about the key or a message counts. What any other says concerns one browser."
            ),
            maximum=1000,
        ),
    ),
    message_options=wire_messages.OPTION_FIELDS,
    identifier_kinds=(IdentifierKind(TOKEN_KIND, Platform.WEB, is_token=True),),
    carries=CARRIES,
    idempotency=Idempotency.NONE,
    blind_resend=True,  # the same Topic and the same tag: the second replaces the first
    wants_references=True,
    fans_out=True,
    gateway=wire_gateway.GATEWAY,
    make_credentials=make_credentials,
    find_browser_key=find_browser_key,
    find_message_faults=wire_messages.find_faults,
    measure=wire_messages.measure,
    find_credential_faults=wire_secrets.find_credential_faults,
    recognise_secret=wire_secrets.recognise_secret,
    connect=outbound.WebPush,
)
