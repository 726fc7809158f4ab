"""A count in words, for whoever should stop and read it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

SMALL = (
    _("no"), _("one"), _("two"), _("three"), _("four"), _("five"), _("six"), _("seven"),
    _("eight"), _("nine"), _("ten"), _("eleven"), _("twelve"), _("thirteen"), _("fourteen"),
    _("fifteen"), _("sixteen"), _("seventeen"), _("eighteen"), _("nineteen"),
)  # fmt: skip
TENS = (
    "", "", _("twenty"), _("thirty"), _("forty"), _("fifty"), _("sixty"), _("seventy"),
    _("eighty"), _("ninety"),
)  # fmt: skip
SCALES = (
    (10**9, _("%(n)s billion")),
    (10**6, _("%(n)s million")),
    (10**3, _("%(n)s thousand")),
    (10**2, _("%(n)s hundred")),
)


def say_number(count: int) -> str:
    """`5021` as "five thousand twenty-one"; for 0 and more."""
    words = []
    rest = count
    for size, scale in SCALES:
        if rest >= size:
            words.append(str(scale) % {"n": say_number(rest // size)})
            rest %= size
    if rest or not count:
        words.append(_say_small(rest))
    return " ".join(words)


def _say_small(count: int) -> str:
    if count < len(SMALL):
        return str(SMALL[count])
    tens, ones = divmod(count, 10)
    return f"{TENS[tens]}-{SMALL[ones]}" if ones else str(TENS[tens])
