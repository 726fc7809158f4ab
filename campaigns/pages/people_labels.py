"""The form below a search: who is ticked, or all who are found, get or lose a label, as a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.errors import Invalid
from campaigns.models import Job, Label, Membership, Person
from campaigns.models.bulk import IdList
from campaigns.pages.fields import PageForm
from campaigns.pages.offer import Offer, read_offer
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import find_apps, name_actor
from campaigns.services.erase_find import PERSON_NUMBER
from campaigns.services.labels import BulkVerb, IdLines, change_by_list, change_by_search

Role = Membership.Role
MOST_TICKED = 50
CHOOSE = gettext_lazy("Choose a label.")
TICKED, FOUND = "ticked", "found"


class TickedForm(PageForm):
    """Which label, and whether whoever is ticked is meant, or all whom the search has found."""

    label = forms.ChoiceField(
        label=gettext_lazy("Label"),
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    whom = forms.ChoiceField(
        label=gettext_lazy("Whom"),
        choices=[(TICKED, gettext_lazy("Who is ticked")), (FOUND, gettext_lazy("Everybody found"))],
        widget=forms.RadioSelect,
        required=False,
        initial=TICKED,
    )
    offered: Offer | None = None

    def __init__(self, labels: list[Label], posted: Any = None, **initial: str) -> None:
        super().__init__(posted, initial=initial)
        self.labels = {str(label.pk): label for label in labels}
        self.ticked = {read_id(text) for text in posted.getlist("person")} if posted else set()
        by_app: dict[str, list[tuple[int, str]]] = {}
        for label in labels:
            by_app.setdefault(label.app.name, []).append((label.pk, label.name))
        self.offer_choices("label", [("", _("Choose a label")), *by_app.items()])

    def clean(self) -> dict[str, Any]:
        """Somebody must be ticked, unless everybody is meant."""
        if not self.ticked and self.cleaned_data.get("whom") != FOUND:
            self.add_error(None, _("Tick the people whom you mean."))
        return self.cleaned_data


def make_ticked_form(request: HttpRequest, posted: Any = None) -> TickedForm:
    """With the first labels that the operator may add, or those that a search finds; and with the
    one that is asked for or was chosen."""
    asked = request.GET.get("label", "")
    apps = find_apps(request.user, Role.COMPOSER)
    rows = Label.objects.filter(app__in=apps, archived_at__isnull=True)
    rows = rows.select_related("app__workspace").order_by("app__name", "app_id", "name")
    chosen = posted.get("label", "") if posted else asked
    offered = read_offer(request, "label_search", rows, chosen)
    # Whoever comes from the page of a label means all whom the search found there.
    initial = {"label": asked, "whom": FOUND} if asked else {}
    form = TickedForm(offered.listed, posted, **initial)
    form.offered = replace(offered, kept=[("who", posted.get("who", ""))]) if posted else offered
    return form


def offer_found(form: TickedForm, count: int, *, is_more: bool) -> None:
    """Say beside the choice how many a search has found."""
    people = f"{count:,}"
    if is_more:
        words = _("Everybody found: %(people)s and more") % {"people": people}
    else:
        words = ngettext("The %(people)s person found", "All %(people)s people found", count)
        words %= {"people": people}
    form.offer_choices("whom", [(TICKED, _("Who is ticked")), (FOUND, words)])


def begin_labelling(request: HttpRequest, form: TickedForm) -> Job:
    """Add or remove those who are meant and whom the operator sees; of others nothing is told.

    Raises Invalid when that leaves nobody.
    """
    label = form.labels[form.cleaned_data["label"]]
    verb = BulkVerb.REMOVE if request.POST.get("verb") == BulkVerb.REMOVE else BulkVerb.ADD
    actor, now = name_actor(request.user), timezone.now()
    by: dict[str, Any] = {"principal": request.user, "actor": actor, "now": now}
    if form.cleaned_data["whom"] == FOUND:
        return change_by_search(label, verb, request.POST.get("who", ""), **by)
    return change_by_list(label, verb, _list_ticked(request, form), **by)


def _list_ticked(request: HttpRequest, form: TickedForm) -> IdLines:
    ids = IdList(sorted(form.ticked)[:MOST_TICKED])
    seen = Person.objects.for_user(request.user).filter(pk__in=ids)
    numbers = [str(pk) for pk in sorted(seen.values_list("pk", flat=True))]
    if not numbers:
        raise Invalid(_("Tick the people whom you mean."))
    return IdLines(["\n".join(numbers).encode()], PERSON_NUMBER)
