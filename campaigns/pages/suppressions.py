"""The suppression list: searched by an exact value, added to and taken from, one or many."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import App, Membership, Suppression, Workspace
from campaigns.pages.fields import LinesArea, PageForm
from campaigns.pages.paging import read_page
from campaigns.pages.row_history import find_list_history
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.selectors.identifiers import identifier_kinds
from campaigns.selectors.seals import list_kinds
from campaigns.services.access import find_apps, find_workspaces, name_actor, require_role
from campaigns.services.suppression_jobs import Removal, read_entries, upload_suppressions
from campaigns.services.suppressions import (
    MAX_ENTRIES,
    REMOVAL_REASONS,
    Changed,
    Place,
    Terms,
    add_suppressions,
    find_entries,
    list_counts,
    remove_rows,
    remove_suppressions,
)

PAGE = 50
ROLE = Membership.Role.COMPOSER
KIND_WORDS = {
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "external_user_id": gettext_lazy("External user id"),
    "token": gettext_lazy("Push token"),
}


def name_kind(kind: str) -> str:
    """A kind of identifier for people: `Google advertising id`, `Device id hash`."""
    if kind in KIND_WORDS:
        return str(KIND_WORDS[kind])
    known = identifier_kinds().get(kind)
    words = kind.replace("_", " ")
    return _(known.label) if known and known.label else words[:1].upper() + words[1:]


class ListForm(PageForm):
    """Identifiers, pasted or as a file, and for which apps and channel."""

    place = forms.ChoiceField(label=gettext_lazy("For"))
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        help_text=gettext_lazy("A line may name another kind before its value: phone,4930123456"),
    )
    values = forms.CharField(
        label=gettext_lazy("Identifiers"),
        required=False,
        max_length=1_000_000,
        widget=LinesArea({"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("One per line, at most 10,000; a file takes more."),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file"),
        required=False,
        widget=forms.FileInput({"accept": ".txt,.csv,text/plain,text/csv"}),
        help_text=gettext_lazy("One per line, UTF-8, at most 50 MB. It is worked off as a job."),
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=Suppression.Channel.choices, required=False
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = _list_places(principal)
        self.offer_choices("place", [(key, label) for key, (label, _place) in self.places.items()])
        self.offer_choices("kind", [(kind, name_kind(kind)) for kind in list_kinds()])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        lines = given.get("values", "").splitlines()
        if bool(given.get("file")) == any(line.strip() for line in lines):
            self.add_error("values", _("Paste identifiers, or choose a file: one of the two."))
        given["entries"] = [
            entry for entry in read_entries(lines, given.get("kind", "")) if entry is not None
        ]
        if len(given["entries"]) > MAX_ENTRIES:
            words = _("At most %(maximum)s at a time; upload a file for more.")
            self.add_error("values", words % {"maximum": MAX_ENTRIES})
        return given

    def find_place(self) -> Place:
        """The place that was chosen."""
        return self.places[self.cleaned_data["place"]][1]


class AddForm(ListForm):
    """What goes onto the list."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"), choices=Suppression.Reason.choices, initial="by_hand"
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("Where this comes from, such as a ticket's number."),
    )
    until = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("Empty: for ever. Else to the beginning of that day, UTC."),
    )

    def read_terms(self) -> Terms:
        """The terms of all of them."""
        given, until = self.cleaned_data, self.cleaned_data["until"]
        return Terms(
            reason=given["reason"],
            channel=given["channel"],
            source=given["source"].strip(),
            until=datetime.combine(until, time(), UTC) if until else None,
        )


