"""Kinds of id that some dialect, or our own device door, knows a device by."""

from __future__ import annotations

from functools import cache

from providers import registry
from providers.recipients import IdentifierKind

MAX_IDENTIFIER = 4096  # of a token, too
INSTALLATION = "installation_id"  # what an app has made up for one installation of itself


@cache
def identifier_kinds() -> dict[str, IdentifierKind]:
    """Every kind by its name, those that name a push token included."""
    own = {INSTALLATION: IdentifierKind(INSTALLATION)}
    return own | {
        kind.name: kind for dialect in registry.all_dialects() for kind in dialect.identifier_kinds
    }


@cache
def identifier_platforms() -> dict[str, str]:
    """Kinds that a DeviceIdentifier may be of, with their platform or "" for any."""
    return {
        name: kind.platform.value if kind.platform else ""
        for name, kind in identifier_kinds().items()
        if not kind.is_token
    }
