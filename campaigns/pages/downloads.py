"""Tables as files: CSV line by line, and workbooks; nothing in them is run by a spreadsheet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from campaigns.services.cells import disarm, write_csv

LINES = 100  # of a CSV file that go out at once
MOST_IN_A_CELL = 32_767
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def stream_csv(rows: Iterator[list[Any]], name: str) -> StreamingHttpResponse:
    """Lines as a download, made while they are read; sent by the hundred, for a line each costs
    the server more than the line."""
    written = ([_write(cell) for cell in row] for row in rows)
    lines = (write_csv(some) for some in iter(lambda: list(islice(written, LINES)), []))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _write(cell: Any) -> Any:
    return cell.isoformat(" ", "minutes") if isinstance(cell, datetime) else _round(cell)


def _round(cell: Any) -> Any:
    """A share as one reads it: 12.82, and not with the fifteen digits that Python knows."""
    return round(cell, 2) if isinstance(cell, float) else cell


def _fit(cell: Any) -> Any:
    """A cell as a sheet takes it: a text without control characters and not longer than fits, a
    moment by the clock of its zone, of which sheets know none."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None)
    if not isinstance(cell, str):
        return _round(cell)
    return disarm(ILLEGAL_CHARACTERS_RE.sub("", cell))[:MOST_IN_A_CELL]


def send_workbook(rows: Iterable[list[Any]], title: str, name: str) -> FileResponse:
    """A workbook of one sheet, written row by row into a file that goes when it is sent."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in rows:
        sheet.append([_fit(cell) for cell in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    book.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name, content_type=XLSX)
