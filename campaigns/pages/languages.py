"""Languages as people name them, which way they are written, and who gets the text in which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import App
from campaigns.selectors.language_names import name_language
from campaigns.services.forecast import Reach
from providers.languages import is_right_to_left
from providers.message import PushMessage


@dataclass(frozen=True, slots=True)
class LanguageLine:
    """One text of the message: its language (`""` for the common one), and how many get it."""

    tag: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class LanguageReach:
    """Who gets the message in which language. `missing`: what people speak and nobody wrote."""

    lines: list[LanguageLine]
    missing: list[LanguageLine]

    @property
    def missing_count(self) -> int:
        """Recipients who get the common text although it is not in their language."""
        return sum(line.count for line in self.missing)


def find_direction(tag: str) -> str:
    """`rtl` or `ltr`."""
    return "rtl" if is_right_to_left(tag) else "ltr"


def describe_language(tag: str) -> LanguageLine:
    """A language by its tag, nobody counted yet."""
    return LanguageLine(tag, name_language(tag), 0)


def count_texts(
    message: PushMessage, counts: Mapping[str, int], apps: Sequence[App]
) -> LanguageReach:
    """How many recipients get each text, by the counts of their own languages.

    Of several apps the first one's fallbacks are shown: counts are of all of them together.
    """
    reached: dict[str, int] = {"": 0, **dict.fromkeys(message.translations, 0)}
    defaults = {message.default_language or app.default_language for app in apps}
    common = {tag.partition("-")[0] for tag in defaults}
    missing = []
    for tag, count in counts.items():
        text = message.find_language(tag, apps[0].chain)
        reached[text] += count
        if not text and tag and tag.partition("-")[0] not in common:
            missing.append(LanguageLine(tag, name_language(tag), count))
    lines = [LanguageLine(tag, name_language(tag), count) for tag, count in reached.items()]
    return LanguageReach(lines, sorted(missing, key=lambda line: -line.count))


def count_all_texts(message: PushMessage, reaches: Iterable[Reach]) -> list[LanguageLine]:
    """How many recipients get each text, the most first, each app's by its own chain; none of a
    message that is in one language."""
    counted: Counter[str] = Counter()
    common = message.default_language
    for reach in reaches if message.translations else ():
        common = common or reach.app.default_language
        lines = count_texts(message, reach.spoken, [reach.app]).lines
        counted.update({line.tag: line.count for line in lines})
    names = {"": _("%(language)s (common)") % {"language": name_language(common)}}
    return [
        LanguageLine(tag, names.get(tag) or name_language(tag), count)
        for tag, count in counted.most_common()
    ]
