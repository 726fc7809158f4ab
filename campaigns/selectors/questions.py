"""What a report asks of the books: by which dimension, of which hours, and narrowed to what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from campaigns.models.ledger import SETTLED_KEYS
from campaigns.selectors.lines import Key
from campaigns.selectors.report_facts import Span


class Dimension(StrEnum):
    """What a report can be by."""

    GROUP = "group"
    TAG = "tag"
    TRANSFER = "transfer"
    CHANNEL = "channel"
    PLATFORM = "platform"
    LANGUAGE = "language"
    COUNTRY = "country"
    APP_VERSION = "app_version"
    ACCOUNT = "account"
    DAY = "day"
    HOUR = "hour"
    SEND_HOUR = "send_hour"
    REASON = "reason"


# Where the rows of each source say a dimension; a source that is not named does not know it.
OF_PART = {
    Dimension.GROUP: "part__transfer__group_id",
    Dimension.TAG: "part__transfer__tag",
    Dimension.TRANSFER: "part__transfer_id",
    Dimension.CHANNEL: "part__channel",
}
OF_TRANSFER = {Dimension.GROUP: "group_id", Dimension.TAG: "tag", Dimension.TRANSFER: "pk"}
OF_COHORT = {
    Dimension.PLATFORM: "platform",
    Dimension.LANGUAGE: "language",
    Dimension.COUNTRY: "country",
    Dimension.APP_VERSION: "app_major",
}
OF_HOUR = {Dimension.DAY: "hour", Dimension.HOUR: "hour"}
HOURS = frozenset({Dimension.HOUR, Dimension.SEND_HOUR})
OF_SENT = {
    **OF_PART,
    **OF_HOUR,
    Dimension.SEND_HOUR: "hour",
    **dict.fromkeys(OF_COHORT, "cohort_id"),
    Dimension.ACCOUNT: "account_id",
}
OF_OUTCOME = {**OF_SENT, Dimension.REASON: "reason"}
OF_COUNTER = {
    **OF_PART,
    Dimension.PLATFORM: "platform",
    Dimension.ACCOUNT: "account_id",
    Dimension.REASON: "reason",
}
OF_RECEIPT = {
    **OF_PART,
    **OF_HOUR,
    Dimension.PLATFORM: "platform",
    Dimension.ACCOUNT: "account_id",
}
OF_VENDOR = {**OF_PART, Dimension.ACCOUNT: "account_id"}
# What a report may be narrowed by, and what of it is told by its number.
NARROWING = (*OF_PART, *OF_COHORT, Dimension.ACCOUNT, *sorted(HOURS), Dimension.REASON)
NUMBERS = frozenset({Dimension.GROUP, Dimension.TRANSFER, Dimension.ACCOUNT, Dimension.APP_VERSION})
NOTHING = {Dimension.APP_VERSION: "0"}  # of others it is ""
HOUR_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):00")


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: a span of hours, by one dimension, only where those of NARROWING that are
    named have these values. What came back is counted when it came, unless it `is_of_sends`."""

    span: Span
    by: Dimension
    zone: tzinfo
    only: Mapping[Dimension, Key] = field(default_factory=dict)
    is_of_sends: bool = False

    @property
    def is_beside(self) -> bool:
        """Whether what came back is counted beside the sends that it is of, whenever it came."""
        return self.is_of_sends or is_known_beside({self.by, *self.only})

    @property
    def is_of_moments(self) -> bool:
        """Whether its lines say when something came back, and so not of what was sent just then."""
        return self.by in OF_HOUR and not self.is_beside


def is_known_beside(dimensions: Iterable[Dimension]) -> bool:
    """Whether by these what came back is counted only beside the sends that it is of."""
    return not OF_RECEIPT.keys() >= {*dimensions}


def is_value(name: Dimension, value: str) -> bool:
    """Whether a row of the books can have this value of one of NARROWING."""
    if name in NUMBERS:
        return value.isdecimal() and value.isascii() and len(value) < 10
    if name in HOURS:
        return bool(HOUR_OF_DAY.fullmatch(value))
    if name is Dimension.REASON:
        outcome, colon, reason = value.partition(":")
        return outcome in SETTLED_KEYS and bool(colon) and "\0" not in reason
    return "\0" not in value and len(value) <= 255


def knows_receipts(question: Question) -> bool:
    """Whether what came back is counted by this dimension, and by all that it is narrowed by."""
    return {question.by, *question.only} <= OF_SENT.keys()
