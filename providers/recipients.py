"""Who is meant by a call: ids of some kind, or what is true of them. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from providers.audience import Expression
from providers.message_fields import Platform

TOKEN_KIND = "token"


class PersonKind(StrEnum):
    """Kinds of ids that mean a person: all of their devices of the app."""

    EXTERNAL_USER_ID = "external_user_id"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """A kind of device id that a dialect knows, e.g. `google_aid`.

    `platform` None means any. `is_token` says that it names `Device.token` of that platform.
    `is_ours` says that we give such ids, of `length` random `letters`, to devices without one.
    `label` is what people call it; without one it is called by its name.
    """

    name: str
    platform: Platform | None = None
    is_token: bool = False
    is_ours: bool = False
    letters: str = "0123456789abcdef"
    length: int = 32
    label: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """Recipients that are addressed by one kind of id: a `PersonKind`, or one of the dialect's
    `identifier_kinds`.

    `references` are our receipt tokens. `ids` are the caller's own ids for the single targets, in
    the order of `values`, "" where he gave none.
    """

    kind: str
    values: tuple[str, ...]
    references: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Recipients by what is true of them; without labels and expression everyone of the app.

    Who is meant carries all `labels` and fulfils the `expression`. `segments` are our ids of
    saved ones, all of which must hold; of `any_segments` one is enough, of `not_segments` none may
    hold. Of the latter two those of another app of the workspace mean nobody.
    """

    labels: tuple[str, ...] = ()
    expression: Expression | None = None
    segments: tuple[str, ...] = ()
    any_segments: tuple[str, ...] = ()
    not_segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChoice:
    """Apps of those that the key reaches: all, or the named ones and the members of named groups,
    without those that are excluded. Ids of apps as `find_app` takes them, of app groups ours.
    """

    is_all: bool = False
    apps: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    not_apps: tuple[str, ...] = ()
    not_groups: tuple[str, ...] = ()
