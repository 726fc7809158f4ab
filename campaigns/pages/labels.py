"""Labels: the list, one with its members, and changing them a few at a time or in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns.errors import NotFound, Refused
from campaigns.models import App, Job, Label, Membership, Person, Segment
from campaigns.pages.fields import LinesArea, PageForm
from campaigns.pages.jobs import describe_job
from campaigns.pages.named_list import read_list
from campaigns.pages.offer import Offer, read_offer
from campaigns.pages.row_history import find_history
from campaigns.pages.shell import draw_page, operator_page, show_page, tell_refusal
from campaigns.pages.stretch import read_stretch
from campaigns.pages.suppressions import name_kind
from campaigns.pages.without_app import draw_composed
from campaigns.selectors.lookup import find_person_ids
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.seals import list_kinds
from campaigns.selectors.uses import MOST, list_label_uses
from campaigns.services import audience
from campaigns.services import labels as services
from campaigns.services.access import find_apps, has_role, name_actor, require_role
from campaigns.services.erase_find import PERSON_NUMBER
from campaigns.services.labels import BulkVerb
from providers.recipients import PersonKind

Role = Membership.Role
PAGE = 50
FOUND = 20  # persons that one search shows
MAX_ID = 2**53


class LabelForm(PageForm):
    """What it is called, and what for."""

    app = forms.ModelChoiceField(App.objects.none(), label=gettext_lazy("App"), empty_label=None)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=128)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)


class SegmentForm(PageForm):
    """Everybody whom a segment means."""

    segment = forms.ModelChoiceField(
        Segment.objects.none(), label=gettext_lazy("Segment"), empty_label=gettext_lazy("Choose")
    )
    offered: Offer | None = None


class IdsForm(PageForm):
    """Whoever has one of these ids."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        help_text=gettext_lazy("A line may name another kind before its value: phone,4930123456"),
    )
    ids = forms.CharField(
        label=gettext_lazy("Ids"),
        max_length=1_000_000,
        widget=LinesArea({"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("One per line. A file takes more."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(kind, name_kind(kind)) for kind in list_kinds()]
        self.offer_choices("kind", [*kinds, (PERSON_NUMBER, _("Our number of a person"))])
        self.fields["kind"].initial = PersonKind.EXTERNAL_USER_ID.value


def find_label(principal: Any, pk: int) -> Label:
    """Raises NotFound."""
    rows = Label.objects.for_user(principal).select_related("app__workspace")
    label: Label | None = rows.filter(pk=pk).first() if pk < MAX_ID else None
    if label is None:
        raise NotFound(_("There is no such label."))
    return label


@operator_page
def labels(request: HttpRequest) -> HttpResponse:
    """Labels that the operator sees, by name, page by page; archived ones apart."""
    is_archive = request.GET.get("archived") == "1"
    rows = Label.objects.for_user(request.user).filter(archived_at__isnull=not is_archive)
    found, context = read_list(request, rows)
    context |= {"labels": found, "is_archive": is_archive}
    return draw_page(request, "pages/labels.html", _("Labels"), context)


@operator_page
def new_label(request: HttpRequest) -> HttpResponse:
    """An empty form, and a label from it."""
    apps = find_apps(request.user, Role.COMPOSER).order_by("pk")
    if not apps:
        return draw_composed(request, _("New label"))
    form = LabelForm(request.POST or None, initial={"app": request.GET.get("app", "")})
    form.offer("app", apps)
    if form.is_valid():
        try:
            label = audience.create_label(**form.cleaned_data, **_by(request))
            messages.success(request, _("The label is made; add people to it."))
            return redirect("label", label.pk)
        except Refused as refusal:
            _place(form, refusal)
    status = 422 if form.errors else 200
    return draw_page(request, "pages/label_new.html", _("New label"), {"form": form}, status=status)


@operator_page
def label_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One label with its members; a POST changes its name and description."""
    label = find_label(request.user, pk)
    if request.method != "POST":
        return _draw(request, label)
    require_role(request.user, label.app, Role.COMPOSER)
    form = _make_form(label, request.POST)
    if form.is_valid():
        try:
            audience.update_label(find_label(request.user, pk), **form.cleaned_data, **_by(request))
            messages.success(request, _("Saved."))
            return redirect("label", pk)
        except Refused as refusal:
            _place(form, refusal)
    return _draw(request, label, {"form": form})


@operator_page
def label_members(request: HttpRequest, pk: int) -> HttpResponse:
    """Add or remove in bulk, by a segment or by ids: as a job."""
    label = find_label(request.user, pk)
    if request.method != "POST":
        return show_page(request, "label", pk)
    require_role(request.user, label.app, Role.COMPOSER)
    verb = BulkVerb.REMOVE if request.POST.get("verb") == BulkVerb.REMOVE else BulkVerb.ADD
    is_segment = request.POST.get("by") == "segment"
    form = _make_segment_form(request, label, request.POST) if is_segment else IdsForm(request.POST)
    if form.is_valid():
        try:
            return redirect("job", _begin(request, label, verb, form).pk)
        except Refused as refusal:
            _place(form, refusal)
    return _draw(request, label, {"segment_form" if is_segment else "ids_form": form})


def _begin(request: HttpRequest, label: Label, verb: BulkVerb, form: PageForm) -> Job:
    given = form.cleaned_data
    if "segment" in given:
        return services.change_by_segment(label, verb, given["segment"], **_by(request))
    lines = services.IdLines([given["ids"].encode()], given["kind"])
    return services.change_by_list(label, verb, lines, principal=request.user, **_by(request))


@require_POST
@operator_page
def label_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Add or remove the one person that was found, at once."""
    label = find_label(request.user, pk)
    require_role(request.user, label.app, Role.COMPOSER)
    who = Person.objects.filter(pk=read_id(request.POST.get("person", "")))
    is_removal = request.POST.get("verb") == BulkVerb.REMOVE
    change = audience.remove_members if is_removal else audience.add_members
    done = change(label, who, principal=request.user, **_by(request))
    words = _("%(count)d removed.") if is_removal else _("%(count)d added.")
    messages.success(request, words % {"count": done.changed})
    return redirect("label", pk)


@require_POST
@operator_page
def label_archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer it no more."""
    label = find_label(request.user, pk)
    require_role(request.user, label.app, Role.COMPOSER)
    services.archive_label(label, **_by(request))
    messages.success(request, _("It is in the archive. What names it goes on meaning its members."))
    return redirect("label", pk)


@require_POST
@operator_page
def label_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer it again."""
    label = find_label(request.user, pk)
    require_role(request.user, label.app, Role.COMPOSER)
    services.restore_label(label, **_by(request))
    messages.success(request, _("It is offered again."))
    return redirect("label", pk)


@require_POST
@operator_page
def label_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget it and who carries it, unless something uses it."""
    label = find_label(request.user, pk)
    require_role(request.user, label.app, Role.COMPOSER)
    try:
        audience.delete_label(label, **_by(request))
    except Refused as refusal:
        tell_refusal(request, refusal)
        return redirect("label", pk)
    messages.success(request, _("%(name)s is deleted.") % {"name": label.name})
    return redirect("labels")


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": name_actor(request.user), "now": timezone.now()}


def _place(form: PageForm, refusal: Refused) -> None:
    """Show a refusal at its fields, or above them all."""
    for sentence in form.place_faults(refusal.fields or {"": refusal.message}).values():
        form.add_error(None, sentence)


def _make_form(label: Label, posted: Any = None) -> LabelForm:
    form = LabelForm(posted, initial={"name": label.name, "description": label.description})
    del form.fields["app"]
    return form


def _make_segment_form(request: HttpRequest, label: Label, posted: Any = None) -> SegmentForm:
    """Of many segments those are listed that a search has found, and any may be posted."""
    form = SegmentForm(posted, initial={"segment": request.GET.get("segment", "")})
    rows = Segment.objects.filter(app=label.app_id).order_by("name", "pk")
    form.offer("segment", rows)
    form.offered = read_offer(request, "segment_search", rows, str(form["segment"].value() or ""))
    choices = [("", _("Choose")), *((row.pk, row.name) for row in form.offered.listed)]
    cast(forms.Select, form.fields["segment"].widget).choices = choices
    return form


def _draw(
    request: HttpRequest, label: Label, forms: Mapping[str, PageForm] | None = None
) -> HttpResponse:
    after = read_id(request.GET.get("after", ""))
    seen = Person.objects.for_user(request.user).filter(workspace_id=label.app.workspace_id)
    carriers = label.members.filter(person_id__gt=after)
    shown = list(carriers.select_related("person").order_by("person_id")[: PAGE + 1])
    now = timezone.now()
    context = {
        "label": label,
        "history_page": find_history(request.user, label, label.app.workspace),
        "may_change": has_role(request.user, label.app, Role.COMPOSER),
        "members": shown[:PAGE],
        "after": shown[PAGE - 1].person_id if len(shown) > PAGE else "",
        "is_first": not after,
        "uses": read_stretch(request, "uses", list_label_uses(label, most=None), MOST),
        "jobs": [describe_job(job, now) for job in services.list_jobs(label)],
        "form": _make_form(label),
        "segment_form": _make_segment_form(request, label),
        "ids_form": IdsForm(),
        **_search(request, label, seen),
        **(forms or {}),
    }
    return draw_page(request, "pages/label.html", label.name, context, status=422 if forms else 200)


def _search(request: HttpRequest, label: Label, seen: Any) -> dict[str, Any]:
    """Persons whom the search means, and which of them carry the label."""
    who = request.GET.get("who", "").replace("\0", "").strip()[:4096]
    if not who:
        return {"who": "", "found": []}
    rows = seen.filter(pk__in=find_person_ids(who, request.user)).order_by("pk")
    persons = list(rows[: FOUND + 1])
    carrying = set(label.members.filter(person__in=persons).values_list("person_id", flat=True))
    return {
        "who": who,
        "found": [(person, person.pk in carrying) for person in persons[:FOUND]],
        "is_cut": len(persons) > FOUND,
    }
