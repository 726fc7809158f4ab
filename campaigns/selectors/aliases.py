"""Ids and addresses of persons who were merged into others: whoever names them means the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet

from campaigns.models import Person, PersonMerge
from campaigns.models.bulk import IdList, TextList
from campaigns.models.merges import KeptText
from campaigns.selectors.audience_fields import UNSTORABLE
from providers.recipients import PersonKind

PERSON_COLUMNS = tuple(kind.value for kind in PersonKind)


def select_aliases(workspaces: Iterable[int], names: Iterable[str]) -> QuerySet[PersonMerge]:
    """Merges that these names of somebody who is gone lead to; they must be storable."""
    # Said as the index says it, for SQLite to use it.
    gone = PersonMerge.objects.filter(~Q(external_user_id=""), undone_at__isnull=True)
    return gone.filter(workspace__in=list(workspaces), external_user_id__in=TextList(names))


def select_former(workspaces: Iterable[int]) -> QuerySet[PersonMerge]:
    """Merges with the `email` and the `phone` of who is gone, as `contacts` matches columns."""
    return _name_former(PersonMerge.objects.filter(workspace__in=list(workspaces)))


def read_former(owner: str, ids: Iterable[int]) -> Iterator[tuple[int, str, str]]:
    """By what those were known who were merged into somebody: the owner's id, a kind and its value.
    `owner` leads from a merge to rows of these ids."""
    merges = _name_former(PersonMerge.objects.filter(**{f"{owner}__in": IdList(ids)}))
    for pk, *values in merges.values_list(owner, *PERSON_COLUMNS):
        for kind, value in zip(PERSON_COLUMNS, values, strict=True):
            if value:
                yield pk, kind, value


def _name_former(merges: QuerySet[PersonMerge]) -> QuerySet[PersonMerge]:
    """Merges that hold, with the columns of who is gone."""
    rows = merges.filter(undone_at__isnull=True)
    return rows.annotate(email=KeptText("values", "email"), phone=KeptText("values", "phone"))


def find_aliases(workspace_id: int, names: Iterable[str]) -> dict[str, int]:
    """Our ids of those who are meant by these names, for names of somebody who was merged."""
    storable = [name for name in names if name and not UNSTORABLE.search(name)]
    if not storable:
        return {}
    merged = select_aliases([workspace_id], storable)
    return dict(merged.values_list("external_user_id", "person_id"))


def find_named(workspaces: Iterable[int], name: str) -> set[int]:
    """Ids of persons of these workspaces who are, or have taken over who was, known so."""
    if not name or UNSTORABLE.search(name):
        return set()
    reached = list(workspaces)
    persons = Person.objects.filter(workspace__in=reached, external_user_id=name)
    merged = select_aliases(reached, [name])
    return {*persons.values_list("pk", flat=True), *merged.values_list("person_id", flat=True)}
