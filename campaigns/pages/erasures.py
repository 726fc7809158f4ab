"""Erasing people: a list is checked, then erased as a job; who may come back; what is held."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.errors import Forbidden, Refused
from campaigns.models import Job, Membership, Workspace
from campaigns.pages.fields import LinesArea, PageForm
from campaigns.pages.shell import draw_page, operator_page
from campaigns.pages.suppressions import name_kind
from campaigns.selectors.access_request import collect_held
from campaigns.selectors.held import ALIAS_KIND
from campaigns.selectors.newest import list_newest
from campaigns.selectors.profile import find_person
from campaigns.selectors.row_ids import read_id
from campaigns.selectors.seals import list_kinds
from campaigns.services.access import name_actor, record_audit, require_role
from campaigns.services.erase import ERASE, is_wide, may_erase, sift, start_erasure
from campaigns.services.erase_find import PERSON_NUMBER
from campaigns.services.suppression_jobs import read_entries
from campaigns.services.tombstones import lift_tombstones

ROLE = Membership.Role.ADMIN
SHOWN = 20
MOST_CHECKED = 10_000
LIFT_WORDS = {
    "consent": gettext_lazy("They asked to come back"),
    "mistake": gettext_lazy("Erased by mistake"),
    "other": gettext_lazy("Another reason"),
}


class NamesForm(PageForm):
    """Identifiers of people."""

    workspace = forms.ChoiceField(label=gettext_lazy("Workspace"))
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        help_text=gettext_lazy("A line may name another kind before its value: phone,4930123456"),
    )
    values = forms.CharField(
        label=gettext_lazy("Identifiers"),
        required=False,
        max_length=1_000_000,
        widget=LinesArea({"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("One per line, at most 10,000."),
    )

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspaces = {str(one.pk): one for one in Workspace.objects.for_user(principal)}
        choices = [(key, one.name) for key, one in self.workspaces.items()]
        self.offer_choices("workspace", choices)
        kinds = [(kind, name_kind(kind)) for kind in list_kinds()]
        self.offer_choices("kind", [*kinds, *self.others()])

    def clean_values(self) -> str:
        text: str = self.cleaned_data["values"]
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > MOST_CHECKED:
            raise forms.ValidationError(_("At most 10,000 at a time; use the API for more."))
        return "\n".join(lines)

    def others(self) -> list[tuple[str, str]]:
        """What a person may be named by besides their identifiers."""
        return [(PERSON_NUMBER, _("Our number of a person"))]

    @property
    def chosen(self) -> Workspace:
        """The workspace that was chosen."""
        return self.workspaces[self.cleaned_data["workspace"]]


class EraseForm(NamesForm):
    """Whom to erase. What is erased for good is typed once more, as a number."""

    file = forms.FileField(
        label=gettext_lazy("Or a file"),
        required=False,
        widget=forms.FileInput({"accept": ".txt,.csv,text/plain,text/csv"}),
        help_text=gettext_lazy("One per line, UTF-8, at most 10,000 lines when it is checked."),
    )
    typed = forms.IntegerField(
        label=gettext_lazy("Number of people"),
        required=False,
        min_value=0,
        help_text=gettext_lazy("Check first; then type how many were found, and erase."),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("file"):
            text = given["file"].read(20_000_001).decode("utf-8-sig", "replace")
            given["values"] = text
            if len(text.splitlines()) > MOST_CHECKED:
                self.add_error("file", _("At most 10,000 at a time; use the API for more."))
        if not given.get("values", "").strip():
            self.add_error("values", _("Name somebody, or choose a file."))
        return given


class LiftForm(NamesForm):
    """Whose identifiers may come back, and why."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=list(LIFT_WORDS.items()))

    def others(self) -> list[tuple[str, str]]:
        """An alias is no identifier of its own, and stays away all the same."""
        return [*super().others(), (ALIAS_KIND, name_kind(ALIAS_KIND))]


