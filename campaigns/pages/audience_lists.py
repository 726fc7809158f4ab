"""Labels and segments of apps, to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import ngettext

from campaigns.models import App, Label, Segment


def list_labels(
    apps: Sequence[App], principal: Any, chosen: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Label names of the apps with their sizes, each name once; archived ones only if `chosen`."""
    members: dict[str, int] = {}
    offered = Q(archived_at__isnull=True) | Q(name__in=list(chosen))
    labels = Label.objects.for_user(principal).filter(offered, app__in=apps)
    for label in labels.order_by("name"):
        members[label.name] = members.get(label.name, 0) + label.member_count
    return [(name, _describe_size(name, count)) for name, count in members.items()]


def _describe_size(label: str, persons: int) -> str:
    words = ngettext("%(name)s (%(count)s person)", "%(name)s (%(count)s persons)", persons)
    return words % {"name": label, "count": f"{persons:,}"}


def list_segments(apps: Sequence[App], principal: Any) -> list[tuple[int, str]]:
    """Segments of the apps; the app's name is told apart where there are several."""
    segments = Segment.objects.for_user(principal).filter(app__in=apps).select_related("app")
    several = len(apps) > 1
    return [
        (segment.pk, f"{segment.name} ({segment.app})" if several else segment.name)
        for segment in segments.order_by("name", "pk")
    ]
