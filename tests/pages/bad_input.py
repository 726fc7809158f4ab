"""What may be sent by a form that nobody filled in as it is meant, and how it must be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from django.contrib.messages import ERROR
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import QueryDict
from django.urls import resolve

from tests.pages.read_faults import find_lost_messages
from tests.pages.read_form import TYPED, DrawnForm, read_forms

MARKUP = "<script>alert(1)</script>\"'{{ 7|add:7 }}{% now %}"
BAD = {
    "nothing": "",
    "markup": MARKUP,
    "too much": "x" * 70_000,
    "a number beyond all": "9" * 40,
    "less than nothing": "-1",
    "no number": "NaN",
    "beyond numbers": "1e999",
    "a NUL": "a\0b",
    "digits of elsewhere": "١٢",
    "deep JSON": "[" * 5_000,
    "JSON that no database holds": '{"a": "\\u0000"}',
    "JSON of half a character": '{"a": ["\\ud83d"]}',
    "no date": "0000-13-99T99:99",
    "the end of time": "9999-12-31T23:59",
    "lines": "\r\n,\t;\r\n" * 50,
}
FILES = {
    "nothing": b"",
    "markup": MARKUP.encode(),
    "a NUL": b"\xff\xfe\0\0",
    "deep JSON": b"[" * 5_000,
}
SAYS_WHY = re.compile(
    r'class="pa-(error|note pa-note-bad)"[^>]*>(<span[^>]*>\w+</span>)?(<(div|p)\b[^>]*>)*[^<]*\w'
)
CHOSEN = {"select", "multiple", "radio"}
ANSWERED = {200, 204, 286, 302, 303}
REFUSED = {400, 403, 404, 405, 409, 413, 415, 422}


@dataclass(frozen=True)
class Way:
    """One way in which a page sends a form."""

    form: DrawnForm
    method: str
    address: str
    extra: tuple[str, str] | None = None  # the button's name and value

    @property
    def key(self) -> tuple[Any, ...]:
        """What is the same of two forms of one sort, on whichever page they are drawn."""
        name = resolve(self.address.partition("?")[0]).url_name
        return self.method, name, self.form.form_id or tuple(sorted(self.form.kinds))


def list_ways(page: str, address: str) -> list[Way]:
    """Every way in which this page sends something that it has fields for."""
    forms, senders = read_forms(page)
    ways = []
    for form in forms:
        own = (form.method, urljoin(address, form.action))
        for name, value, method, target in form.buttons or [("", "", "", "")]:
            sent_by = method or own[0], urljoin(address, target) if target else own[1]
            ways.append(Way(form, *sent_by, (name, value) if name else None))
    by_id = {form.form_id: form for form in forms if form.form_id}
    ways += [
        Way(by_id[form_id], method, urljoin(address, target))
        for form_id, method, target in senders
        if form_id in by_id
    ]
    return [way for way in ways if set(way.form.kinds) - {"csrfmiddlewaretoken"}]


class Sender:
    """Sends forms, and takes back whatever came of each."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.cookies = client.cookies.copy()

    def judge(self, way: Way, changed: dict[str, str]) -> Iterator[str]:
        """What is wrong with the answer to a form in which these fields were filled in so."""
        posted = fill_in(way, changed)
        try:
            answer, text = self.send(way, posted)
        except Exception as error:  # noqa: BLE001 -- any at all is a page that fell over
            yield f"fell over: {error!r:.300}"
            return
        if answer.status_code not in ANSWERED | REFUSED:
            yield f"answered {answer.status_code}"
        if "<script>alert(1)" in text and answer["Content-Type"].startswith("text/html"):
            yield "runs what was typed"
        if answer.status_code == 422:
            yield from judge_refusal(way, posted, text, changed)
            if "<html" in text and self.client.get(way.address).status_code == 405:
                yield "answers nobody who reloads what it refused"
        elif answer.status_code == 302 and has_typed(way.form, posted) and tells_error(answer):
            yield "what was typed is lost"

    def send(self, way: Way, posted: QueryDict) -> tuple[Any, str]:
        """The answer and its text."""
        files = {
            name: SimpleUploadedFile("people.csv", FILES.get(posted[name], b"x"))
            for name, kind in way.form.kinds.items()
            if kind == "file" and name in posted
        }
        body = {**dict(posted.lists()), **files}
        with transaction.atomic():
            answer = getattr(self.client, way.method)(way.address, body)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        self.client.cookies = self.cookies.copy()
        return answer, content.decode("utf-8", "replace")


def fill_in(way: Way, changed: dict[str, str]) -> QueryDict:
    """The form as it is drawn, but for these fields, sent by this button."""
    posted = way.form.values.copy()
    if way.extra:
        posted[way.extra[0]] = way.extra[1]
    for name, text in changed.items():
        posted.setlist(name, [text] * max(1, len(posted.getlist(name))))  # in each row
    return posted


def has_typed(form: DrawnForm, posted: QueryDict) -> bool:
    """Whether it holds what a browser lets somebody type."""
    typed = [name for name, kind in form.kinds.items() if kind in TYPED and posted.get(name)]
    whole = [posted[name] for name in typed if list_typed(form, posted, name)]
    return bool(whole) and not any("\0" in text for text in whole)


def tells_error(answer: Any) -> bool:
    queued = answer.wsgi_request._messages._queued_messages
    return any(message.level >= ERROR for message in queued)


def judge_refusal(
    way: Way, posted: QueryDict, text: str, changed: Mapping[str, str]
) -> Iterator[str]:
    """A refused form says so, and holds all that was typed into it, unless something that no page
    offers was chosen: fields below it belong to what was offered."""
    if not SAYS_WHY.search(text):
        yield "does not say what is wrong"
    if "<html" not in text:
        return
    yield from find_lost_messages(text)
    drawn = next((form for form in read_forms(text)[0] if is_same(form, way.form)), None)
    if drawn is None:
        yield "does not draw the form again"
        return
    if any(way.form.kinds.get(name) in CHOSEN for name in changed):
        return
    for name, kind in way.form.kinds.items():
        before, after = list_typed(way.form, posted, name), list_typed(drawn, drawn.values, name)
        if kind in TYPED and before != after:
            yield f"loses what was typed into {name}: {before!r:.60} is now {after!r:.60}"


def is_same(drawn: DrawnForm, form: DrawnForm) -> bool:
    """By what one sees of it: of what is not shown a page may leave out what makes no sense."""
    if form.form_id:
        return drawn.form_id == form.form_id
    shown = {name for name, kind in form.kinds.items() if kind != "hidden"}
    return (shown or set(form.kinds)) <= set(drawn.kinds)


def list_typed(form: DrawnForm, values: QueryDict, name: str) -> list[str]:
    """What somebody has typed into the fields of a name, without what a browser would not let
    through or changes itself."""
    most = form.most.get(name, len(BAD["too much"]))
    short = (text for text in values.getlist(name) if len(text.replace("\r\n", "\n")) <= most)
    plain = (" ".join(text.replace("\0", "").split()) for text in short)
    return [text for text in plain if text]
