"""How much of a message its page holds: what does not fit stays where it is stored.

Whatever a draft says, its page is bounded: its texts have `ROOM` together, so that with all that
stands around them (lists of choices, two hundred languages' names) it is below 300 kB.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from campaigns.pages.field_html import LeftText
from campaigns.pages.message_form import MessageForm
from campaigns.pages.stored_texts import Stored, read_stored_fields
from campaigns.pages.translation_form import TranslationForm, Translations

ROOM = 70_000  # bytes of HTML for the texts of a message
OWN_ROOM = 55_000  # of it for the message itself, at most; languages have the rest
SHORT = 1_000  # a field of less is on the page whatever the others say
WHOLE = 5  # languages drawn with all their fields, and as many that are wrong
MANY = 20  # of more none is drawn whole unless it is wrong: their texts take the room
# What a language takes beside its texts: a tab and hidden inputs, all fields, those of platforms.
THIN, FIELDS, PLATFORM_FIELDS = 800, 5_000, 4_000
BEGINNING = 200  # letters that stand for a field that is left
INPUT = 90  # a hidden input without its value


@dataclass(frozen=True, slots=True)
class Row:
    """A language whose texts are on the page: with all its fields, or for scripts to draw these
    when its tab is opened."""

    number: int
    form: TranslationForm
    is_whole: bool


def measure(text: str) -> int:
    """How many bytes a text takes in a page."""
    return len(html.escape(text).encode())


def leave_long_fields(message: MessageForm, stored: Stored) -> int:
    """Mark what is not drawn of the message itself, the longest first; gives what the rest takes.

    Only what is stored as it is here is left there. What is not stored so any more stays left: as
    an empty field it would be saved without its text by the next post.
    """
    for name in message.gone & message.fields.keys():
        message.leave(name, LeftText(0, ""))
    texts = {name: text for name in message.fields if (text := message.read_text(name))}
    sizes = {name: measure(text) for name, text in texts.items()}
    taken = sum(sizes.values())
    if taken <= OWN_ROOM or not stored.name:
        return taken
    before = read_stored_fields(stored, message.dialects)
    for name in sorted(texts, key=lambda name: -sizes[name]):
        if taken <= OWN_ROOM or sizes[name] < SHORT:
            break
        if before.read_text(name) == texts[name]:
            message.leave(name, LeftText(len(texts[name]), texts[name][:BEGINNING]))
            taken -= sizes[name]
    return taken


class Layout:
    """The languages of one page: those that it holds, and those that stay where they are stored."""

    def __init__(
        self, message: MessageForm, translations: Translations, stored: Stored, room: int = ROOM
    ) -> None:
        self.translations = translations
        self.stored = stored
        self.room = max(room - leave_long_fields(message, stored), room - OWN_ROOM)

    @cached_property
    def rows(self) -> list[Row]:
        """Those on the page: first what is stored nowhere, then what is wrong, then what fits."""
        self._is_whole: dict[int, bool] = {}
        forms = list(enumerate(self.translations.forms))
        wrong = [number for number, form in forms if form.errors]
        eager = WHOLE if len(forms) <= MANY else 0
        typed = [number for number, form in forms if form.is_bound and not self._is_stored(form)]
        self._place([number for number in wrong if number in typed][:WHOLE], is_whole=True)
        self._place(typed, is_whole=False)
        self._place(wrong[:WHOLE], is_whole=True)
        self._place(range(len(forms)), is_whole=False, eager=eager)
        drawn = sorted(self._is_whole)
        return [Row(number, forms[number][1], self._is_whole[number]) for number in drawn]

    def _place(self, numbers: Iterable[int], *, is_whole: bool, eager: int = 0) -> None:
        """Take each that fits, and what nothing else holds whether it fits or not."""
        for number in numbers:
            if number in self._is_whole:
                continue
            form = self.translations.forms[number]
            texts = self._read(form)
            thin = THIN + sum(INPUT + measure(text) for text in texts.values())
            whole = thin + FIELDS + (PLATFORM_FIELDS if form.platforms_fold.is_open else 0)
            takes_whole = is_whole or (number < eager and whole <= self.room)
            cost = whole if takes_whole else thin
            if cost > self.room and self._is_stored(form):
                continue
            self._is_whole[number] = takes_whole
            self.room -= cost

    def _read(self, form: TranslationForm) -> dict[str, str]:
        """What it says by its fields."""
        return {name: text for name, text in form.hidden_values if text}

    def _is_stored(self, form: TranslationForm) -> bool:
        row = self.stored.find_row(str(form["language"].value() or ""))
        if row is None:
            return False
        return self._read(TranslationForm(initial=row, prefix=form.prefix)) == self._read(form)

    @property
    def left(self) -> str:
        """What a post has to take from where it is stored: `[[5, "de"], ...]`, with a 1 behind the
        language where something is wrong with it."""
        drawn = {row.number for row in self.rows}
        left = [
            [number, form["language"].value(), *([1] if form.errors else [])]
            for number, form in enumerate(self.translations.forms)
            if number not in drawn
        ]
        return json.dumps(left, separators=(",", ":"))
