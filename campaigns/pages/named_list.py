"""Lists of what apps keep under names, such as labels: narrowed by a word, page by page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from campaigns.models import Membership
from campaigns.services.access import has_role

PAGE = 50


def read_list(request: HttpRequest, rows: QuerySet[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The rows of the page that is asked for, by name, and what their template needs besides.

    `rows` are those that the operator may see; parameters are `search` and `page`, from 1.
    """
    term = request.GET.get("search", "").replace("\0", "").strip()[:128]
    rows = rows.select_related("app").order_by("name", "pk")
    if term:
        rows = rows.filter(name__icontains=term)
    page = request.GET.get("page", "1")
    number = int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 6 else 1
    start = (max(1, number) - 1) * PAGE
    shown = list(rows[start : start + PAGE + 1])
    return shown[:PAGE], {
        "search": term,
        "number": number,
        "has_more": len(shown) > PAGE,
        "may_compose": has_role(request.user, None, Membership.Role.COMPOSER),
    }
