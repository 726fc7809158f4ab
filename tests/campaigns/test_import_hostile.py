"""Hostile files: what cannot be read is told in words, and takes nothing else with it."""

from __future__ import annotations

import csv
import io
import json
import random
import tracemalloc

import pytest

from campaigns.errors import Invalid
from campaigns.services import import_text
from campaigns.services.import_text import WINDOW, find_shape, read_chunk
from tests.campaigns.importing import check, count, read_left_out, upload

MB = 1_000_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf \r\n", "The file is empty"),
        (b"user_id,email\n", "no row below it"),
        ("user_id\nann\n".encode("utf-16"), "UTF-16"),
        ("user_id\nann\n".encode("utf-16-be"), "UTF-16"),
        ("user_id\nann\nJos\xe9\n".encode("latin-1"), "not UTF-8: line 3"),
        (b"\x1f\x8b\x08rest", "compressed"),
        (b'[{"user_id": 1}]', "one JSON list"),
        (b"{}\n{}\n", "No line holds"),
        (b"{" * 100_000, "No line holds"),
        (b'"user_id,email\nann,a@b.de\n', "heading cannot be read"),
        (b"a," * 600 + b"b\n1\n", "601 columns"),
        (b"a," * 1_000_000 + b"b\n1\n", "longer than"),
        (b"x" * 100 * MB, "longer than"),
    ],
    ids=range(14),
)
def test_a_file_that_is_none_is_refused_in_words(body, words):
    with pytest.raises(Invalid, match=words):
        find_shape(body[:WINDOW], is_all=len(body) <= WINDOW)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(app, ends):
    text = ends.join(["user_id;email", "ann;ann@example.org", "", 'bob;"bob@example.org"'])

    one = check(upload(app, "\ufeff" + text))

    assert count(one.check_job) == {"rows": 2, "new": 2, "persons": 2}


HOSTILE = [
    b"ann,DE,\n",
    b'"bob,DE,\n',  # never closed
    b'"cat" x,DE,\n',
    b'"da\nve",DE,\n',
    b"eve,DE,\xef\xbb\xbf\n",
    b"a," * 50_000 + b"\n",
    b"y" * 3_000_000 + b"\n",  # a line of 3 MB
    b"fay,DE,1e400\n",
    b"gus,DE," + b"9" * 5000 + b"\n",
    b"z,DE\n",
    b"hal,DE,7\n",
    b"Jos\xe9,DE,\n",  # far behind what is looked at when the file comes
]


def test_hostile_rows_are_left_out_one_by_one(app):
    mapping = {"user_id": "person.external_user_id", "country": "person.country",
               "n": "person.custom.n:number"}  # fmt: skip

    one = check(upload(app, b"user_id,country,n\n" + b"".join(HOSTILE)), mapping=mapping)

    left_out = [line.split(",")[0] for line in read_left_out(one.check_job).splitlines()[1:]]
    assert left_out == ["3", "4", "7", "8", "9", "10", "11", "12", "14"]
    assert count(one.check_job) == {"rows": 12, "new": 3, "persons": 3, "rejected": 9}


def test_hostile_lines_of_json_are_left_out_one_by_one(app):
    lines = [
        '{"user_id": "ann"}', '{"user_id": "a", "user_id": "b"}', "[" * 50_000,
        '{"user_id": "' + "x" * 200_000 + '"}', '{"user_id": 1e400}', '{"user_id": NaN}', "17",
        '{"user_id": "a\\u0000"}', '{"user_id": "\\ud800"}', '{"user_id": true}', "",
        '{"user_id": "bob", "new": 1}', '{"user_id": "' + "9" * 5000,
    ]  # fmt: skip

    one = check(upload(app, "\n".join(lines) + "\n"))

    assert count(one.check_job) == {"rows": 12, "new": 2, "persons": 2, "rejected": 10}


