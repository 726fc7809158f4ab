"""Fields of a message beside those of platforms: inside the app, as an SMS, as an e-mail."""

from __future__ import annotations

from providers.fields import FieldSpec, gettext_noop
from providers.message_fields import MAX_ADDRESS, MAX_TTL_SECONDS, TRANSLATED_FIELDS, Platform
from providers.message_platforms import SUBTITLE

_DISMISS_TITLE = FieldSpec(
    name="dismiss_title", label=gettext_noop("Button to dismiss"), maximum=255
)
_OPEN_TITLE = FieldSpec(name="open_title", label=gettext_noop("Button to open"), maximum=255)

IN_APP_FIELDS = (
    FieldSpec(
        name="only",
        kind="bool",
        label=gettext_noop("Only in the app"),
        help=gettext_noop("Nothing appears in the phone's notification centre."),
    ),
    FieldSpec(
        name="style",
        kind="choice",
        label=gettext_noop("Shown as"),
        choices=("modal", "banner"),
        choice_labels=(gettext_noop("Dialog"), gettext_noop("Banner")),
    ),
    FieldSpec(
        name="expires_in",
        kind="int",
        label=gettext_noop("Shown for, s"),
        help=gettext_noop("Later it is not shown any more."),
        minimum=0,
        maximum=MAX_TTL_SECONDS,
    ),
    _DISMISS_TITLE,
    _OPEN_TITLE,
    FieldSpec(
        name="tap_kind",
        kind="choice",
        label=gettext_noop("A tap opens"),
        choices=("web_view", "deep_link", "browser"),
        choice_labels=(
            gettext_noop("A page in the app"),
            gettext_noop("A place in the app"),
            gettext_noop("A page in the browser"),
        ),
    ),
    FieldSpec(
        name="tap_target",
        kind="link",
        label=gettext_noop("Address to open"),
        help=gettext_noop("Empty takes the common link."),
        maximum=MAX_ADDRESS,
    ),
    FieldSpec(
        name="topic",
        label=gettext_noop("Inbox topic"),
        help=gettext_noop("Kept in this part of the app's inbox; capitals count."),
        maximum=255,
    ),
    FieldSpec(
        name="topic_expires_in",
        kind="int",
        label=gettext_noop("Kept in the inbox for, s"),
        minimum=60,
        maximum=31_536_000,
    ),
)

SMS_FIELDS = (
    FieldSpec(
        name="body",
        kind="long_text",
        label=gettext_noop("Text"),
        help=gettext_noop("Empty takes the common text."),
        maximum=1600,
    ),
)

EMAIL_FIELDS = (
    FieldSpec(
        name="subject",
        label=gettext_noop("Subject"),
        help=gettext_noop("Empty takes the common title."),
        maximum=255,
    ),
    FieldSpec(
        name="body",
        kind="long_text",
        label=gettext_noop("Text"),
        help=gettext_noop("Empty takes the common text."),
        maximum=20_000,
    ),
)

# Blocks beside those of platforms, by their names in a message.
OTHER_BLOCKS: dict[str, tuple[FieldSpec, ...]] = {
    "in_app": IN_APP_FIELDS,
    "sms": SMS_FIELDS,
    "email": EMAIL_FIELDS,
}

# What a translation says of single fields, by their paths in the message.
TRANSLATED_SINGLY: dict[str, FieldSpec] = {
    f"{block}.{spec.name}": spec
    for block, specs in (
        (Platform.IOS.value, (SUBTITLE,)),
        ("in_app", (_DISMISS_TITLE, _OPEN_TITLE)),
        ("sms", SMS_FIELDS),
        ("email", EMAIL_FIELDS),
    )
    for spec in specs
}
# All that a translation may say, by its path there.
TRANSLATED: dict[str, FieldSpec] = {
    **{spec.name: spec for spec in TRANSLATED_FIELDS},
    **{f"{one.value}.{spec.name}": spec for one in Platform for spec in TRANSLATED_FIELDS},
    **TRANSLATED_SINGLY,
}
