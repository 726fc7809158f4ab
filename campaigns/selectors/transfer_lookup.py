"""Finds transfers by an id that somebody typed, ours, a script's or a vendor's: by indexes only."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import Account, Attempt, Group, Submission, TrackedTarget, Transfer
from campaigns.models.bulk import IdList
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.selectors.lookup import Reach, find_reach
from campaigns.selectors.row_ids import read_id
from providers import registry

MOST = 100  # of each way of matching
MOST_SHOWN = 20
LONGEST = 255
OWN_ID = re.compile(r"(?:transfer\s?)?#?\s?([0-9]{1,16})", re.IGNORECASE)


class TransferBy(StrEnum):
    """What of a transfer is what was typed."""

    OWN_ID = "id"
    CLIENT_KEY = "client_key"
    CALL = "reference"
    CALL_KEY = "call_key"
    MESSAGE = "message_id"
    VENDOR = "vendor_reference"


@dataclass(frozen=True, slots=True)
class FoundTransfer:
    """A transfer with its app, and by what it was found."""

    transfer: Transfer
    by: tuple[TransferBy, ...]


def find_transfers(term: str, principal: Any) -> tuple[FoundTransfer, ...]:
    """The newest of those that the text may mean and the principal sees; at most 21, of which the
    last says that there are more than one page shows."""
    text = term.strip()
    if not text or len(text) > LONGEST or UNSTORABLE.search(text):
        return ()
    ways: dict[int, list[TransferBy]] = defaultdict(list)
    for by, ids in _list_ways(text, find_reach(principal)).items():
        for pk in ids.order_by()[:MOST]:
            ways[pk].append(by)
    seen = Transfer.objects.for_user(principal).filter(pk__in=IdList(ways))
    newest = seen.select_related("app").order_by("-pk")[: MOST_SHOWN + 1]
    return tuple(FoundTransfer(row, tuple(dict.fromkeys(ways[row.pk]))) for row in newest)


def _list_ways(text: str, reach: Reach) -> dict[TransferBy, QuerySet[Any, int]]:
    """Ids of transfers by each way; whether they are seen is asked later."""
    # Random, so of one call: of a workspace as well SQLite would read all calls of that.
    answered = Submission.objects.filter(reference=text)
    # Said as their indexes say it, for SQLite to use these.
    keyed = Submission.objects.filter(
        ~Q(client_key=""), workspace__in=reach.workspaces, client_key=text
    )
    own = Transfer.objects.filter(
        ~Q(client_key=""), group__in=Group.objects.filter(app__in=reach.apps), client_key=text
    )
    targets = TrackedTarget.objects.filter(
        workspace__in=reach.workspaces,
        door__in=[dialect.key for dialect in registry.all_dialects()],
        answered=text,
    )
    accounts = Account.objects.filter(workspace__in=reach.workspaces)
    answers = Attempt.objects.filter(~Q(reference=""), account__in=accounts, reference=text)
    return {
        TransferBy.OWN_ID: Transfer.objects.filter(pk=read_number(text)).values_list(
            "pk", flat=True
        ),
        TransferBy.CLIENT_KEY: own.values_list("pk", flat=True),
        TransferBy.CALL: _list_of_calls(answered),
        TransferBy.CALL_KEY: _list_of_calls(keyed),
        TransferBy.MESSAGE: targets.values_list("part__transfer_id", flat=True),
        TransferBy.VENDOR: answers.values_list("batch__transfer_id", flat=True),
    }


def _list_of_calls(calls: QuerySet[Submission]) -> QuerySet[Any, int]:
    return Transfer.objects.filter(submission__in=calls).values_list("pk", flat=True)


def read_number(text: str) -> int:
    """Our own number of a transfer, as in `12`, `#12` or `transfer 12`; else 0."""
    found = OWN_ID.fullmatch(text)
    return read_id(found[1]) if found else 0
