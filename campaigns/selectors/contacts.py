"""E-mails and phones: how they are stored, why one cannot be, and who has them.

Two ways to write one address are one address: e-mails are stored in lower case, phones as digits,
the country's code first. Rows that were stored otherwise once are found all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.utils.translation import gettext as _

from campaigns.models.bulk import TextList, list_texts
from campaigns.selectors.audience_fields import find_text_fault
from providers.recipients import PersonKind

LENGTHS = {PersonKind.EMAIL.value: 254, PersonKind.PHONE.value: 40}  # as they are typed
MAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]{2,}")
DIGITS = re.compile(r"[1-9][0-9]*")
NUMBER = re.compile(r"[1-9][0-9]{6,14}")
SIGNS = re.compile(r"[\s().\-/]")


def write_contact(kind: str, text: str) -> str:
    """An e-mail or a phone as it is stored, and as it is compared; what is none stays, and so does
    whatever is of another kind."""
    if kind == PersonKind.EMAIL:
        return text.strip().lower()
    if kind == PersonKind.PHONE:
        digits = SIGNS.sub("", text).removeprefix("+").removeprefix("00")
        return digits if DIGITS.fullmatch(digits) else text.strip()
    return text


def find_contact_fault(kind: str, text: str) -> str:
    """Why this is no e-mail or phone, as a sentence, or ""; nothing is none, and may be stored."""
    written = write_contact(kind, text)
    fault = find_text_fault(text, LENGTHS[kind]) or find_text_fault(written, LENGTHS[kind])
    if fault or not written:
        return fault
    if kind == PersonKind.EMAIL:
        is_one = MAIL.fullmatch(written)
        return "" if is_one else _("This is no e-mail address such as ann@example.org.")
    if SIGNS.sub("", written).startswith("0"):
        return _("The country code is missing: write 4915112345678, not 015112345678.")
    if not NUMBER.fullmatch(written):
        return _("This is no phone number: 7 to 15 digits, the country's first.")
    return ""


def spell_contacts(kind: str, written: Iterable[str]) -> list[str]:
    """What is looked for to find these, which `write_contact` has written."""
    if kind == PersonKind.PHONE:
        return [spelled for digits in written for spelled in (digits, f"+{digits}", f"00{digits}")]
    if kind == PersonKind.EMAIL:
        # SQLite's LOWER leaves letters beyond ASCII as they are.
        return [spelled for text in written for spelled in dict.fromkeys((text, _raise(text)))]
    return list(written)


def _raise(text: str) -> str:
    """With letters beyond ASCII as capitals, where these are one letter each."""
    if text.isascii():
        return text
    return "".join(
        sign.upper() if not sign.isascii() and sign.upper().lower() == sign else sign
        for sign in text
    )


def match_spelled(kind: str, texts: Sequence[str] | TextList, column: str = "") -> Q:
    """The condition that a column, of Person the one of that kind, holds one of what
    `spell_contacts` gave; an index answers it."""
    if kind == PersonKind.EMAIL:
        return Q(In(Lower(F(column or kind)), texts))
    return Q(**{f"{column or kind}__in": texts})


def match_contacts(kind: str, texts: Iterable[str], column: str = "") -> Q:
    """As `match_spelled`, of texts that are written anyhow; for other kinds exactly these. None may
    hold a NUL. Nobody is meant by blanks."""
    written = {write_contact(kind, text) for text in texts} - {""}
    return match_spelled(kind, list_texts(spell_contacts(kind, sorted(written))), column)
