"""When transfers of a report started, and how many they were for: tells those of a name apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Transfer
from campaigns.models.bulk import IdList


@dataclass(frozen=True, slots=True)
class Start:
    """`audience` is how many recipients were found when it was frozen."""

    at: datetime
    audience: int


def read_starts(keys: Iterable[str], apps: Collection[int]) -> dict[str, Start]:
    """Of the transfers with these keys that belong to the apps."""
    rows = Transfer.objects.filter(pk__in=IdList(map(int, keys)), app_id__in=apps)
    found = rows.values_list("pk", "due_at", "audience")
    return {str(pk): Start(at, audience) for pk, at, audience in found}