@operator_page
def erasures(request: HttpRequest) -> HttpResponse:
    """Check a list, erase it, let somebody come back; and the erasures there were."""
    require_role(request.user, None, ROLE)
    verb = request.POST.get("verb", "")
    if verb == "lift":
        form: NamesForm = LiftForm(request.POST, prefix="lift", principal=request.user)
    else:
        given = request.POST if verb else None
        form = EraseForm(
            given, request.FILES or None, prefix="erase", principal=request.user,
            initial=_read_start(request),
        )  # fmt: skip
    found = None
    if verb and form.is_valid():
        try:
            if isinstance(form, LiftForm):
                return _lift(request, form)
            found = _check(request, form)
            if verb == "erase" and form.cleaned_data.get("typed") == found["total"] > 0:
                return _erase(request, form)
            if verb == "erase":
                words = _("Type %(total)d, the number of people and lone devices found below.")
                form.add_error("typed", words % {"total": found["total"]})
        except Refused as refusal:
            for name, sentence in (refusal.fields or {"values": refusal.message}).items():
                form.add_error(name if name in form.fields else None, sentence)
    return _draw(request, form, found, is_posted=bool(verb))


def _read_start(request: HttpRequest) -> dict[str, str]:
    """Whom another page has named."""
    text = request.GET.get("person", "")
    return {"kind": PERSON_NUMBER, "values": text} if read_id(text) else {}


def _check(request: HttpRequest, form: NamesForm) -> dict[str, int]:
    given = form.cleaned_data
    found = sift(request.user, form.chosen, given["values"].splitlines(), given["kind"])
    return {
        "persons": len(found.persons), "devices": len(found.devices), "unknown": found.unknown,
        "refused": found.refused, "total": len(found.persons) + len(found.devices),
    }  # fmt: skip


def _erase(request: HttpRequest, form: NamesForm) -> HttpResponse:
    given = form.cleaned_data
    job = start_erasure(
        request.user,
        form.chosen,
        [given["values"].encode()],
        kind=given["kind"],
        actor=name_actor(request.user),
        now=timezone.now(),
    )
    messages.success(request, _("They are being erased. This cannot be taken back."))
    is_seen = Job.objects.for_user(request.user).filter(pk=job.pk).exists()
    return redirect("job", job.pk) if is_seen else redirect("erasures")


def _lift(request: HttpRequest, form: LiftForm) -> HttpResponse:
    given = form.cleaned_data
    if not is_wide(request.user, form.chosen):
        raise Forbidden(_("Only an admin of all apps lets somebody come back."))
    entries = read_entries(given["values"].splitlines(), given["kind"])
    named = [(entry.kind, entry.value) for entry in entries if entry]
    lifted = lift_tombstones(
        form.chosen, named, reason=given["reason"], actor=name_actor(request.user),
        now=timezone.now(),
    )  # fmt: skip
    words = ngettext(
        "%(count)d identifier may come back.", "%(count)d identifiers may come back.", lifted
    )
    messages.success(request, words % {"count": lifted})
    return redirect("erasures")


def _draw(
    request: HttpRequest, form: NamesForm, found: dict[str, int] | None, *, is_posted: bool
) -> HttpResponse:
    is_lift = isinstance(form, LiftForm)
    jobs = list_newest(Job.objects.for_user(request.user).filter(kind=ERASE.key), SHOWN)
    blank = EraseForm(prefix="erase", principal=request.user)
    context = {
        "erase_form": blank if is_lift else form,
        "lift_form": form if is_lift else LiftForm(prefix="lift", principal=request.user),
        "is_lift": is_lift,
        "found": found,
        "jobs": jobs,
    }
    status = 422 if is_posted and form.errors else 200
    return draw_page(request, "pages/erasures.html", _("Erase people"), context, status=status)


@operator_page
def person_data(request: HttpRequest, pk: int) -> HttpResponse:
    """All that is held about a person, to be given to them."""
    person = find_person(request.user, pk)
    if not may_erase(request.user, person.workspace, [person.pk]):
        raise Forbidden(_("Only who may erase this person is given all of it."))
    actor, now = name_actor(request.user), timezone.now()
    record_audit(actor, "export_data", person, workspace=person.workspace, now=now)
    answer = JsonResponse(collect_held(person), encoder=DjangoJSONEncoder)
    answer["Content-Disposition"] = f'attachment; filename="person-{person.pk}.json"'
    return answer
