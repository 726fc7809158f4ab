"""Where a problem is mended: the page of what it is about, or its field on the compose page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy

from campaigns.pages.field_ids import find_field_id
from campaigns.services.messages import Problem

# What a problem may be about, by the name of its model.
WORDS = {
    "account": gettext_lazy("Open the account"),
    "app": gettext_lazy("Open the routes of the app"),
    "scenario": gettext_lazy("Open the scenario"),
    "campaign": gettext_lazy("Open that campaign"),
    "transfer": gettext_lazy("Open what the script sends"),
}
# What has a page of its own, besides that in the admin.
PAGES = {"campaign": "campaign", "transfer": "transfer"}
# Where else than at one thing, or in the draft, something is seen to: the page, who may open it and
# what it is.
ELSEWHERE = {
    "left_out": ("suppressions", "view_person", gettext_lazy("Open the suppression list")),
    "no_token": ("admin:campaigns_device_changelist", "view_device", gettext_lazy("See them")),
    "not_compared": ("calendar", "view_campaign", gettext_lazy("Open the calendar")),
    "queue_full": ("home", "view_campaign", gettext_lazy("See what is running")),
}
# What of a list is meant, of the app that the problem is about.
NARROWED = {"no_token": "?app__id__exact={app}&token_state__in=disabled,missing"}
# Of a vendor that no route leads to the page has no fields.
LOST = frozenset({"lossy", "loses"})


@dataclass(frozen=True, slots=True)
class Told:
    """A problem, the address where it is mended and the words of the link, and the id of the field
    on the compose page. What the reader has no page for is "".
    """

    problem: Problem
    address: str = ""
    words: str = ""
    field_id: str = ""


def tell_problems(
    problems: Iterable[Problem], user: Any, languages: Sequence[str] = ()
) -> list[Told]:
    """Problems with the ways to mend them that this user has; `languages` of the translations in
    the order in which compose has them."""
    return [_tell(problem, user, languages) for problem in problems]


def _tell(problem: Problem, user: Any, languages: Sequence[str]) -> Told:
    kind, _colon, number = problem.subject.partition(":")
    address, words = "", ""
    if problem.code in ELSEWHERE:
        name, permission, label = ELSEWHERE[problem.code]
        address = find_page(name) if user.has_perm(f"campaigns.{permission}") else ""
        address += NARROWED.get(problem.code, "").format(app=number) if address else ""
        words = str(label) if address else ""
    elif kind in WORDS and user.has_perm(f"campaigns.view_{kind}"):
        address = find_page(PAGES.get(kind, f"admin:campaigns_{kind}_change"), int(number))
        words = str(WORDS[kind]) if address else ""
    return Told(problem, address, words, _find_field(problem, languages))


def _find_field(problem: Problem, languages: Sequence[str]) -> str:
    is_lost = problem.code in LOST and problem.field.startswith("message.extras")
    return "" if is_lost else find_field_id(problem.field, languages)


def find_page(name: str, *args: int) -> str:
    """The address of a page, "" while there is none of that name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
