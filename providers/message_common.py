"""Common fields for which platforms have fields of their own: which, and where they hold."""

from __future__ import annotations

import re

from providers.message_fields import Platform

# By common field, the field that it stands for on each platform that has one.
PLACES: dict[str, dict[str, str]] = {
    "link": {Platform.ANDROID: "deeplink", Platform.IOS: "url", Platform.WEB: "url"},
    "image": {Platform.ANDROID: "banner", Platform.IOS: "attachments", Platform.WEB: "image"},
    "buttons": {Platform.ANDROID: "buttons", Platform.IOS: "buttons", Platform.WEB: "buttons"},
}
# Variables come behind it: no value decides whether a browser could open it.
WEB_PAGE = re.compile(r"https?://", re.IGNORECASE)


def find_place(field: str, platform: str) -> str:
    """The path of the platform's own field for a common one, "" where it has none."""
    name = PLACES.get(field, {}).get(platform)
    return f"{platform}.{name}" if name else ""


def find_common(path: str) -> str:
    """The common field that holds where a platform's own says nothing, "" for none."""
    platform, _dot, name = path.partition(".")
    return next((one for one, places in PLACES.items() if places.get(platform) == name), "")


def is_page(link: str) -> bool:
    """Whether a link is a page of the web, as far as it says before its first variable."""
    return WEB_PAGE.match(link) is not None


def holds_on(field: str, platform: str, value: str) -> bool:
    """Whether a common link or image means something there: browsers open pages alone."""
    return bool(value) and (field != "link" or platform != Platform.WEB or is_page(value))


def list_common(platform: str, link: str, image: str) -> dict[str, str]:
    """What the common link and image say on a platform, by its own fields."""
    return {
        PLACES[field][platform]: value
        for field, value in (("link", link), ("image", image))
        if platform in PLACES[field] and holds_on(field, platform, value)
    }


def choose_tap(link: str) -> str:
    """How the app opens a link that is no more than an address: where the push leads, too."""
    return "browser" if is_page(link) else "deep_link"
