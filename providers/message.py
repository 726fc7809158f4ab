"""What a push says: common text, per-platform blocks, translations. Plain values.

`message_fields`, `message_platforms` and `message_channels` list and bound the fields,
`message_json` has the JSON form, `message_faults` says what is wrong with a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from providers.languages import Chain
from providers.message_common import choose_tap, list_common
from providers.message_fields import Platform


@dataclass(frozen=True, slots=True)
class Text:
    """Title and body in one language; `platforms` say something else there, by platform.

    `buttons` are titles in the order of the buttons that they belong to, "" for one that stays:
    those of the message, or of a platform that has buttons of its own in `platforms`. `fields` are
    other fields that people read, by their paths in the message (`ios.subtitle`).
    """

    title: str = ""
    body: str = ""
    platforms: Mapping[str, Text] = field(default_factory=dict)
    buttons: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def find(self, platform: Platform, *, has_buttons: bool = False) -> Text:
        """What it says on one platform, which has buttons of its own or not."""
        own = self.platforms.get(platform.value, Text())
        titles = own.buttons or (() if has_buttons else self.buttons)
        return Text(own.title or self.title, own.body or self.body, buttons=titles)

    def find_fields(self, block: str) -> dict[str, Any]:
        """What it says of single fields of one block, by their names there."""
        paths = ((path.partition("."), words) for path, words in self.fields.items())
        return {name: words for (head, _dot, name), words in paths if head == block}


@dataclass(frozen=True, slots=True)
class Button:
    """One action button of a push: a tap opens `link`, or hands `id` to the app."""

    title: str = ""
    link: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidContent:
    """What only Android phones take; None is "not set". Times in ms unless named otherwise."""

    silent: bool | None = None
    title: str | None = None
    body: str | None = None
    icon: str | None = None
    icon_background: str | None = None
    image: str | None = None
    banner: str | None = None
    data: str | None = None
    channel_id: str | None = None
    priority: int | None = None
    collapse_key: int | None = None
    vibration: tuple[int, ...] | None = None
    led_color: str | None = None
    led_interval: int | None = None
    led_pause_interval: int | None = None
    time_to_live: int | None = None
    visibility: str | None = None
    urgency: str | None = None
    deeplink: str | None = None
    sound: str | None = None
    badge: int | None = None
    collapse_id: str | None = None
    buttons: tuple[Button, ...] | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """One media file of an iOS push."""

    id: str = ""
    file_url: str = ""
    file_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IosContent:
    """What only iOS takes; None is "not set". `expiration` in seconds from now."""

    silent: bool | None = None
    title: str | None = None
    body: str | None = None
    subtitle: str | None = None
    badge: int | None = None
    sound: str | None = None
    sound_name: str | None = None
    thread_id: str | None = None
    category: str | None = None
    mutable_content: int | None = None
    expiration: int | None = None
    collapse_id: str | None = None
    data: str | None = None
    attachments: tuple[Attachment, ...] | None = None
    url: str | None = None
    interruption_level: str | None = None
    relevance_score: float | None = None
    target_content_id: str | None = None
    buttons: tuple[Button, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContent:
    """What only browsers take; None is "not set". `time_to_live` in seconds."""

    title: str | None = None
    body: str | None = None
    url: str | None = None
    icon: str | None = None
    image: str | None = None
    extras: Mapping[str, Any] | None = None
    badge: str | None = None
    tag: str | None = None
    require_interaction: bool | None = None
    time_to_live: int | None = None
    urgency: str | None = None
    buttons: tuple[Button, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InAppContent:
    """The same message shown inside the app, and kept in its inbox; None is "not set".

    Times in seconds: how long it may be shown, and how long the inbox keeps it.
    """

    only: bool | None = None
    style: str | None = None
    expires_in: int | None = None
    dismiss_title: str | None = None
    open_title: str | None = None
    tap_kind: str | None = None
    tap_target: str | None = None
    topic: str | None = None
    topic_expires_in: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsContent:
    """The same message as an SMS; None takes the common text."""

    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """The same message as an e-mail; None takes the common title and text."""

    subject: str | None = None
    body: str | None = None


Content = AndroidContent | IosContent | WebContent
BLOCKS: dict[Platform, type[AndroidContent] | type[IosContent] | type[WebContent]] = {
    Platform.ANDROID: AndroidContent,
    Platform.IOS: IosContent,
    Platform.WEB: WebContent,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """One message for every platform and language.

    `channel` is one of `message_fields.CHANNELS`, "" for the vendor alone. `extras` maps a
    dialect's key to fields that only that vendor knows, carried opaquely.

    With `template` "liquid" texts and addresses hold variables (`providers.templates`), and
    `defaults` are texts for those who have no value, by variable. Without, nothing is interpreted.

    `link`, `image` and `buttons` are for every platform whose block says nothing else; None: there
    are none. What a block says is its own, also that there is nothing ("" or an empty list).

    `default_language` is that of the common text, `fallbacks` are languages for those who have no
    translation; "" and None: as the app says.
    """

    title: str = ""
    body: str = ""
    link: str = ""
    image: str = ""
    buttons: tuple[Button, ...] | None = None
    android: AndroidContent | None = None
    ios: IosContent | None = None
    web: WebContent | None = None
    in_app: InAppContent | None = None
    channel: str = ""
    sms: SmsContent | None = None
    email: EmailContent | None = None
    template: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    default_language: str = ""
    fallbacks: tuple[str, ...] | None = None
    translations: Mapping[str, Text] = field(default_factory=dict)
    extras: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def has_platform(self, platform: Platform) -> bool:
        """Whether there is anything to send there: a block of its own or a common text."""
        if platform is Platform.HMOS:
            return bool(self.body)
        return getattr(self, platform.value) is not None or bool(self.body)

    def find_language(self, language: str, chain: Chain | None = None) -> str:
        """The translation a recipient gets, "" for the common text; `chain` is the app's."""
        known = chain or Chain()
        fallbacks = known.fallbacks if self.fallbacks is None else self.fallbacks
        own = Chain(self.default_language or known.default, fallbacks)
        return own.find(language, self.translations)

    def translate(self, language: str) -> Text:
        """The texts of a translation, none for the common text."""
        return self.translations.get(self.find_language(language), Text())

    def resolve(self, platform: Platform, language: str = "") -> PushMessage:
        """The message for one platform and language: text, link, image and buttons folded into the
        block, no others left.

        A translation wins over a block's own text, which wins over the common text.
        """
        block = getattr(self, platform.value, None) or BLOCKS.get(platform, AndroidContent)()
        translated = self.translate(language)
        block = replace(block, **translated.find_fields(platform.value))
        text = translated.find(platform, has_buttons=block.buttons is not None)
        title = text.title or block.title or self.title
        body = text.body or block.body or self.body
        buttons = self.buttons if block.buttons is None else block.buttons
        common = self._list_common(platform, block) | {"buttons": _retitle(buttons, text.buttons)}
        resolved = replace(block, title=title or None, body=body or None, **common)
        folded: dict[str, Any] = {} if platform is Platform.HMOS else {platform.value: resolved}
        return PushMessage(
            title=title,
            body=body,
            in_app=self.resolve_in_app(translated),
            channel=self.channel,
            extras=self.extras,
            **folded,
        )

    def _list_common(self, platform: Platform, block: Content) -> dict[str, Any]:
        """The common link and image as fields of the platform, where its block says nothing."""
        found: dict[str, Any] = {}
        for name, value in list_common(platform, self.link, self.image).items():
            own = getattr(block, name)
            said = (Attachment(file_url=value),) if name == "attachments" else value
            found[name] = said if own is None else own or None
        return found

    def resolve_in_app(self, said: Text | None = None) -> InAppContent | None:
        """The mirror with the words of a translation. Without an address of its own it opens the
        common link."""
        own = self.in_app and replace(self.in_app, **(said or Text()).find_fields("in_app"))
        if own is None or not self.link or own.tap_target is not None:
            return own
        return replace(own, tap_kind=own.tap_kind or choose_tap(self.link), tap_target=self.link)


def _retitle(
    buttons: tuple[Button, ...] | None, titles: tuple[str, ...]
) -> tuple[Button, ...] | None:
    if not buttons or not titles:
        return buttons
    said = (*titles, *[""] * len(buttons))  # who says less leaves the rest as they are
    pairs = zip(buttons, said, strict=False)
    return tuple(replace(button, title=title or button.title) for button, title in pairs)
