"""Who stands behind an API key: what a script writes is also the work of whoever has its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from campaigns.models import ApiKey, AuditEntry
from campaigns.models.access import KEY_PREFIX


def list_issuers(actors: Iterable[str]) -> list[str]:
    """Who was shown the text of any key among the actors, used up or not: it is shown to whoever
    makes it. Of an app group's key that is everybody who made a master secret of it."""
    named = [name.removeprefix(KEY_PREFIX) for name in actors if name.startswith(KEY_PREFIX)]
    return list(dict.fromkeys(_find_issuers(ApiKey.objects.filter(public_id__in=named))))


def _find_issuers(keys: QuerySet[ApiKey]) -> Iterator[str]:
    for issuer, group in keys.order_by("pk").values_list("created_by", "app_group_id"):
        if group is None:
            yield issuer
            continue
        secrets = AuditEntry.objects.filter(
            target_type="appgroup", target_id=str(group), verb="regenerate_secret"
        )
        yield from secrets.order_by("pk").values_list("actor", flat=True)
