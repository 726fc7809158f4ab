"""The steps of an import: the dry run finds what every row comes to and changes nothing; applying
it does that, chunk by chunk, with the chunks and the verdicts of the dry run.

Both are resumable: a step is one transaction with its cursor. The dry run writes for each chunk
where it lies and which of its rows are left out (`plan`), so that applying a file never depends on
what earlier chunks of it have written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Refused
from campaigns.models import Import, ImportKey, Job, JobPiece, Label
from campaigns.models.bulk import IdList
from campaigns.models.statistics import learn_tables
from campaigns.selectors.erased import find_erased, has_erased
from campaigns.selectors.seals import PERSON_KINDS, list_kinds
from campaigns.services.import_book import Change, ImportBook, Placed, Verdict
from campaigns.services.import_keys import Seen
from campaigns.services.import_left_out import (
    REJECTED,
    ErasedRow,
    Outcome,
    keep_left_out,
    sum_left_out,
)
from campaigns.services.import_rows import ImportRow, RowConflict, RowFault, RowReader
from campaigns.services.import_tally import TALLY, count_reasons
from campaigns.services.import_targets import Choice
from campaigns.services.import_text import MAX_COLUMNS, WINDOW, Chunk, Row, Shape, read_chunk
from campaigns.services.import_writes import save_book
from campaigns.services.jobs import (
    PIECE_BYTES,
    JobFile,
    JobKind,
    Step,
    append_file,
    read_piece,
)
from campaigns.services.locks import Lock, lock_app
from providers.recipients import TOKEN_KIND

UPLOAD, PLAN, SAMPLES = "upload", "plan", "samples"
MAX_SAMPLES = 20
MOST_UNCLOSED = 1000  # quotes that never end: each costs a look at all that a row may be long
FORGET_ROWS = 20_000
# Chunks, of up to a thousand rows each: while SQLite knows nothing of people it looks for those of
# a chunk among all of their workspace, which are ever more.
LEARN_EVERY = 50
COUNTS = {
    "rows": gettext_lazy("Rows"),
    Verdict.NEW.value: gettext_lazy("New"),
    Verdict.CHANGED.value: gettext_lazy("Changed"),
    Verdict.UNCHANGED.value: gettext_lazy("Unchanged"),
    Verdict.CONFLICTING.value: gettext_lazy("Conflicting"),
    Verdict.REJECTED.value: gettext_lazy("Rejected"),
    "persons": gettext_lazy("People created"),
    "devices": gettext_lazy("Devices created"),
}


def read_shape(one: Import) -> Shape:
    """How its file is written."""
    stored = {**one.shape, "columns": tuple(one.shape["columns"])}
    return Shape(**stored)


def read_choice(one: Import) -> Choice:
    """What is to be done with it."""
    return Choice(one.mapping, one.verb, one.platform, tuple(one.labels), one.moves_devices)


def read_window(one: Import, start: int, size: int = WINDOW) -> bytes:
    """Bytes of its file from a place on, never more than two pieces' worth."""
    window = b""
    number, offset = divmod(start, PIECE_BYTES)
    while len(window) < size and (content := _read_upload(one, number)):
        window += content[offset:]
        number, offset = number + 1, 0
    return window


def _read_upload(one: Import, number: int) -> bytes:
    if one.upload is None:
        raise Refused(_("The file is no longer kept. Upload it again."))
    return read_piece(one.upload, UPLOAD, number)


def _list_cells_as_names(row: Row) -> list[tuple[str, str]]:
    """Whom the cells of a row that cannot be read may name: it would be kept word for word."""
    texts = [value for value in row.values.values() if value and isinstance(value, str)]
    return [(kind, text) for text in texts for kind in list_kinds()]


