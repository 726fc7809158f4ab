"""Labels by name, and their members page by page."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from campaigns.models import App, Label, LabelMember
from campaigns.selectors.aliases import find_aliases
from campaigns.selectors.audience_fields import find_text_fault

MAX_NAME = 128


def find_label(app: App, name: str, *, ignores_case: bool = False) -> Label | None:
    """The app's label of that name; without regard to case the one that is spelt so, else the
    oldest."""
    if find_text_fault(name, MAX_NAME):
        return None
    labels = Label.objects.filter(app=app).select_related("app__workspace").order_by("pk")
    label: Label | None = labels.filter(name=name).first()
    if label is None and ignores_case:
        label = labels.filter(name__iexact=name).first()
    return label


def list_labels(app: App, after: int, limit: int) -> list[Label]:
    """Labels that are younger than the one of id `after`, oldest first."""
    return list(Label.objects.filter(app=app, pk__gt=after).order_by("pk")[:limit])


def list_members(label: Label, after: int, limit: int) -> list[LabelMember]:
    """Members with an external user id, by their persons' ids above `after`, and their persons."""
    members = LabelMember.objects.filter(label=label, person_id__gt=after)
    named = members.exclude(person__external_user_id="")
    return list(named.select_related("person").order_by("person_id")[:limit])


def list_carriers(label: Label, names: Iterable[str]) -> list[LabelMember]:
    """Those of the persons, by external user id, who carry the label, and their persons."""
    names = list(names)
    members = LabelMember.objects.filter(label=label)
    merged = find_aliases(label.app.workspace_id, names)
    named = Q(person__external_user_id__in=names) | Q(person__in=set(merged.values()))
    return list(members.filter(named).select_related("person"))
