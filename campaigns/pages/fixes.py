"""Where a problem is mended: the page of what it is about, or the field on this page."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse


def find_page(name: str, *args: int) -> str:
    """The address of a page, "" while there is none of that name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