class _Pass:
    """One chunk on its way through a book."""

    def __init__(self, job: Job, one: Import, now: datetime, *, is_held: bool = False) -> None:
        self.job, self.one = job, one
        self.choice = read_choice(one)
        labels = Label.objects.filter(app=one.app)
        self.reader = RowReader(self.choice, dict(labels.values_list("name", "pk")))
        self.book = ImportBook(one, self.choice, now, is_held=is_held)

    def read(self, rows: Sequence[Row]) -> list[ImportRow | RowFault]:
        """Each row as what it says, or as what is wrong with it."""
        return self._refuse_erased(rows, [self._read(row) for row in rows])

    def _refuse_erased(
        self, rows: Sequence[Row], read: list[ImportRow | RowFault]
    ) -> list[ImportRow | RowFault]:
        """Nobody comes back by a file who was erased."""
        if not has_erased(self.book.app.workspace_id):
            return read
        names = [
            self._list_names(said) if isinstance(said, ImportRow) else _list_cells_as_names(row)
            for row, said in zip(rows, read, strict=True)
        ]
        every = {name for own in names for name in own}
        erased = find_erased(self.book.app.workspace_id, every)
        fault = ErasedRow(_("This belonged to somebody who was erased, and stays away."))
        return [
            fault if erased.intersection(own) else row for row, own in zip(read, names, strict=True)
        ]

    def _list_names(self, row: ImportRow) -> list[tuple[str, str]]:
        """Everything that a row names somebody by, with its kind."""
        values = row.person.values
        own = [(kind, str(values[kind])) for kind in PERSON_KINDS if values.get(kind)]
        named = ((self.reader.person_key, row.key), (TOKEN_KIND, row.token), *row.ids.items())
        return own + [one for one in named if one[1]]

    def _read(self, row: Row) -> ImportRow | RowFault:
        try:
            return self.reader.read(row)
        except RowFault as fault:
            return fault

    def place(self, rows: Sequence[Row], seen: Seen | None = None) -> list[Outcome]:
        """What each row comes to, in their order."""
        read = self.read(rows)
        good = [row for row in read if isinstance(row, ImportRow)]
        self.book.load(good)
        if seen is not None:
            self.book.load_devices(seen.load(good))
            seen.load_devices(self.book.by_pk)
        return [
            self._place(index, row, said, seen)
            for index, (row, said) in enumerate(zip(rows, read, strict=True))
        ]

    def _place(
        self, index: int, row: Row, said: ImportRow | RowFault, seen: Seen | None
    ) -> Outcome:
        try:
            if isinstance(said, RowFault):
                raise said
            placed = self._find(said, seen)
        except RowConflict as fault:
            return Outcome(index, row, Verdict.CONFLICTING, fault=fault)
        except RowFault as fault:
            return Outcome(index, row, Verdict.REJECTED, fault=fault)
        return Outcome(index, row, placed.verdict, placed)

    def _find(self, said: ImportRow, seen: Seen | None) -> Placed:
        device = self.book.match(said)
        if seen is None:
            return self.book.place(said, device)
        pk = device.pk if device else 0
        placed = self.book.place(said, device, seen.meet(said, pk))
        seen.note(said, pk)
        return placed


def check_step(job: Job, now: datetime) -> Step:
    """The next chunk of a dry run."""
    one = _find_import(check_job=job)
    cursor = job.cursor or _begin(read_shape(one))
    if cursor.get("is_read"):
        return _forget_keys(job, cursor)
    chunk, is_end = _read_chunk(one, cursor)
    work = _Pass(job, one, now)
    seen = Seen(job, work.choice)
    outcomes = work.place(chunk.rows, seen)
    seen.save()
    if outcomes:
        _keep_plan(job, cursor, chunk, outcomes)
    counts = _count(job.counts, outcomes)
    moved = _move(cursor, chunk, outcomes, is_end)
    moved["sampled"] = _keep_samples(job, cursor["sampled"], outcomes)
    others = read_shape(one).find_others(chunk.rows).union(cursor.get("others", ()))
    moved["others"] = sorted(others)[:MAX_COLUMNS]
    keep_left_out(job, one, outcomes, is_first=sum_left_out(job.counts) == 0)
    return Step(moved, moved["start"], counts, total=one.size)


def _begin(shape: Shape) -> dict[str, Any]:
    return {
        "start": shape.start, "line": shape.line, "chunk": 0, "skips": False, "unclosed": 0,
        "sampled": 0, "fields": {}, "others": [],
    }  # fmt: skip


def _find_import(**job: Job) -> Import:
    one = Import.objects.select_related("app__workspace", "upload", "check_job").filter(**job)
    found: Import | None = one.first()
    if found is None:
        raise Refused(_("The import is no longer there."))
    return found


def _read_chunk(one: Import, cursor: Mapping[str, Any]) -> tuple[Chunk, bool]:
    """The next chunk, and whether it is the last."""
    start = cursor["start"]
    window = read_window(one, start)
    is_end = start + len(window) >= one.size
    chunk = read_chunk(
        read_shape(one), window, cursor["line"], is_end=is_end, skips=cursor["skips"]
    )
    if cursor["unclosed"] + chunk.unclosed > MOST_UNCLOSED:
        raise Refused(
            _("More than %(most)s rows open a quote that is never closed, the last near line"
              " %(line)s. Check how the file was written.")
            % {"most": MOST_UNCLOSED, "line": cursor["line"] + chunk.lines}
        )  # fmt: skip
    return chunk, start + chunk.size >= one.size


def _move(
    cursor: Mapping[str, Any], chunk: Chunk, outcomes: Sequence[Outcome], is_end: bool
) -> dict[str, Any]:
    fields = Counter(cursor["fields"])
    for outcome in outcomes:
        if outcome.placed is not None and outcome.verdict is Verdict.CHANGED:
            fields.update({change.field for change in outcome.placed.changes})
    return {
        **cursor,
        "start": cursor["start"] + chunk.size,
        "line": cursor["line"] + chunk.lines,
        "chunk": cursor["chunk"] + bool(outcomes),
        "skips": chunk.skips,
        "unclosed": cursor["unclosed"] + chunk.unclosed,
        "fields": dict(fields),
        "is_read": is_end,
        TALLY: count_reasons(cursor, outcomes),
    }


