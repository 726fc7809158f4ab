"""The fields of a message: one list from which the compose form, the API's checks, the loss
report and docs/api are derived. Their names are the native API's names. Those of single platforms
are in `message_platforms`.
"""

from __future__ import annotations

from enum import StrEnum

from providers.fields import FieldSpec, gettext_noop


class Platform(StrEnum):
    """Where an installation of an app lives."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"
    HMOS = "hmos"


MAX_TRANSLATIONS = 200
MAX_LANGUAGE = 64
MAX_DEFAULT = 255
MAX_TITLE = 1024
MAX_BODY = 4096
MAX_ADDRESS = 2048
MAX_TTL_SECONDS = 2_419_200
MAX_BUTTONS = 3
MAX_COLLAPSE_ID = 64

TITLE = FieldSpec(name="title", label=gettext_noop("Title"), maximum=MAX_TITLE)
BODY = FieldSpec(name="body", kind="long_text", label=gettext_noop("Text"), maximum=MAX_BODY)

BUTTONS = FieldSpec(
    name="buttons",
    kind="buttons",
    label=gettext_noop("Buttons"),
    help=gettext_noop("One per line: title | address to open | id for the app. Three at most."),
    maximum=MAX_BUTTONS,
)

COMMON_FIELDS = (TITLE, BODY)
# What is said in another language, for all platforms or one; buttons keep their addresses and ids.
# What else people read is translated where it stands: `message_channels.TRANSLATED`.
TRANSLATED_FIELDS = (
    *COMMON_FIELDS,
    FieldSpec(
        name="buttons",
        kind="titles",
        label=gettext_noop("Titles of buttons"),
        help=gettext_noop("One per line, in the order of the buttons; an empty line leaves one."),
        maximum=MAX_BUTTONS,
    ),
)
# For every platform that says nothing else: `message_common` says in which field of its.
SHARED_FIELDS = (
    FieldSpec(
        name="link",
        kind="link",
        label=gettext_noop("Link"),
        help=gettext_noop(
            "Opened by a tap, on every platform that has no other; empty opens the app."
        ),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="image",
        kind="url",
        label=gettext_noop("Image"),
        help=gettext_noop("Large picture, on every platform that has no other."),
        maximum=MAX_ADDRESS,
    ),
    BUTTONS,
)

CHANNELS = ("vendor", "vendor_first", "own", "own_first", "own_online")
VENDOR_ONLY = frozenset({"", "vendor"})  # "" is what a message without a channel means
OWN_ONLY = frozenset({"own", "own_online"})
DELIVERY_FIELDS = (
    FieldSpec(
        name="channel",
        kind="choice",
        label=gettext_noop("Way to the device"),
        help=gettext_noop("Own channel: the app pulls its inbox from us."),
        choices=CHANNELS,
        choice_labels=(
            gettext_noop("Vendor only"),
            gettext_noop("Vendor first; if that fails, own channel"),
            gettext_noop("Own channel only, kept for who is offline"),
            gettext_noop("Own channel for who is online, else vendor, else kept"),
            gettext_noop("Own channel, only who is online"),
        ),
    ),
)

LIQUID = "liquid"
PERSONAL_FIELDS = (
    FieldSpec(
        name="template",
        kind="choice",
        label=gettext_noop("Variables"),
        help=gettext_noop(
            "liquid: texts and addresses hold variables. Empty: they are as written."
        ),
        choices=("", LIQUID),
    ),
    FieldSpec(
        name="defaults",
        kind="json_object",
        label=gettext_noop("Defaults"),
        help=gettext_noop("By variable, the text for those who have no value."),
    ),
    FieldSpec(
        name="default_language",
        label=gettext_noop("Language of the common text"),
        help=gettext_noop("Empty: the app's."),
        maximum=16,
    ),
    FieldSpec(
        name="fallbacks",
        kind="json",
        label=gettext_noop("Languages instead"),
        help=gettext_noop(
            'For who has no translation, in this order: ["es", "en"]. [] for none; null or '
            "empty: the app's."
        ),
    ),
)
