"""From a number of a background report to whom it counts, where a list holds exactly these."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils.http import urlencode

from campaigns.models import Job, Settled
from campaigns.models.clock import load_zone
from campaigns.pages.report_links import find_report
from campaigns.pages.report_question import OF_SENDS
from campaigns.selectors.questions import Dimension
from campaigns.selectors.recipient_pages import NONE
from campaigns.selectors.report_facts import make_span
from campaigns.selectors.reports import find_zone
from campaigns.services.report_jobs import HOUR_FIELD, OTHERS

OF_FIELD = {
    "language": Dimension.LANGUAGE,
    "country": Dimension.COUNTRY,
    "platform": Dimension.PLATFORM,
    "app_major": Dimension.APP_VERSION,
    HOUR_FIELD: Dimension.SEND_HOUR,
}
# With these, and by the hour, a report counts ids that nobody knows too.
NOTHING = ("", "0")
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class JobLinks:
    """What all addresses of one job have: the dimension, the days, what narrows it."""

    by: Dimension
    first: date
    last: date
    zone: str
    only: dict[str, str]

    def find(self, value: str, name: str) -> str:
        """The address behind what a value has of an outcome or kind of receipt; "" for none."""
        if value == OTHERS or (self.by is Dimension.PLATFORM and not value):
            return ""
        if name not in Settled.values and "transfer" in self.only:
            return self._find_came(value, name)
        if name == Settled.SKIPPED and (value in NOTHING or self.by is Dimension.SEND_HOUR):
            return ""
        # A receipt is counted with the outcome of whom it is of, whenever it came.
        beside = {} if name in Settled.values else {OF_SENDS: "1"}
        return find_report(self.first, self.last, **self.only, **beside, **{self.by.value: value})

    def _find_came(self, value: str, name: str) -> str:
        """What came back is laid beside the outcome, as the list of one transfer does too."""
        kind = str(int(value[:2])) if self.by is Dimension.SEND_HOUR else value or NONE
        days = {"date_from": str(self.first), "date_to": str(self.last), "zone": self.zone}
        query = urlencode({"receipt": name, self.by.value: kind, **days})
        return f"{reverse('recipients', args=[int(self.only['transfer'])])}?{query}"


def read_links(job: Job, seen: Collection[int]) -> JobLinks | None:
    """None where no list can hold the same numbers: by what is read as it is now, of hours that
    are no whole days on the clock of now, or of other apps than those that somebody has `seen`."""
    params = job.params
    by, zone = OF_FIELD.get(params.get("field", "")), load_zone(params["zone"])
    start, end = (datetime.fromisoformat(params[name]) for name in ("start", "end"))
    days = start.astimezone(zone).date(), (end - HOUR).astimezone(zone).date()
    span = make_span(params["apps"], days, zone)
    is_whole = (span.start, span.end) == (start, end)
    is_seen = len(params["apps"]) == 1 or {*params["apps"]} == {*seen}
    is_same_clock = find_zone(params["apps"]) == params["zone"]
    if by is None or not (is_whole and is_same_clock and is_seen):
        return None
    app = {"app": str(params["apps"][0])} if len(params["apps"]) == 1 else {}
    only = {name: str(value) for name, value in params["only"].items()}
    return JobLinks(by, *days, params["zone"], {**app, **only})
