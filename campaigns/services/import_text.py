"""The text of an imported file: which format it has, and its rows, a window of bytes at a time.

Rows are found with the places where they begin and end, so that whoever is interrupted can go on
at a byte. A row that cannot be read is told by a fault; it never takes its neighbours with it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.selectors.audience_fields import UNSTORABLE
from campaigns.services.cells import rearm

CSV, JSONL = "csv", "jsonl"
MAX_ROW_BYTES = 131_072
MAX_COLUMNS = 500
MAX_COLUMN_NAME = 200
CHUNK_ROWS = 1000
CHUNK_BYTES = 200_000
# Bytes behind a place that show every row which begins in its chunk to the end.
WINDOW = CHUNK_BYTES + MAX_ROW_BYTES + 2
MAX_UNCLOSED = 20  # of one chunk: each costs a look at all that a row may be long
DELIMITERS = ",;\t"
BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is written. `start` is the byte at which its first row begins, on line `line`."""

    format: str
    delimiter: str
    columns: tuple[str, ...]
    start: int = 0
    line: int = 1

    def find_others(self, rows: Iterable[Row]) -> set[str]:
        """Keys of some rows that its first ones had not: objects need not be alike."""
        if self.format != JSONL:
            return set()
        keys = {key for row in rows for key in row.values}.difference(self.columns)
        return {key[:MAX_COLUMN_NAME] for key in keys}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its first line, and its values by column, or why it cannot be read.

    `raw` is what stands there of a row that cannot be read.
    """

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows that follow each other. `size` bytes and `lines` lines are read.

    `skips` says that the next chunk begins inside a line that is too long to be looked at, and
    `unclosed` how many rows began a quote that never ends.
    """

    rows: list[Row]
    size: int
    lines: int
    skips: bool = False
    unclosed: int = 0


def find_shape(head: bytes, *, is_all: bool, known: Sequence[str] = ()) -> Shape:
    """What the first bytes of a file say about it; raises Invalid in words that help.

    `head` holds at least WINDOW bytes, unless `is_all`. A list of one column that does not begin
    with a `known` name (in small letters) has no heading.
    """
    _refuse_others(head)
    text = _decode_head(head, is_all=is_all)
    if not text.strip():
        raise Invalid(_("The file is empty. Choose one with a heading and at least one row."))
    start = len(BOM) if head.startswith(BOM) else 0
    if text.lstrip().startswith("["):
        raise Invalid(
            _("The file holds one JSON list. Write one object on each line instead (JSONL).")
        )
    if text.lstrip().startswith("{"):
        return Shape(JSONL, "", _list_keys(head[start:], is_all=is_all), start)
    return _find_csv(head, text, start, is_all=is_all, known=known)


def _refuse_others(head: bytes) -> None:
    words = ""
    is_wide = head[:100].count(0) * 4 > len(head[:100])
    if is_wide or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        words = _("The file is written in UTF-16 or UTF-32. Save it as UTF-8 and try again.")
    elif head.startswith(b"PK\x03\x04"):
        words = _("This is a workbook or an archive. Save the sheet as CSV (UTF-8) and try again.")
    elif head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        words = _("The file is compressed. Unpack it and try again.")
    if words:
        raise Invalid(words)


def _decode_head(head: bytes, *, is_all: bool) -> str:
    """The whole lines of it as text."""
    end = len(head) if is_all else max(head.rfind(b"\n"), head.rfind(b"\r")) + 1
    if not end and not is_all:
        raise Invalid(
            _("The first line is longer than %(most)s bytes. Check that lines end with a line end.")
            % {"most": MAX_ROW_BYTES}
        )
    try:
        return head[:end].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(LINE_END.findall(head[: error.start])) + 1
        raise Invalid(
            _("The file is not UTF-8: line %(line)s cannot be read. Save it as UTF-8 (in Excel:"
              " CSV UTF-8) and try again.") % {"line": line}
        ) from error  # fmt: skip