@pytest.mark.parametrize(
    "key", ['"\\ud83d"', '"a\\u0000"', '"' + "x" * 201 + '"', '"' + "<" * 130_000 + '"']
)
def test_a_key_that_is_no_name_of_a_column_takes_only_its_line(app, key):
    text = f'{{"user_id": "ann", "plan": 1}}\n{{"user_id": "bob", {key}: 1}}\n'

    one = check(upload(app, text, "people.jsonl"))

    assert one.shape["columns"] == ["user_id", "plan"]
    assert count(one.check_job) == {"rows": 2, "new": 1, "persons": 1, "rejected": 1}
    assert "A key " in read_left_out(one.check_job)


def test_a_file_all_of_whose_keys_are_no_names_is_refused_in_words(app):
    with pytest.raises(Invalid, match="A key holds a character that cannot be stored"):
        upload(app, '{"\\ud83d": 1}\n', "people.jsonl")


def test_a_heading_loses_what_no_database_holds(app):
    one = check(upload(app, "user_id,pl\0an,\0\nann,pro,x\n"))

    assert one.shape["columns"] == ["user_id", "plan", "column 3"]
    assert count(one.check_job) == {"rows": 1, "new": 1, "persons": 1}


def test_quotes_that_never_end_stop_a_file_instead_of_a_worker(app, monkeypatch):
    monkeypatch.setattr("campaigns.services.import_steps.MOST_UNCLOSED", 1)

    one = check(upload(app, "user_id\nann\n" + ('"bob\n' + "x\n" * 3000) * 2))

    assert one.check_job.status == "failed"
    assert "open a quote that is never closed" in one.check_job.note


def test_a_heading_with_the_same_name_twice_keeps_both_columns():
    shape = find_shape(b"email,email,,x\n1,2,3,4\n", is_all=True)

    assert shape.columns == ("email", "email (2)", "column 3", "x")


def test_rows_are_the_same_wherever_the_chunks_end(monkeypatch):
    monkeypatch.setattr(import_text, "CHUNK_BYTES", 500)
    monkeypatch.setattr(import_text, "MAX_ROW_BYTES", 300)
    rng = random.Random(7)
    pieces = [b'a,"b\nc"\n', b"d,\xc3\xa9\r\n", b'"x\n', b'"q"z,1\n', b"e,f\r", b"g" * 400, b"\n"]
    for _example in range(200):
        body = b"".join(rng.choices(pieces, k=rng.randint(1, 60)))
        whole = list(read_all(body, rows_at_once=1000))

        again = list(read_all(body, rows_at_once=rng.randint(1, 5)))

        assert again == whole


def read_all(body, rows_at_once):
    """Rows by chunks of so many, and as much of the file as a step may see."""
    shape = import_text.Shape("csv", ",", ("one", "two"))
    start, line, skips = 0, 1, False
    while start < len(body):
        window = body[start : start + 802]
        chunk = read_chunk(shape, window, line, is_end=start + len(window) >= len(body),
                           most=rows_at_once, skips=skips)  # fmt: skip
        yield from ((row.line, row.values, row.fault) for row in chunk.rows)
        start, line, skips = start + chunk.size, line + chunk.lines, chunk.skips


def test_an_upload_holds_no_more_than_a_few_pieces_in_memory(app):
    def write():
        yield b"user_id\n"
        for _block in range(400):
            yield b"ann\n" * 12_500

    tracemalloc.start()
    one = upload_blocks(app, write())
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert one.size > 19 * MB
    assert peak < 8 * MB


def upload_blocks(app, blocks):
    from campaigns.services import imports
    from tests.campaigns.importing import NOW

    return imports.begin_import(app, blocks, imports.Told("a.csv", "x"), actor="me", now=NOW)


@pytest.mark.database
@pytest.mark.parametrize("path", ["/wp/../other", "/wp/%2E%2e/other", "/wp/%2fother"])
def test_a_browser_whose_address_leads_elsewhere_is_left_out(app, path):
    endpoint = f"https://push.example{path}"
    token = json.dumps({"endpoint": endpoint, "keys": {"p256dh": "key", "auth": "secret"}})
    rows = [["platform", "token"], ["web", token], ["web", endpoint]]
    file = io.StringIO()
    csv.writer(file).writerows(rows)

    one = check(upload(app, file.getvalue()))

    left_out = read_left_out(one.check_job)
    assert count(one.check_job) == {"rows": 2, "rejected": 2}
    assert left_out.count("leads to another path than it names") == 2
