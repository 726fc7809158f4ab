"""Who wrote what, for people: a script by the name of its key, which is kept by its public id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campaigns.models import ApiKey
from campaigns.models.access import KEY_PREFIX


def name_authors(authors: Iterable[str], workspaces: Iterable[int]) -> dict[str, str]:
    """The names of those who are keys of these workspaces, by what is kept of them."""
    ids = {name.removeprefix(KEY_PREFIX) for name in authors if name.startswith(KEY_PREFIX)}
    if not ids:
        return {}
    keys = ApiKey.objects.filter(public_id__in=ids, workspace__in=set(workspaces))
    return {f"{KEY_PREFIX}{public}": name for public, name in keys.values_list("public_id", "name")}


def find_authors(principal: Any, typed: str) -> list[str]:
    """What is kept of those whom a name means: a user, or keys that are called so."""
    keys = ApiKey.objects.for_user(principal).filter(name=typed)
    return [
        typed,
        *(f"{KEY_PREFIX}{public}" for public in keys.values_list("public_id", flat=True)),
    ]
