"""What a recipient sees of a message on the screens of each platform, for the preview's script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from campaigns.services.personalisation import Rendered
from providers.message import InAppContent
from providers.message_fields import Platform
from providers.message_platforms import BLOCK_FIELDS

PICTURES = ("image", "banner", "icon")


def write_screens(
    rendered: Mapping[Platform, Rendered], own: Platform
) -> dict[str, dict[str, Any]]:
    """By platform `title`, `body`, `subtitle`, `buttons` and addresses of `pictures`; `in_app` is
    what the app shows on the recipient's own platform."""
    screens = {one.value: write_screen(rendered[one], one) for one in BLOCK_FIELDS}
    inside = write_screen(rendered[own], own)
    pictures = inside["pictures"]
    said = rendered[own].message
    block = (said.in_app if said else None) or InAppContent()
    titles = {"dismiss_title": block.dismiss_title or "", "open_title": block.open_title or ""}
    banner = pictures["banner"] or (pictures["image"] if own is Platform.IOS else "")
    return screens | {"in_app": inside | titles | {"buttons": [], "pictures": {"banner": banner}}}


def write_screen(rendered: Rendered, platform: Platform) -> dict[str, Any]:
    """One of them."""
    said = rendered.message
    block = getattr(said, platform.value, None)
    return {
        "title": said.title if said else "",
        "body": said.body if said else tell_nothing(rendered),
        "subtitle": getattr(block, "subtitle", None) or "",
        "buttons": [button.title for button in getattr(block, "buttons", None) or ()],
        "pictures": _list_pictures(block),
    }


def _list_pictures(block: Any) -> dict[str, str]:
    """Addresses by where they are shown; on iOS the first attachment is the picture."""
    shown = {name: getattr(block, name, None) or "" for name in PICTURES}
    attached = getattr(block, "attachments", None)
    return shown | ({"image": attached[0].file_url} if attached else {})


def tell_nothing(rendered: Rendered) -> str:
    """Why a recipient gets nothing."""
    if not rendered.missing:
        return rendered.fault
    return _("Gets nothing: %(variable)s is empty.") % {"variable": rendered.missing}
