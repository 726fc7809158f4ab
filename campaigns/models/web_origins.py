"""Origins of websites, exactly as browsers send them (RFC 6454, section 6.1)."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

MOST = 20  # of one app
HOST = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
SECURE = re.compile(rf"https://{HOST}(?::(?!443\b)[1-9][0-9]{{0,4}})?")
# What browsers take for secure without a certificate: somebody's own machine.
LOCAL = re.compile(r"http://(?:localhost|127\.0\.0\.1)(?::(?!80\b)[1-9][0-9]{0,4})?")


def find_origins_fault(origins: Any) -> str:
    """What is wrong with a list of origins, "" if nothing is."""
    if not isinstance(origins, list) or not all(isinstance(one, str) for one in origins):
        return _("Give a list of origins.")
    if len(origins) > MOST:
        return _("An app has at most %(most)d websites.") % {"most": MOST}
    wrong = next((one for one in origins if not is_origin(one)), None)
    if wrong is None:
        return ""
    words = _(
        "“%(origin)s” is no origin. Write scheme, name and port as a browser does, without a path "
        "and in small letters: https://shop.example. http is for localhost only."
    )
    return words % {"origin": wrong[:100]}


def is_origin(text: str) -> bool:
    """Whether a browser would send just this as the origin of a page that may get pushes."""
    return bool(SECURE.fullmatch(text) or LOCAL.fullmatch(text))
