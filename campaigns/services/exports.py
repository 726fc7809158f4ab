"""Exports of people, devices, members of a segment or label and recipients of a transfer, as files.

Each is a job that reads stretch by stretch and writes the file as it goes: memory stays flat, a
step costs the same at the beginning and at the end, and one that is killed is done again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Invalid, Refused
from campaigns.models import App, Counter, Job, Label, Segment, Transfer, Workspace
from campaigns.selectors.deliveries import find_cursor, select_deliveries, write_cursor
from campaigns.selectors.recipient_rows import describe_recipients
from campaigns.services.cells import write_csv
from campaigns.services.export_rows import (
    RECIPIENT_HEADING,
    SPAN,
    Cells,
    find_carriers,
    find_devices,
    find_people,
    write_time,
)
from campaigns.services.jobs import JobFile, JobKind, Step, append_file, start_job

CSV, JSONL = "csv", "jsonl"
FORMATS = (CSV, JSONL)
STRETCHES = 50  # of one step, where there is little in them
SECONDS = 0.2  # after which a step begins no further one


class What(StrEnum):
    """What can be exported."""

    PEOPLE = "people"
    DEVICES = "devices"
    SEGMENT = "segment"
    LABEL = "label"
    RECIPIENTS = "recipients"


def start_export(
    what: str, of: App | Workspace | Segment | Label | Transfer, *, form: str = CSV,
    actor: str, now: datetime,
) -> Job:  # fmt: skip
    """Begin one; `of` is whose it is. Raises Invalid. Whoever calls has asked for the role.

    It goes to the audit log with its job, and so does whoever takes the file.
    """
    if form not in FORMATS:
        fault = _("A file is one of %(known)s.") % {"known": ", ".join(FORMATS)}
        raise Invalid(fault, fields={"format": fault})
    params: dict[str, Any] = {"what": What(what).value, "format": form}
    place: App | Workspace
    if isinstance(of, Segment):
        place = of.app
        params |= {"segment": of.pk, "name": of.name, "expression": of.expression}
    elif isinstance(of, Label):
        place = of.app
        params |= {"label": of.pk, "name": of.name}
    elif isinstance(of, Transfer):
        place = of.app
        params |= {"transfer": of.pk, "name": str(of)}
    else:
        place = of
    return start_job(EXPORT, place, params, actor=actor, now=now)


def export_step(job: Job, now: datetime) -> Step:
    """The next rows of the file."""
    if job.params["what"] == What.RECIPIENTS:
        return _export_recipients(job)
    source = _SOURCES[What(job.params["what"])](job)
    cursor = job.cursor or {
        "before": source.first - 1, "after": source.first - 1, "last": source.last,
    }  # fmt: skip
    after, rows = cursor["after"], list[Cells]()
    end = time.monotonic() + SECONDS
    for _stretch in range(STRETCHES):
        rows += source.read(after)
        after += SPAN
        if after >= cursor["last"] or len(rows) >= SPAN or time.monotonic() > end:
            break
    _write(job, source.heading, rows)
    moved = {**cursor, "after": after}
    # One that began under an earlier release counts from the first number that there is.
    before = cursor.get("before", 0)
    done, total = min(after, cursor["last"]) - before, cursor["last"] - before
    return Step(moved, done, _count(job, rows), total=total, is_last=done >= total)


_SOURCES: Mapping[What, Callable[[Job], Any]] = {
    What.PEOPLE: lambda job: find_people(job.place),
    What.DEVICES: lambda job: find_devices(_need_app(job)),
    What.SEGMENT: lambda job: find_devices(
        _need_app(job), job.params["expression"], job.created_at
    ),
    What.LABEL: lambda job: find_carriers(_find_label(job)),
}


def _need_app(job: Job) -> App:
    if job.app is None:
        raise Refused(_("Devices are exported for one app."))
    return job.app


def _find_label(job: Job) -> Label:
    label = Label.objects.select_related("app").filter(pk=job.params["label"]).first()
    if label is None:
        raise Refused(_("There is no such label any more."))
    return label


def _export_recipients(job: Job) -> Step:
    transfer = Transfer.objects.select_related("app").filter(pk=job.params["transfer"]).first()
    if transfer is None:
        raise Refused(_("There is no such transfer any more."))
    rows = select_deliveries(transfer)
    behind = find_cursor(job.cursor.get("after", ""))
    found = list((rows if behind is None else rows.filter(behind))[:SPAN])
    told = ({**row, "at": write_time(row["at"])} for row in describe_recipients(transfer, found))
    lines = [{name: row[name] for name in RECIPIENT_HEADING} for row in told]
    _write(job, RECIPIENT_HEADING, lines)
    cursor = {"after": write_cursor(found[-1])} if found else job.cursor
    done = job.done + len(found)
    # Of a transfer that still runs the books may be behind its recipients.
    total = max(done, _count_settled(transfer))
    return Step(cursor, done, {"rows": done}, total=total, is_last=len(found) < SPAN)


def _count_settled(transfer: Transfer) -> int:
    counts = Counter.objects.filter(part__transfer=transfer)
    return int(counts.aggregate(all=Sum("count"))["all"] or 0)


def _count(job: Job, rows: Sequence[Cells]) -> dict[str, int]:
    return {"rows": job.counts.get("rows", 0) + len(rows)}


def _write(job: Job, heading: Sequence[str], rows: Iterable[Cells]) -> None:
    """Add rows to the file; the heading stands above the first, also where there is none."""
    form = job.params["format"]
    if form == JSONL:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        append_file(job, form, lines.encode(errors="replace"))
        return
    above = [] if job.cursor else [heading]
    cells = [[_write_cell(name, row[name]) for name in heading] for row in rows]
    append_file(job, form, write_csv([*above, *cells]))


def _write_cell(name: str, value: Any) -> Any:
    if name == "labels":
        return "|".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


EXPORT = JobKind(
    key="export",
    label=gettext_lazy("Export"),
    step=export_step,
    counts={"rows": gettext_lazy("Rows written")},
    done_words=gettext_lazy("Looked through"),
    files=(
        JobFile(CSV, gettext_lazy("The file (CSV)"), "rows.csv", "text/csv; charset=utf-8"),
        JobFile(JSONL, gettext_lazy("The file (JSONL)"), "rows.jsonl", "application/x-ndjson"),
    ),
)
JOBS = (EXPORT,)
