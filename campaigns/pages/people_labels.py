"""The form below a search: people who are ticked get a label or lose it, as a job."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import Job, Label, Membership, Person
from campaigns.models.bulk import IdList
from campaigns.pages.fields import PageForm
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import find_apps, name_actor
from campaigns.services.erase_find import PERSON_NUMBER
from campaigns.services.labels import BulkVerb, IdLines, change_by_list

Role = Membership.Role
MOST_TICKED = 50
MOST_OFFERED = 300
CHOOSE = gettext_lazy("Choose a label.")


class TickedForm(PageForm):
    """Which label; the people are the ticked boxes beside their names."""

    label = forms.ChoiceField(
        label=gettext_lazy("Label"),
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )

    def __init__(self, labels: list[Label], posted: Any = None) -> None:
        super().__init__(posted)
        self.labels = {str(label.pk): label for label in labels}
        self.ticked = {read_id(text) for text in posted.getlist("person")} if posted else set()
        by_app: dict[str, list[tuple[int, str]]] = {}
        for label in labels:
            by_app.setdefault(label.app.name, []).append((label.pk, label.name))
        self.offer_choices("label", [("", _("Choose a label")), *by_app.items()])

    def clean(self) -> dict[str, Any]:
        """Somebody must be ticked."""
        if not self.ticked:
            self.add_error(None, _("Tick the people whom you mean."))
        return self.cleaned_data


def make_ticked_form(request: HttpRequest, posted: Any = None) -> TickedForm:
    """With the labels that the operator may add, the first few hundred of them."""
    apps = find_apps(request.user, Role.COMPOSER)
    rows = Label.objects.filter(app__in=apps, archived_at__isnull=True)
    offered = rows.select_related("app__workspace").order_by("app__name", "app_id", "name")
    return TickedForm(list(offered[:MOST_OFFERED]), posted)


def begin_ticked(request: HttpRequest, form: TickedForm) -> Job:
    """Add or remove those who are ticked and whom the operator sees; of others nothing is told.

    Raises Invalid when that leaves nobody.
    """
    ids = IdList(sorted(form.ticked)[:MOST_TICKED])
    seen = Person.objects.for_user(request.user).filter(pk__in=ids)
    numbers = [str(pk) for pk in sorted(seen.values_list("pk", flat=True))]
    if not numbers:
        raise Invalid(_("Tick the people whom you mean."))
    label = form.labels[form.cleaned_data["label"]]
    verb = BulkVerb.REMOVE if request.POST.get("verb") == BulkVerb.REMOVE else BulkVerb.ADD
    lines = IdLines(["\n".join(numbers).encode()], PERSON_NUMBER)
    actor, now = name_actor(request.user), timezone.now()
    return change_by_list(label, verb, lines, principal=request.user, actor=actor, now=now)