class RemoveForm(ListForm):
    """What comes off it."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=list(REMOVAL_REASONS.items()))


FORMS: dict[str, type[ListForm]] = {"add": AddForm, "remove": RemoveForm}


def _list_places(principal: Any) -> dict[str, tuple[str, Place]]:
    """By key: the words and the place, wherever the operator may change the list."""
    places: dict[str, tuple[str, Place]] = {}
    for workspace in find_workspaces(principal, ROLE).order_by("name"):
        words = _("Every app of %(workspace)s") % {"workspace": workspace.name}
        places[f"w{workspace.pk}"] = (words, Place(workspace))
    for app in find_apps(principal, ROLE).select_related("workspace").order_by("name"):
        places[f"a{app.pk}"] = (app.name, Place(app.workspace, app))
    return places


@operator_page
def suppressions(request: HttpRequest) -> HttpResponse:
    """The list, newest first or by an exact value, and the two forms; a POST changes it."""
    require_role(request.user, None, Membership.Role.VIEWER)
    verb = request.POST.get("verb", "")
    form = None
    if verb in FORMS:
        form = FORMS[verb](request.POST, request.FILES, prefix=verb, principal=request.user)
    if form is not None and form.is_valid():
        answer = _change(request, form)
        if answer is not None:
            return answer
    return _draw(request, form)


def _change(request: HttpRequest, form: ListForm) -> HttpResponse | None:
    """Do it; None, with the form's errors, when it is refused."""
    given, place = form.cleaned_data, form.find_place()
    by: dict[str, Any] = {"actor": name_actor(request.user), "now": timezone.now()}
    what: Terms | Removal
    if isinstance(form, AddForm):
        what = form.read_terms()
    else:
        what = Removal(given["reason"], given["channel"])
    try:
        if given["file"]:
            blocks = given["file"].chunks()
            job = upload_suppressions(place, blocks, what, kind=given["kind"], **by)
            return redirect("job", job.pk)
        if isinstance(what, Terms):
            done = add_suppressions(place, given["entries"], what, **by)
        else:
            done = remove_suppressions(
                place, given["entries"], channel=what.channel, reason=what.reason, **by
            )
    except Refused as refusal:
        for sentence in form.place_faults(refusal.fields or {"values": refusal.message}).values():
            form.add_error(None, sentence)
        return None
    if done.rejected:
        form.add_error("values", _describe_rejected(done, given["entries"]))
        messages.info(request, _describe(done))
        return None
    messages.success(request, _describe(done))
    return redirect("suppressions")


def _describe(done: Changed) -> str:
    words = _("%(changed)d changed, %(same)d were so already.")
    return words % {"changed": done.changed, "same": done.same}


def _describe_rejected(done: Changed, entries: list[Any]) -> str:
    first = done.rejected[0]
    words = _("%(count)d were left out, the first is %(value)s. Mend or remove them.")
    return words % {"count": len(done.rejected), "value": entries[first.index].value[:60]}


def _draw(request: HttpRequest, form: ListForm | None) -> HttpResponse:
    text = request.GET.get("value", "").strip()
    # Joined, SQLite would begin with the few workspaces and sort all of the list.
    rows = Suppression.objects.for_user(request.user).prefetch_related("app", "workspace")
    found = find_entries(rows, text) if text and "\0" not in text else rows
    shown, page = read_page(request, found, PAGE)
    places = _list_places(request.user)
    context = {
        "rows": [
            {"row": row, "kind": name_kind(row.kind), "may_remove": _key(row) in places}
            for row in shown
        ],
        **page,
        "value": text,
        "history_page": find_list_history(request.user, Suppression),
        "now": timezone.now(),
        "counts": _list_counts(request.user),
        "may_change": bool(places),
        # The same in each row: drawn once.
        "reasons": format_html_join("", '<option value="{}">{}</option>', REMOVAL_REASONS.items()),
        **_list_forms(request, form),
    }
    status = 422 if form is not None else 200
    return draw_page(request, "pages/suppressions.html", _("Suppressions"), context, status=status)


def _key(row: Suppression) -> str:
    return f"a{row.app_id}" if row.app_id else f"w{row.workspace_id}"


def _list_counts(principal: Any) -> list[tuple[str, int]]:
    counts = list_counts(Workspace.objects.for_user(principal).values("pk"))
    return [(name_kind(kind), count) for kind, count in counts.items()]


def _list_forms(request: HttpRequest, form: ListForm | None) -> dict[str, Any]:
    by_verb = {verb: form(prefix=verb, principal=request.user) for verb, form in FORMS.items()}
    if form is not None:
        by_verb[str(form.prefix)] = form
    is_open = str(form.prefix) if form is not None else ""
    return {"add_form": by_verb["add"], "remove_form": by_verb["remove"], "is_open": is_open}


@require_POST
@operator_page
def unsuppress(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one entry off the list, with a reason."""
    rows = Suppression.objects.for_user(request.user)
    row: Any = rows.select_related("app__workspace", "workspace").filter(pk=pk).first()
    if row is None:
        raise NotFound(_("There is no such entry."))
    place: App | Workspace = row.app or row.workspace
    require_role(request.user, place, ROLE)
    try:
        remove_rows(
            Suppression.objects.filter(pk=pk),
            row.workspace,
            reason=request.POST.get("reason", ""),
            actor=name_actor(request.user),
            now=timezone.now(),
        )
        messages.success(request, _("Taken off the list."))
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("suppressions")
