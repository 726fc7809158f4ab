"""Where the page of a job leads: to what it changes, and to whom it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Job, Label, Segment
from campaigns.services import labels
from campaigns.services.erase_words import PUT_INSTEAD

LABELLING = {kind.key for kind in labels.JOBS}


def list_links(principal: Any, job: Job) -> list[tuple[str, str]]:
    """(words, address) of the label that the job changes, and of its search or segment.

    What has been deleted since, and what the principal does not see, is left out.
    """
    if job.kind not in LABELLING:
        return []
    given = job.params
    found = [(_("Label"), "label", _find(Label, principal, given.get("label")))]
    found += [(_("Segment"), "segment", _find(Segment, principal, given.get("segment")))]
    links = [
        (f"{word}: {row.name}", reverse(page, args=[row.pk])) for word, page, row in found if row
    ]
    return [*links, *_list_searches(given)]


def _find(model: Any, principal: Any, pk: int | None) -> Any:
    return model.objects.for_user(principal).filter(pk=pk).first() if pk else None


def _list_searches(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    if PUT_INSTEAD in given.get("search", PUT_INSTEAD):  # none, or of somebody who was erased
        return []
    who = f"{given['search']}{'*' if given['begins'] else ''}"
    return [(_("Search: %(who)s") % {"who": who}, f"{reverse('people')}?{urlencode({'who': who})}")]
