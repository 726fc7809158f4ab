"""How the ways of an app's platforms can address a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.models import App
from campaigns.selectors.routes import Way, list_ways
from providers.message_fields import Platform


@dataclass(frozen=True, slots=True)
class Reach:
    """How one way addresses devices of a platform: by token, by other ids in this order."""

    way: Way
    token_kind: str
    id_kinds: tuple[str, ...]


def find_reach(way: Way, platform: str) -> Reach:
    """The kinds of id by which this way takes devices of the platform."""
    kinds = [
        kind for kind in way.dialect.identifier_kinds if kind.platform in (None, Platform(platform))
    ]
    tokens = [kind.name for kind in kinds if kind.is_token]
    others = tuple(kind.name for kind in kinds if not kind.is_token)
    return Reach(way, tokens[0] if tokens else "", others)


def list_reaches(app: App) -> Mapping[str, Reach]:
    """By platform, how its first way addresses devices; a platform without a way is absent."""
    reaches = {}
    for platform in Platform:
        ways = list_ways(app.pk, platform.value)
        if ways:
            reaches[platform.value] = find_reach(ways[0], platform.value)
    return reaches