def _find_csv(head: bytes, text: str, start: int, *, is_all: bool, known: Sequence[str]) -> Shape:
    delimiter = find_delimiter(text)
    begun = Shape(CSV, delimiter, (), start)
    chunk = read_chunk(begun, head[start:], 1, is_end=is_all, most=1)
    if not chunk.rows or chunk.rows[0].fault:
        why = chunk.rows[0].fault if chunk.rows else ""
        raise Invalid(_("The heading cannot be read. %(why)s") % {"why": why})
    names = list(chunk.rows[0].values.values())
    if len(names) > MAX_COLUMNS:
        raise Invalid(
            _("The heading has %(count)s columns, and at most %(most)s are read. Is it the right"
              " file, with lines that end?") % {"count": len(names), "most": MAX_COLUMNS}
        )  # fmt: skip
    if len(names) == 1 and names[0].strip().casefold() not in known:
        return Shape(CSV, delimiter, (name_column("", 1),), start)
    if is_all and not head[start + chunk.size :].strip():
        raise Invalid(_("The file has a heading and no row below it."))
    return Shape(CSV, delimiter, _make_unique(names), start + chunk.size, 1 + chunk.lines)


def find_delimiter(text: str) -> str:
    """What is between the columns of a CSV: what its heading has most of outside of quotes."""
    unquoted = re.sub(r'"[^"]*"', "", text.lstrip("\r\n")[:MAX_ROW_BYTES]).splitlines()
    heading = unquoted[0] if unquoted else ""
    return max(DELIMITERS, key=heading.count)


def name_column(name: str, number: int) -> str:
    """What a column is called that has no name, or one that is too long."""
    kept = UNSTORABLE.sub("", name).strip()[:MAX_COLUMN_NAME]
    return kept or _("column %(number)s") % {"number": number}


def _make_unique(names: Sequence[str]) -> tuple[str, ...]:
    unique: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        own = name_column(name, number)
        while own in unique:
            own = f"{own} ({number})"
        unique[own] = None
    return tuple(unique)


def _list_keys(body: bytes, *, is_all: bool) -> tuple[str, ...]:
    chunk = read_chunk(Shape(JSONL, "", ()), body, 1, is_end=is_all)
    keys = dict.fromkeys(key for row in chunk.rows for key in row.values)
    if not keys:
        why = next((row.fault for row in chunk.rows if row.fault), "")
        raise Invalid(_("No line holds a JSON object with values. %(why)s") % {"why": why})
    if len(keys) > MAX_COLUMNS:
        raise Invalid(
            _("The objects have more than %(most)s different keys.") % {"most": MAX_COLUMNS}
        )
    return tuple(keys)


def read_chunk(
    shape: Shape, window: bytes, line: int, *, is_end: bool, most: int = CHUNK_ROWS,
    skips: bool = False,
) -> Chunk:  # fmt: skip
    """Rows from the beginning of a window: at most `most`, and those that begin in CHUNK_BYTES.

    `line` is the number of its first line; `is_end` says that the file ends with the window, which
    otherwise has at least WINDOW bytes. `skips` as the chunk before said.
    """
    if skips:
        return _skip(window, is_end=is_end)
    lines = window.splitlines(keepends=True)
    if lines and not is_end and not window.endswith(b"\n"):
        lines.pop()  # whatever follows it is still to come
    if not lines and window and not is_end:
        fault = Row(line, fault=_say_too_long(), raw=_show(window))
        return Chunk([fault], len(window), 0, skips=True)
    reader = _read_json if shape.format == JSONL else _CsvReader(shape).read
    return _collect(reader(lines, line), lines, line, most)


def _skip(window: bytes, *, is_end: bool) -> Chunk:
    end = LINE_END.search(window)
    if end is None or (end.end() == len(window) and not is_end and window.endswith(b"\r")):
        return Chunk([], len(window), 0, skips=not is_end and end is None)
    return Chunk([], end.end(), 1)


def _collect(
    found: Iterator[tuple[Row | None, int, bool]], lines: list[bytes], line: int, most: int
) -> Chunk:
    """Rows until the chunk is full; what is found are rows, the lines read so far, and whether
    it began a quote that never ends."""
    rows: list[Row] = []
    size = read = unclosed = 0
    for row, index, is_unclosed in found:
        size += sum(map(len, lines[read:index]))
        read = index
        unclosed += is_unclosed
        if row is not None:
            rows.append(row)
        if len(rows) >= most or size >= CHUNK_BYTES or unclosed >= MAX_UNCLOSED:
            break
    return Chunk(rows, size, read, unclosed=unclosed)


