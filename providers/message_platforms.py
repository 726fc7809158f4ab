"""The fields of a message that single platforms have."""

from __future__ import annotations

from providers.fields import FieldSpec, gettext_noop
from providers.message_fields import (
    BODY,
    BUTTONS,
    MAX_ADDRESS,
    MAX_COLLAPSE_ID,
    MAX_TTL_SECONDS,
    TITLE,
    Platform,
)

COLOR_RGB = r"#[0-9A-Fa-f]{6}"
COLOR_ARGB = r"#[0-9A-Fa-f]{8}"

_SILENT = FieldSpec(
    name="silent",
    kind="bool",
    label=gettext_noop("Silent"),
    help=gettext_noop("Wakes the app without showing anything."),
)
_DATA = FieldSpec(
    name="data",
    kind="long_text",
    label=gettext_noop("Data"),
    help=gettext_noop("Opaque text for the app, often JSON."),
    maximum=4096,
)
_COLLAPSE_ID = FieldSpec(
    name="collapse_id",
    label=gettext_noop("Collapse id"),
    help=gettext_noop("A push with the same id replaces the one on the screen."),
    maximum=MAX_COLLAPSE_ID,
)
SUBTITLE = FieldSpec(name="subtitle", label=gettext_noop("Subtitle"), maximum=255)

