"""Reports by what the books do not fold: read recipient by recipient, as a job.

By the language, country, platform and app version at send time and the hour of sending also what
came back is counted, since each receipt is laid beside its delivery. Other fields are read from
devices and persons as they are now: what a device was at send time nobody has kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid
from campaigns.models import (
    App,
    Cohort,
    Delivery,
    Device,
    Group,
    Job,
    Membership,
    Part,
    Person,
    ReceiptRow,
    Settled,
    Transfer,
    Workspace,
)
from campaigns.models.access import wide_workspace_ids
from campaigns.models.bulk import IdList
from campaigns.models.clock import load_zone
from campaigns.selectors.forgotten import may_be_forgotten
from campaigns.selectors.report_facts import ALWAYS_TOLD, RECEIPT_METRICS, find_tellers
from campaigns.selectors.whole_transfers import CLOCKS_APART
from campaigns.services.cells import write_csv
from campaigns.services.jobs import JobFile, JobKind, Step, append_file, start_job

CHUNK = 5_000
MOST_VALUES = 1_000
OTHERS = "…"  # what did not find a place of its own
NUMBERS = (*Settled.values, *RECEIPT_METRICS)
COHORT_FIELDS = {
    "language": gettext_lazy("Language"),
    "country": gettext_lazy("Country"),
    "platform": gettext_lazy("Platform"),
    "app_major": gettext_lazy("App version (major)"),
}
HOUR_FIELD = "send_hour"
DEVICE_FIELDS = {
    "manufacturer": gettext_lazy("Manufacturer, as now"),
    "model": gettext_lazy("Model, as now"),
    "os_version": gettext_lazy("OS version, as now"),
    "app_version": gettext_lazy("App version, as now"),
    "sdk_version": gettext_lazy("SDK version, as now"),
    "timezone": gettext_lazy("Time zone, as now"),
}
# First what no report knows at once.
FIELDS = {**DEVICE_FIELDS, **COHORT_FIELDS, HOUR_FIELD: gettext_lazy("Hour of sending")}
CUSTOM = ("device.custom.", "person.custom.")
NARROWED_WORDS = {
    "transfer": gettext_lazy("Transfer"),
    "group": gettext_lazy("Group"),
    "tag": gettext_lazy("Tag"),
}
NARROWED_BY = tuple(NARROWED_WORDS)
Read = Callable[[list[Delivery]], Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report counts: by `field` (FIELDS, or `device.custom.<key>`, `person.custom.<key>`)
    what was settled from `start` to before `end`, of one transfer, group or tag if `only` says so.
    """

    apps: tuple[App, ...]
    field: str
    start: datetime
    end: datetime
    only: Mapping[str, str]


def choose_place(principal: Any, apps: Sequence[App]) -> App | Workspace:
    """Where the job of a report on these apps belongs, so that a user or an ApiKey sees it.

    Raises Invalid where no one app or workspace holds them all.
    """
    if not apps:
        raise Invalid(_("You see no app that could be reported on."))
    if len(apps) == 1:
        return apps[0]
    ids = {app.workspace_id for app in apps}
    whole = Workspace.objects.filter(pk__in=ids)
    if not getattr(principal, "is_superuser", False):
        whole = whole.filter(pk__in=wide_workspace_ids(principal))
    if len(ids) > 1 or not whole.exists():
        words = _("Choose one app: this report would be about several that you share.")
        raise Invalid(words, fields={"app": words})
    return whole.get()


def start_report(place: App | Workspace, wanted: Wanted, *, actor: str, now: datetime) -> Job:
    """A report as a job of its own. Raises Invalid for a field that it cannot be by."""
    check_field(wanted.field)
    params = {
        "apps": [app.pk for app in wanted.apps],
        "field": wanted.field,
        "start": wanted.start.isoformat(),
        "end": wanted.end.isoformat(),
        "only": {name: wanted.only[name] for name in NARROWED_BY if name in wanted.only},
        "app_names": sorted(app.name for app in wanted.apps),
        "named": _name_group(wanted),
        "zone": min(wanted.apps, key=lambda app: app.pk).timezone,
    }
    total = _select_transfers(params).aggregate(total=Sum("audience"))["total"] or 0
    return start_job(KIND, place, params, actor=actor, now=now, total=total)