def _forget_keys(job: Job, cursor: Mapping[str, Any]) -> Step:
    """What rows named is needed no longer; taken away by the piece."""
    keys = list(ImportKey.objects.filter(job=job).values_list("key", flat=True)[:FORGET_ROWS])
    ImportKey.objects.filter(job=job, key__in=IdList(keys)).delete()
    return Step(cursor, job.done, job.counts, is_last=len(keys) < FORGET_ROWS)


def _count(
    before: Mapping[str, int], outcomes: Sequence[Outcome], others: Mapping[str, int] | None = None
) -> dict[str, int]:
    counts = Counter({**dict.fromkeys(COUNTS, 0), **before})
    counts.update(others or {})
    counts["rows"] += len(outcomes)
    for outcome in outcomes:
        counts[outcome.verdict.value] += 1
        if outcome.placed is not None:
            counts.update(f"{created}s" for created in outcome.placed.created)
    return dict(counts)


def _keep_plan(
    job: Job, cursor: Mapping[str, Any], chunk: Chunk, outcomes: Sequence[Outcome]
) -> None:
    def list_places(verdict: Verdict) -> list[int]:
        return [outcome.index for outcome in outcomes if outcome.verdict is verdict]

    plan = {
        "start": cursor["start"], "size": chunk.size, "line": cursor["line"],
        "rows": len(outcomes),
        Verdict.CONFLICTING.value: list_places(Verdict.CONFLICTING),
        Verdict.REJECTED.value: list_places(Verdict.REJECTED),
    }  # fmt: skip
    JobPiece.objects.create(
        job=job, role=PLAN, number=cursor["chunk"], content=json.dumps(plan).encode()
    )


def _keep_samples(job: Job, kept: int, outcomes: Sequence[Outcome]) -> int:
    """A few rows that change something, with before and after; gives how many there are."""
    samples = [
        {"line": outcome.row.line, "changes": [_show(change) for change in outcome.placed.changes]}
        for outcome in outcomes
        if outcome.placed is not None and outcome.verdict is Verdict.CHANGED
    ][: MAX_SAMPLES - kept]
    if samples:
        append_file(job, SAMPLES, "".join(json.dumps(one) + "\n" for one in samples).encode())
    return kept + len(samples)


def _show(change: Change) -> list[Any]:
    return [change.field, _cut(change.before), _cut(change.after)]


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def apply_step(job: Job, now: datetime) -> Step:
    """The next chunk of the file, written as the dry run said."""
    one = _find_import(apply_job=job)
    number = job.cursor.get("chunk", 0)
    packed = read_piece(one.check_job, PLAN, number) if one.check_job else b""
    if not packed:
        return Step(job.cursor, job.done, _count(job.counts, ()), is_last=True)
    plan = json.loads(packed)
    left_out = {*plan[Verdict.CONFLICTING.value], *plan[Verdict.REJECTED.value]}
    rows = [row for index, row in enumerate(_read_planned(one, plan)) if index not in left_out]
    lock_app(one.app, Lock.REGISTER)
    if number % LEARN_EVERY == LEARN_EVERY - 1:
        learn_tables()
    work = _Pass(job, one, now, is_held=True)
    outcomes = work.place(rows)
    save_book(work.book, actor=job.created_by)
    others = {name.value: len(plan[name.value]) for name in (Verdict.CONFLICTING, Verdict.REJECTED)}
    counts = _count(job.counts, outcomes, {**others, "rows": len(left_out)})
    since = job.cursor.get("since", 0)
    keep_left_out(job, one, outcomes, is_first=since == 0)
    since += sum(outcome.fault is not None for outcome in outcomes)
    moved = {"chunk": number + 1, "since": since, TALLY: count_reasons(job.cursor, outcomes)}
    return Step(moved, job.done + plan["rows"], counts)


def _read_planned(one: Import, plan: Mapping[str, Any]) -> list[Row]:
    """The rows of a chunk that the dry run has seen."""
    if len(plan[Verdict.CONFLICTING.value]) + len(plan[Verdict.REJECTED.value]) == plan["rows"]:
        return []
    window = read_window(one, plan["start"], plan["size"])[: plan["size"]]
    rows = read_chunk(
        read_shape(one), window, plan["line"], is_end=True, most=plan["rows"] + 1
    ).rows
    if len(rows) != plan["rows"]:
        raise Refused(_("The file is not what the dry run saw. Upload it again."))
    return rows


_LEFT_OUT = JobFile(REJECTED, gettext_lazy("Rows left out"), "left-out.csv", "text/csv")
CHECK = JobKind(
    key="import_check",
    label=gettext_lazy("Dry run of an import"),
    step=check_step,
    counts=COUNTS,
    done_words=gettext_lazy("Bytes read"),
    files=(_LEFT_OUT,),
    page="import_of_job",
)
APPLY = JobKind(
    key="import_apply",
    label=gettext_lazy("Import"),
    step=apply_step,
    counts=COUNTS,
    files=(_LEFT_OUT,),
    page="import_of_job",
)
JOBS = (CHECK, APPLY)
