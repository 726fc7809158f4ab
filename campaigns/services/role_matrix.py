"""What each role may do, as a table for people: drawn from what the doors ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from campaigns.models import Membership
from campaigns.services.access import HOLDERS
from campaigns.services.job_kinds import KINDS
from campaigns.services.permissions import NEEDS, NOBODY, VERB_NEEDS, VERBS, WIDE_VERBS, Needs

Role = Membership.Role
WORDS = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("remove")}


@dataclass(frozen=True, slots=True)
class Line:
    """What roles may do with one kind of thing; `cells` are in the order of the roles.

    A cell has the verbs and whether some of them need the role for all apps.
    """

    name: str | Promise
    cells: tuple[tuple[tuple[Any, ...], bool], ...]


def draw_matrix() -> list[tuple[str | Promise, list[Line]]]:
    """Sections of lines."""
    return [
        (_("What is done"), list(_draw_verbs())),
        (_("Long work"), list(_draw_jobs())),
        (_("What is kept"), sorted(_draw_models(), key=lambda line: str(line.name))),
    ]


def _draw_verbs() -> Iterator[Line]:
    for verb, (label, role) in VERB_NEEDS.items():
        yield Line(label, tuple(_tick(held, role, verb in WIDE_VERBS) for held in Role))


def _draw_jobs() -> Iterator[Line]:
    for kind in KINDS.values():
        yield Line(kind.label, tuple(_tick(held, kind.role) for held in Role))


def _tick(held: str, needed: str, is_wide: bool = False) -> tuple[tuple[Any, ...], bool]:
    return ((_("yes"),), is_wide) if held in HOLDERS[needed] else ((), False)


def _draw_models() -> Iterator[Line]:
    for name, needs in NEEDS.items():
        label = "auth" if name == "user" else "campaigns"
        plural = str(apps.get_model(label, name)._meta.verbose_name_plural)
        yield Line(capfirst(plural), tuple(_list_verbs(needs, role) for role in Role))


def _list_verbs(needs: Needs, held: str) -> tuple[tuple[Any, ...], bool]:
    verbs = [
        verb
        for verb in VERBS
        if needs.role_for(verb) != NOBODY and held in HOLDERS[needs.role_for(verb)]
    ]
    return tuple(WORDS[verb] for verb in verbs), any(needs.is_wide(verb) for verb in verbs)