def _name_group(wanted: Wanted) -> dict[str, str]:
    """The group that it is narrowed to, as it is called now."""
    if "group" not in wanted.only:
        return {}
    group = Group.objects.filter(pk=wanted.only["group"], app__in=wanted.apps).first()
    return {"group": group.name} if group else {}


def check_field(field: str) -> None:
    """Raise Invalid for what no report can be by."""
    key = field.split(".", 2)[2] if field.startswith(CUSTOM) else ""
    if field in FIELDS or (0 < len(key) <= 100 and "\0" not in key):
        return
    words = _("A report is by a field that it knows, or by device.custom.<key>.")
    raise Invalid(words, fields={"field": words})


def _select_transfers(params: Mapping[str, Any]) -> Any:
    """Those that can have settled somebody in these days: not before one is made, nor once it has
    ended."""
    paths = {"transfer": "pk", "group": "group_id", "tag": "tag"}
    start, end = (datetime.fromisoformat(params[name]) for name in ("start", "end"))
    rows = Transfer.objects.filter(
        Q(finished_at__isnull=True) | Q(finished_at__gte=start - CLOCKS_APART),
        app_id__in=params["apps"], is_test=False, created_at__lt=end + CLOCKS_APART,
    )  # fmt: skip
    return rows.filter(**{paths[name]: value for name, value in params["only"].items()})


def report_step(job: Job, now: datetime) -> Step:
    """Count the next deliveries of the part that the cursor stands in."""
    values = {key: list(row) for key, row in job.cursor.get("values", {}).items()}
    told = set(job.cursor.get("told", ()))
    part = _find_part(job)
    if part is None:
        _write_file(job, values, list_told(job.cursor))
        return Step(job.cursor, job.done, is_last=True, total=job.done)
    rows = list(
        Delivery.objects.filter(part_id=part.pk, recipient__gt=job.cursor.get("after", 0)).order_by(
            "recipient"
        )[:CHUNK]
    )
    inside = [row for row in rows if job.params["start"] <= row.at.isoformat() < job.params["end"]]
    if inside:
        told |= _count(job, part, inside, values)
    is_over = len(rows) < CHUNK
    cursor = {
        "part": part.pk + 1 if is_over else part.pk,
        "after": 0 if is_over else rows[-1].recipient,
        "values": values,
        "told": sorted(told),
        "is_forgotten": job.cursor.get("is_forgotten", False) or _is_forgotten(part, inside, now),
    }
    return Step(cursor, job.done + len(rows))


def _is_forgotten(part: Part, rows: list[Delivery], now: datetime) -> bool:
    return bool(rows) and may_be_forgotten(part.transfer, now)


def list_told(cursor: Mapping[str, Any]) -> Collection[str]:
    """The kinds of receipts that a report has counted whole: none, where some were forgotten."""
    return () if cursor.get("is_forgotten") else cursor.get("told", ())


def _find_part(job: Job) -> Part | None:
    parts = Part.objects.filter(
        transfer__in=_select_transfers(job.params), pk__gte=job.cursor.get("part", 0)
    )
    return parts.select_related("transfer").order_by("pk").first()


def _count(job: Job, part: Part, rows: list[Delivery], values: dict[str, list[int]]) -> set[str]:
    """Adds to `values`; gives the kinds of receipts that somebody reports of these."""
    told = {str(metric) for metric in ALWAYS_TOLD} if _have_tellers(rows) else set()
    named = _choose_reader(job.params["field"], job.params["zone"], part)(rows)
    of_row: dict[int, list[int]] = {}
    for row in rows:
        numbers = _find_numbers(values, named.get(row.recipient, ""))
        numbers[NUMBERS.index(row.outcome)] += 1
        of_row[row.recipient] = numbers
    came = ReceiptRow.objects.filter(
        part_id=part.pk, recipient__gte=rows[0].recipient, recipient__lte=rows[-1].recipient,
        kind__in=RECEIPT_METRICS,
    )  # fmt: skip
    for recipient, kind in came.values_list("recipient", "kind"):
        if recipient in of_row:
            of_row[recipient][NUMBERS.index(kind)] += 1
            told.add(kind)
    return told