class _Lines:
    """Lines as the csv module takes them; one that cannot be read raises, and the next follows."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines, self.index, self.begin = lines, 0, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.index >= len(self.lines):
            raise StopIteration
        raw = self.lines[self.index]
        self.index += 1
        if len(raw) > MAX_ROW_BYTES or self.index - self.begin > MAX_ROW_BYTES // 64:
            raise csv.Error("too long")
        return raw.decode()


class _CsvReader:
    def __init__(self, shape: Shape) -> None:
        self.columns, self.delimiter = shape.columns, shape.delimiter

    def read(self, lines: list[bytes], line: int) -> Iterator[tuple[Row | None, int, bool]]:
        """Each row with the number of lines read so far."""
        source = _Lines(lines)
        reader = csv.reader(source, delimiter=self.delimiter, strict=True)
        while source.index < len(lines):
            begin = source.begin = source.index
            fault, is_unclosed, cells = "", False, []
            try:
                cells = next(reader)
            except (csv.Error, UnicodeDecodeError, StopIteration) as error:
                fault, is_unclosed = _say_fault(error, source.index - begin)
                source.index = begin + 1
            if fault:
                yield (
                    Row(line + begin, fault=fault, raw=_show(lines[begin])),
                    begin + 1,
                    is_unclosed,
                )
            else:
                yield self._make_row(cells, lines[begin], line + begin), source.index, False

    def _make_row(self, cells: list[str], raw: bytes, line: int) -> Row | None:
        if not any(cells):
            return None
        if not self.columns:  # the heading itself
            return Row(line, dict(zip(map(str, range(len(cells))), cells, strict=True)))
        wanted = len(self.columns)
        if len(cells) != wanted and (len(cells) < wanted or any(cells[wanted:])):
            words = _("It has %(count)s cells, and the heading has %(wanted)s.")
            fault = words % {"count": len(cells), "wanted": wanted}
            return Row(line, fault=fault, raw=_show(raw))
        if BOM in raw:
            return Row(line, fault=_say_glued(), raw=_show(raw))
        return Row(line, dict(zip(self.columns, map(rearm, cells), strict=False)))


def _say_fault(error: Exception, lines: int) -> tuple[str, bool]:
    """The words, and whether it is a quote that never ends."""
    if isinstance(error, UnicodeDecodeError):
        return _("It is not UTF-8. Save the whole file as UTF-8."), False
    text = str(error)
    if "expected after" in text:
        words = _("A quote stands inside a quoted cell. Write it twice, or take the quotes away.")
        return words, False
    if "unexpected end" in text or "field larger" in text or lines > 1:
        return _("A quote is opened here and not closed. Close it, or take it away."), True
    return _say_too_long(), False


def _say_too_long() -> str:
    return _("It is longer than %(most)s bytes.") % {"most": MAX_ROW_BYTES}


def _say_glued() -> str:
    return _("It holds a byte order mark: two files were put together here. Take the mark away.")


def _show(raw: bytes) -> str:
    """What stands in a row that cannot be read, as far as it can be shown."""
    return raw[:1000].decode(errors="replace").rstrip("\r\n").replace("\0", "\ufffd")


def _read_json(lines: list[bytes], line: int) -> Iterator[tuple[Row | None, int, bool]]:
    for index, raw in enumerate(lines):
        text = raw.strip()
        row = _parse_object(text, line + index) if text else None
        yield row, index + 1, False


def _parse_object(raw: bytes, line: int) -> Row:
    try:
        if len(raw) > MAX_ROW_BYTES:
            raise ValueError(_say_too_long())
        value = json.loads(
            raw.decode(), object_pairs_hook=_read_pairs, parse_constant=_refuse_constant
        )
        if not isinstance(value, dict):
            raise ValueError(_("Each line holds one JSON object."))
        _check_keys(value)
    except RecursionError:
        return Row(line, fault=_("The JSON is nested too deeply."), raw=_show(raw))
    except UnicodeDecodeError as error:
        return Row(line, fault=_say_fault(error, 1)[0], raw=_show(raw))
    except json.JSONDecodeError as error:
        words = _("This is no JSON: %(error)s.") % {"error": error.msg}
        return Row(line, fault=words, raw=_show(raw))
    except ValueError as error:
        return Row(line, fault=str(error), raw=_show(raw))
    return Row(line, value)


def _read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) < len(pairs):
        raise ValueError(_("A key occurs twice in one object."))
    return body


def _check_keys(body: dict[str, Any]) -> None:
    """They are columns, and kept and shown as such."""
    if any(map(UNSTORABLE.search, body)):
        raise ValueError(_("A key holds a character that cannot be stored."))
    if any(len(key) > MAX_COLUMN_NAME for key in body):
        words = _("A key is longer than %(most)s characters.")
        raise ValueError(words % {"most": MAX_COLUMN_NAME})


def _refuse_constant(text: str) -> Any:
    raise ValueError(_("%(text)s is no JSON number.") % {"text": text})
