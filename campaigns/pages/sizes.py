"""How many bytes every gateway is given, against what it takes: written as they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import App
from campaigns.pages.composition import Composition
from campaigns.selectors.language_names import name_language
from campaigns.selectors.routes import find_first_routes
from campaigns.services.carrying import measure_languages, measure_resolved
from providers import registry
from providers.message import PushMessage
from providers.message_fields import Platform


@dataclass(frozen=True, slots=True)
class Size:
    """The longest call of one platform's messages: through which account, how long, at most."""

    platform: str
    account: str
    vendor: str
    bytes: int
    limit: int
    language: str  # "" where the common text is the longest
    who: str = ""  # whose text it is, where it has variables

    @property
    def language_name(self) -> str:
        """The language for people."""
        return name_language(self.language) if self.language else ""

    @property
    def is_over(self) -> bool:
        """Whether the vendor would not take it."""
        return self.bytes > self.limit

    @property
    def words(self) -> str:
        """What the preview says of it."""
        words = _("%(vendor)s: %(bytes)s of %(limit)s bytes")
        names = {"vendor": self.vendor, "bytes": f"{self.bytes:,}", "limit": f"{self.limit:,}"}
        return words % names


def measure_all(composition: Composition, message: PushMessage) -> list[Size]:
    """Every platform at every first route in every language, each once."""
    sizes = (size for app in composition.place.apps for size in _measure_app(app, message))
    return list(dict.fromkeys(sizes))


def _measure_app(app: App, message: PushMessage) -> Iterator[Size]:
    for way, route in find_first_routes(app).items():
        if way not in set(Platform):
            continue
        dialect = registry.get(route.account.dialect)
        for language, size in measure_languages(dialect, message, Platform(way)).items():
            yield Size(way, route.account.name, dialect.label, size.bytes, size.limit, language)


def list_sizes(
    sizes: Iterable[Size],
    platforms: Mapping[str, int] | None,
    samples: Iterable[Mapping[str, Any]] = (),
) -> list[Size]:
    """The longest by platform and account: in whatever language, or of the sample whose values
    make it longer.

    `platforms` counts the audience: where it has nobody, nothing is sent. None: not known yet.
    """
    rendered = [sample["size"] for sample in samples if sample["size"] is not None]
    longest: dict[tuple[str, str], Size] = {}
    for size in (*sizes, *rendered):
        key = size.platform, size.account
        is_meant = platforms is None or platforms.get(size.platform)
        if is_meant and (key not in longest or size.bytes > longest[key].bytes):
            longest[key] = size
    return list(longest.values())


def tell_sizes(sizes: Iterable[Size]) -> dict[str, dict[str, str]]:
    """For the preview's script: words by platform and language, of the first app's routes."""
    told: dict[str, dict[str, str]] = {}
    for size in sizes:
        told.setdefault(size.platform, {}).setdefault(size.language, size.words)
    return told


def measure_for(
    app: App, platform: str, said: PushMessage, language: str, label: str
) -> Size | None:
    """What a recipient is sent, None where no route leads to him."""
    route = find_first_routes(app).get(platform)
    if route is None:
        return None
    dialect = registry.get(route.account.dialect)
    size = measure_resolved(dialect, said, Platform(platform))
    name, vendor = route.account.name, dialect.label
    return Size(platform, name, vendor, size.bytes, size.limit, language, label)
