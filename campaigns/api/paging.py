"""Lists: pages by id, and query parameters that are known or refused."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from campaigns.errors import Invalid

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_ID = 2**53
PAGE_PARAMETERS = ("limit", "after")


def check_parameters(request: Request, known: tuple[str, ...]) -> None:
    """Raise Invalid that names query parameters nobody knows, that come twice or hold a NUL."""
    faults = {
        name: _("Unknown query parameter.") for name in request.query_params if name not in known
    }
    faults |= {
        name: _("Give it once.") for name, values in request.query_params.lists() if len(values) > 1
    }
    faults |= {
        name: _("It holds a character that cannot be stored.")  # PostgreSQL refuses it
        for name, text in request.query_params.items()
        if "\0" in text
    }
    if faults:
        raise Invalid(_("Some query parameters are wrong; see fields."), fields=faults)


def read_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query string; raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) < 17
    if not is_number or not least <= int(text) <= most:
        sentence = _("%(name)s is a whole number from %(least)s to %(most)s.") % {
            "name": name, "least": least, "most": most,
        }  # fmt: skip
        raise Invalid(sentence, fields={name: sentence})
    return int(text)


def take_page(
    request: Request, rows: QuerySet[Any], key: str = "pk"
) -> tuple[list[Any], str | None]:
    """Rows after the cursor in the order of `key`, and the absolute address of the next page."""
    limit = read_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    after = read_number(request, "after", 0, 0, MAX_ID)
    found = list(rows.filter(**{f"{key}__gt": after}).order_by(key)[: limit + 1])
    if len(found) <= limit:
        return found, None
    page = found[:limit]
    last = page[-1].pk if key == "pk" else getattr(page[-1], key)
    return page, replace_query_param(request.build_absolute_uri(), "after", last)