ANDROID_FIELDS = (
    _SILENT,
    TITLE,
    BODY,
    FieldSpec(
        name="icon",
        label=gettext_noop("Icon"),
        help=gettext_noop("Name of a drawable resource of the app; empty uses the app's icon."),
        maximum=255,
    ),
    FieldSpec(
        name="icon_background",
        kind="color",
        label=gettext_noop("Icon background"),
        help=gettext_noop("#AARRGGBB, for example #FFFFFFFF."),
        pattern=COLOR_ARGB,
    ),
    FieldSpec(
        name="image",
        kind="url",
        label=gettext_noop("Image"),
        help=gettext_noop("Small picture beside the text."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="banner",
        kind="url",
        label=gettext_noop("Banner"),
        help=gettext_noop("Large picture inside the push; empty takes the common image."),
        maximum=MAX_ADDRESS,
    ),
    _DATA,
    FieldSpec(
        name="channel_id",
        label=gettext_noop("Channel"),
        help=gettext_noop("Notification channel of Android 8 and later."),
        maximum=255,
    ),
    FieldSpec(
        name="priority",
        kind="int",
        label=gettext_noop("Priority"),
        minimum=-2,
        maximum=2,
        help=gettext_noop("From -2 (lowest) to 2 (highest)."),
    ),
    FieldSpec(
        name="collapse_key",
        kind="int",
        label=gettext_noop("Collapse key"),
        help=gettext_noop("A push with the same number replaces the one on the screen."),
        minimum=0,
        maximum=2**31 - 1,
    ),
    _COLLAPSE_ID,
    FieldSpec(
        name="vibration",
        kind="int_list",
        label=gettext_noop("Vibration"),
        help=gettext_noop("Milliseconds of pause and buzz in turn, for example 0, 500."),
    ),
    FieldSpec(
        name="led_color",
        kind="color",
        label=gettext_noop("LED colour"),
        help=gettext_noop("#RRGGBB."),
        pattern=COLOR_RGB,
    ),
    FieldSpec(
        name="led_interval",
        kind="int",
        label=gettext_noop("LED on, ms"),
        minimum=0,
        maximum=86_400_000,
    ),
    FieldSpec(
        name="led_pause_interval",
        kind="int",
        label=gettext_noop("LED off, ms"),
        minimum=0,
        maximum=86_400_000,
    ),
    FieldSpec(
        name="time_to_live",
        kind="int",
        label=gettext_noop("Time to live, s"),
        help=gettext_noop("How long the gateway keeps it for a phone that is off."),
        minimum=0,
        maximum=MAX_TTL_SECONDS,
    ),
    FieldSpec(
        name="visibility",
        kind="choice",
        label=gettext_noop("Lock screen"),
        help=gettext_noop("Ignored by Android 8 and later."),
        choices=("secret", "private", "public"),
    ),
    FieldSpec(
        name="urgency",
        kind="choice",
        label=gettext_noop("Urgency"),
        help=gettext_noop("“high” wakes a sleeping phone."),
        choices=("high", "normal"),
    ),
    FieldSpec(
        name="deeplink",
        kind="link",
        label=gettext_noop("Deep link"),
        help=gettext_noop("Opened by a tap; empty takes the common link."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="sound",
        label=gettext_noop("Sound"),
        help=gettext_noop("Name of a sound that the app brings along; older than Android 8."),
        maximum=255,
    ),
    FieldSpec(name="badge", kind="int", label=gettext_noop("Badge"), minimum=0, maximum=9999),
    BUTTONS,
)

IOS_FIELDS = (
    _SILENT,
    TITLE,
    BODY,
    SUBTITLE,
    FieldSpec(name="badge", kind="int", label=gettext_noop("Badge"), minimum=0, maximum=2**31 - 1),
    FieldSpec(
        name="sound",
        kind="choice",
        label=gettext_noop("Sound"),
        choices=("default", "disable"),
    ),
    FieldSpec(
        name="sound_name",
        label=gettext_noop("Sound file"),
        help=gettext_noop("Name of a sound that the app brings along."),
        maximum=255,
    ),
    FieldSpec(name="thread_id", label=gettext_noop("Thread"), maximum=255),
    FieldSpec(
        name="category",
        label=gettext_noop("Category"),
        help=gettext_noop("Action category that the app declares."),
        maximum=255,
    ),
    FieldSpec(
        name="mutable_content",
        kind="int",
        label=gettext_noop("Mutable content"),
        help=gettext_noop("1 lets the app's extension report delivery."),
        minimum=0,
        maximum=1,
    ),
    FieldSpec(
        name="expiration",
        kind="int",
        label=gettext_noop("Expires after, s"),
        minimum=0,
        maximum=MAX_TTL_SECONDS,
    ),
    _COLLAPSE_ID,
    FieldSpec(
        name="interruption_level",
        kind="choice",
        label=gettext_noop("Interruption level"),
        help=gettext_noop("Which focus it breaks through; critical needs Apple's leave."),
        choices=("passive", "active", "time-sensitive", "critical"),
        choice_labels=(
            gettext_noop("Passive: in the list only"),
            gettext_noop("Active: lights the screen"),
            gettext_noop("Time sensitive: breaks through a focus"),
            gettext_noop("Critical: sounds even when muted"),
        ),
    ),
    FieldSpec(
        name="relevance_score",
        kind="number",
        label=gettext_noop("Relevance"),
        help=gettext_noop("From 0 to 1; the highest leads the summary."),
        minimum=0,
        maximum=1,
    ),
    FieldSpec(
        name="target_content_id",
        label=gettext_noop("Window"),
        help=gettext_noop("Id of the app's window that comes to the front."),
        maximum=255,
    ),
    _DATA,
    FieldSpec(
        name="attachments",
        kind="attachments",
        label=gettext_noop("Attachments"),
        help=gettext_noop(
            "One per line: URL, then optionally a type and an id. Empty takes the common image."
        ),
    ),
    FieldSpec(
        name="url",
        kind="link",
        label=gettext_noop("URL"),
        help=gettext_noop("Opened by a tap; empty takes the common link."),
        maximum=MAX_ADDRESS,
    ),
    BUTTONS,
)

WEB_FIELDS = (
    TITLE,
    BODY,
    FieldSpec(
        name="url",
        kind="url",
        label=gettext_noop("URL"),
        help=gettext_noop("Opened by a click; empty takes the common link, if it is a page."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(name="icon", kind="url", label=gettext_noop("Icon"), maximum=MAX_ADDRESS),
    FieldSpec(
        name="image",
        kind="url",
        label=gettext_noop("Image"),
        help=gettext_noop("Large picture; empty takes the common image."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="extras",
        kind="json_object",
        label=gettext_noop("Extras"),
        help=gettext_noop("A JSON object for the page's service worker."),
    ),
    FieldSpec(
        name="badge",
        kind="url",
        label=gettext_noop("Badge"),
        help=gettext_noop("Small one-coloured picture for the status bar."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="tag",
        label=gettext_noop("Tag"),
        help=gettext_noop("A push with the same tag replaces the one on the screen."),
        maximum=MAX_COLLAPSE_ID,
    ),
    FieldSpec(
        name="require_interaction",
        kind="bool",
        label=gettext_noop("Stays until it is dealt with"),
    ),
    FieldSpec(
        name="time_to_live",
        kind="int",
        label=gettext_noop("Time to live, s"),
        help=gettext_noop("How long the gateway keeps it for a browser that is off."),
        minimum=0,
        maximum=MAX_TTL_SECONDS,
    ),
    FieldSpec(
        name="urgency",
        kind="choice",
        label=gettext_noop("Urgency"),
        help=gettext_noop("What a browser short of power may leave for later."),
        choices=("very-low", "low", "normal", "high"),
    ),
    BUTTONS,
)

BLOCK_FIELDS: dict[Platform, tuple[FieldSpec, ...]] = {
    Platform.ANDROID: ANDROID_FIELDS,
    Platform.IOS: IOS_FIELDS,
    Platform.WEB: WEB_FIELDS,
}
