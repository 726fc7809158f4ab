"""Two persons made one: who the other is, what would move and clash, and the merge itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, Refused
from campaigns.models import Person
from campaigns.pages.people import SearchForm, list_hits
from campaigns.pages.person import require_change
from campaigns.pages.person_fields import PERSON_FIELDS
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.selectors.lookup import find_matches
from campaigns.selectors.profile import find_person
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import name_actor
from campaigns.services.merges import merge_persons, plan_merge

MOST_SHOWN = 20


@operator_page
def merge_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Who is the same person as this one? Found, shown with what would happen, and merged."""
    keep = find_person(request.user, pk)
    require_change(request, keep)
    if request.method == "POST":
        return _merge(request, keep)
    form = SearchForm(request.GET if "who" in request.GET else None)
    who = form.cleaned_data["who"].strip() if form.is_valid() else ""
    found = [hit.person for hit in list_hits(find_matches(who, request.user)) if hit.person]
    others = [person for person in found if person.pk != keep.pk][:MOST_SHOWN]
    context: dict[str, Any] = {"person": keep, "form": form, "who": who, "others": others}
    if len(others) == 1:
        context |= _plan(keep, others[0])
    title = _("Merge somebody into %(name)s") % {"name": keep}
    return draw_page(request, "pages/merge.html", title, context)


def _plan(keep: Person, gone: Person) -> dict[str, Any]:
    """What the page shows before anything is done; or why it cannot be."""
    try:
        plan = plan_merge(keep, gone)
    except Refused as refusal:
        return {"gone": gone, "refusal": refusal.message}
    return {
        "gone": gone,
        "plan": plan,
        "filled": [_name(field) for field in plan.filled],
        "clashes": [
            (_name(field), field in PERSON_FIELDS, stays, goes)
            for field, stays, goes in plan.conflicts
        ],
    }


def _name(field: str) -> str:
    """A field of a person as their page names it."""
    return str(PERSON_FIELDS.get(field, field.removeprefix("attributes.")))


def _merge(request: HttpRequest, keep: Person) -> HttpResponse:
    number = read_id(request.POST.get("gone", ""))
    try:
        if not number:
            raise Invalid(_("Say who goes."))
        gone = find_person(request.user, number)
        merge_persons(keep, gone, actor=name_actor(request.user), now=timezone.now())
    except Refused as refusal:
        tell_refusal(request, refusal)
        return redirect("merge_person", pk=keep.pk)
    messages.success(request, _("They are one person now. It can be taken back on this page."))
    return redirect("person", pk=keep.pk)
