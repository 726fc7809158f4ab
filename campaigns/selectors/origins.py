"""Who wrote a text before it came into a campaign: the writers of what it was copied from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from campaigns.models import AuditEntry, Campaign, MessageTemplate

CAMPAIGN, TEMPLATE = "campaign", "template"
MOST = 20  # origins of one campaign
ORIGIN = re.compile(rf"({CAMPAIGN}|{TEMPLATE}):([0-9]{{1,16}})")


def name_origin(source: Campaign | MessageTemplate) -> str:
    """`campaign:<id>` or `template:<id>`."""
    return f"{CAMPAIGN if isinstance(source, Campaign) else TEMPLATE}:{source.pk}"


def add_origin(origins: str, source: Campaign | MessageTemplate) -> str:
    """The origins, apart by blanks, with one more; the newest ones are kept."""
    named = dict.fromkeys([*origins.split(), name_origin(source)])
    return " ".join(list(named)[-MOST:])


def list_origin_writers(principal: Any, origins: str) -> list[str]:
    """Everybody who has written any of the campaigns and templates that are named; what the
    principal cannot see is left out."""
    found = ORIGIN.findall(origins)[:MOST]
    return list(dict.fromkeys(_list_writers(principal, found)))


def _list_writers(principal: Any, found: Iterable[tuple[str, str]]) -> Iterator[str]:
    for kind, number in found:
        if kind == CAMPAIGN:
            for campaign in Campaign.objects.for_user(principal).filter(pk=int(number)):
                yield from campaign.written_by
        else:
            for template in MessageTemplate.objects.for_user(principal).filter(pk=int(number)):
                yield from list_template_writers(template)


def list_template_writers(template: MessageTemplate) -> list[str]:
    """Who made a template, and who changed its message since."""
    changes = AuditEntry.objects.filter(
        target_type="messagetemplate", target_id=str(template.pk), verb="update_template"
    )
    writers = changes.order_by("pk").values_list("actor", flat=True)
    return list(dict.fromkeys([template.created_by, *writers]))
