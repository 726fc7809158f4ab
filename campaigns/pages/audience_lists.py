"""Labels and segments of apps, to choose from: the first that fit a search, and what is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import App, Label, Segment
from campaigns.selectors.row_ids import read_id

OFFERED = 50  # of each; a page draws them up to three times
MOST_CHOSEN = 100  # more than an audience may name
LONGEST = 128  # letters of a name


class NamedChoices:
    """What an audience form offers by name. Whatever is chosen is looked up by itself, so that it
    is valid whether it is among the first or not."""

    def __init__(self, apps: Sequence[App], principal: Any, search: str = "") -> None:
        self.search = search.replace("\0", "").strip()[:LONGEST]
        self._apps = apps
        self._labels = Label.objects.for_user(principal).filter(app__in=apps)
        self._segments = Segment.objects.for_user(principal).filter(app__in=apps)
        self._fits = Q(name__icontains=self.search) if self.search else Q()

    def list_labels(self, chosen: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Label names with their sizes, each name once; archived ones only if `chosen`."""
        wanted = [str(name).replace("\0", "") for name in chosen][:MOST_CHOSEN]
        named = _sum_members(self._labels.filter(name__in=wanted)) if wanted else ()
        found = dict(self._first_labels[:OFFERED])
        chosen_too = {name: count for name, count in named if name not in found}
        there = {**chosen_too, **found}
        # A box that is not drawn would take it out of the audience without a word.
        gone = [(name, _say_gone(name)) for name in dict.fromkeys(wanted) if name not in there]
        return [*gone, *((name, _describe_size(name, n)) for name, n in there.items())]

    def list_segments(self, chosen: Iterable[Any] = ()) -> list[tuple[int, str]]:
        """Segments by their ids; the app's name is told apart where there are several."""
        wanted = [read_id(str(pk)) for pk in chosen][:MOST_CHOSEN]
        rows = self._segments.select_related("app").order_by("name", "pk")
        named = rows.filter(pk__in=wanted) if any(wanted) else ()
        found = self._first_segments[:OFFERED]
        others = [one for one in named if one not in found]
        several = len(self._apps) > 1
        there = {one.pk: f"{one.name} ({one.app})" if several else one.name
                 for one in [*others, *found]}  # fmt: skip
        gone = {pk: _say_gone(f"#{pk}") for pk in wanted if pk and pk not in there}
        return [*gone.items(), *there.items()]

    @property
    def is_searched(self) -> bool:
        """Whether there are more than are listed, or a search has narrowed them."""
        lists = (self._first_labels, self._first_segments)
        return bool(self.search) or any(len(found) > OFFERED for found in lists)

    @property
    def words(self) -> str:
        """How many of how many are listed."""
        labels = self._offered_labels.values("name").distinct().count()
        segments = self._segments.filter(self._fits).count()
        found = {
            "labels": ngettext("%(count)s label", "%(count)s labels", labels)
            % {"count": _say_share(labels)},
            "segments": ngettext("%(count)s segment", "%(count)s segments", segments)
            % {"count": _say_share(segments)},
        }
        if self.search:
            return _("Found and listed: %(labels)s, %(segments)s; and what is chosen.") % found
        return _("Listed: %(labels)s, %(segments)s; and what is chosen.") % found

    @property
    def _offered_labels(self) -> QuerySet[Label]:
        return self._labels.filter(self._fits, archived_at__isnull=True)

    @cached_property
    def _first_labels(self) -> list[tuple[str, int]]:
        return list(_sum_members(self._offered_labels)[: OFFERED + 1])

    @cached_property
    def _first_segments(self) -> list[Segment]:
        rows = self._segments.filter(self._fits).select_related("app").order_by("name", "pk")
        return list(rows[: OFFERED + 1])


def _sum_members(labels: QuerySet[Label]) -> QuerySet[Any]:
    """Names with the members of all labels of that name."""
    named = labels.order_by("name").values_list("name")
    return named.annotate(carriers=Sum("member_count"))


def _say_gone(name: str) -> str:
    return _("%(name)s (not there)") % {"name": name}


def _say_share(count: int) -> str:
    if count <= OFFERED:
        return f"{count:,}"
    return _("%(shown)s of %(count)s") % {"shown": OFFERED, "count": f"{count:,}"}


def _describe_size(label: str, persons: int) -> str:
    words = ngettext("%(name)s (%(count)s person)", "%(name)s (%(count)s persons)", persons)
    return words % {"name": label, "count": f"{persons:,}"}