def _have_tellers(rows: list[Delivery]) -> bool:
    return not find_tellers().isdisjoint(row.account_id for row in rows)


def _find_numbers(values: dict[str, list[int]], value: str) -> list[int]:
    if value not in values and len(values) >= MOST_VALUES:
        value = OTHERS
    return values.setdefault(value, [0] * len(NUMBERS))


def _choose_reader(field: str, zone: str, part: Part) -> Read:
    if field in COHORT_FIELDS:
        return lambda rows: _read_cohorts(field, rows)
    if field == HOUR_FIELD:
        return lambda rows: {
            row.recipient: f"{row.at.astimezone(load_zone(zone)):%H:00}" for row in rows
        }
    return lambda rows: _read_now(field, part, rows)


def _read_cohorts(field: str, rows: list[Delivery]) -> dict[int, str]:
    cohorts = Cohort.objects.in_bulk({row.cohort_id for row in rows})
    values = {pk: str(getattr(cohort, field)) for pk, cohort in cohorts.items()}
    return {row.recipient: values.get(row.cohort_id, "") for row in rows}


def _read_now(field: str, part: Part, rows: list[Delivery]) -> dict[int, str]:
    """Of devices and persons that are still there; a person has nothing of a device's."""
    ids = IdList([row.recipient for row in rows])
    if part.kind == Part.Kind.PERSON:
        if not field.startswith("person."):
            return {}
        persons = Person.objects.filter(pk__in=ids).values_list("pk", "attributes")
        key = field.removeprefix("person.custom.")
        return {pk: _write(attributes.get(key)) for pk, attributes in persons}
    if field in DEVICE_FIELDS:
        return dict(Device.objects.filter(pk__in=ids).values_list("pk", field))
    path = "person__attributes" if field.startswith("person.") else "attributes"
    key = field.split(".", 2)[2]
    found = Device.objects.filter(pk__in=ids).values_list("pk", path)
    return {pk: _write((attributes or {}).get(key)) for pk, attributes in found}


def _write(value: Any) -> str:
    return "" if value is None else str(value)[:100]


def _write_file(job: Job, values: Mapping[str, list[int]], told: Collection[str]) -> None:
    lines = ([value, *hide_untold(numbers, told)] for value, numbers in sort_values(values))
    append_file(job, "report", write_csv([[job.params["field"], *NUMBERS], *lines]))


def hide_untold(numbers: list[int], told: Collection[str]) -> list[int | None]:
    """The numbers, None where nobody reports such a receipt."""
    return [
        None if name in RECEIPT_METRICS and name not in told else number
        for name, number in zip(NUMBERS, numbers, strict=True)
    ]


def sort_values(values: Mapping[str, list[int]]) -> list[tuple[str, list[int]]]:
    """The most recipients first."""
    most = len(Settled.values)
    return sorted(values.items(), key=lambda item: (-sum(item[1][:most]), item[0]))


def describe_report(job: Job) -> str:
    """By what it counts, of which days and apps, and narrowed to what. Lists say it of each job, so
    nothing is looked up: apps and a group are called as they were when it was asked for."""
    params, zone = job.params, load_zone(job.params["zone"])
    first = datetime.fromisoformat(params["start"]).astimezone(zone).date()
    last = (datetime.fromisoformat(params["end"]).astimezone(zone) - timedelta(seconds=1)).date()
    only = params["only"] | params.get("named", {})
    narrowed = [f"{NARROWED_WORDS[name]}: {only[name]}" for name in NARROWED_WORDS if name in only]
    words = _("%(field)s, %(first)s to %(last)s") % {
        "field": FIELDS.get(params["field"], params["field"]),
        "first": date_format(first, "DATE_FORMAT"),
        "last": date_format(last, "DATE_FORMAT"),
    }
    apps = ", ".join(params.get("app_names", ()))
    return " · ".join(filter(None, [words, apps, *narrowed]))


KIND = JobKind(
    key="report",
    label=gettext_lazy("Report"),
    done_words=gettext_lazy("Recipients counted"),
    step=report_step,
    files=(JobFile("report", gettext_lazy("The report as CSV"), "report.csv", "text/csv"),),
    role=Membership.Role.VIEWER,
    scope="read",
    page="report_job",
    about=describe_report,
)
JOBS = (KIND,)
