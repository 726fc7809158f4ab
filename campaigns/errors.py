"""Refusals: a kind that decides the HTTP status, a code for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from providers.outcomes import OVER_CAP, Refusal, RefusalKind


class Refused(Refusal):
    """One of our rules said no.

    `message` is a sentence that says how to mend it; `fields` maps field paths to sentences.
    """

    kind_default = RefusalKind.INVALID
    code_default = "refused"

    def __init__(
        self,
        message: str,
        *,
        kind: RefusalKind | None = None,
        code: str = "",
        fields: Mapping[str, str] | None = None,
        subject: str = "",
    ) -> None:
        field = next(iter(fields), "") if fields else ""
        code = code or self.code_default
        super().__init__(
            kind or self.kind_default, message, field=field, subject=subject, code=code
        )
        self.fields = dict(fields or {})


class Invalid(Refused):
    """A value that a person or a script gave is wrong."""

    code_default = "invalid"


class OverCap(Refused):
    """More than this door lets an app have, or a call say; `subject` names the `Cap`."""

    code_default = OVER_CAP


class NotReady(Refused):
    """The thing exists but cannot start yet."""

    kind_default = RefusalKind.CONFLICT
    code_default = "not_ready"


class NotFound(Refused):
    """No such thing, or it belongs to somebody else."""

    kind_default = RefusalKind.NOT_FOUND
    code_default = "not_found"


class Forbidden(Refused):
    """It exists and may be seen, but not changed by this actor."""

    kind_default = RefusalKind.FORBIDDEN
    code_default = "forbidden"


class Conflict(Refused):
    """It clashes with what is there already."""

    kind_default = RefusalKind.CONFLICT
    code_default = "conflict"


class IllegalMove(Conflict):
    """This status cannot become that one."""

    code_default = "illegal_move"


class ChangedMeanwhile(Conflict):
    """Somebody else changed it first."""

    code_default = "changed_meanwhile"


class KeyReused(Refused):
    """An idempotency key came again with another body; HTTP 422 on the native API."""

    kind_default = RefusalKind.CONFLICT
    code_default = "idempotency_key_reused"


# What Django raises while the database is stopped, restarts, or cannot be had in time.
DATABASE_AWAY = (OperationalError, InterfaceError)


class Unavailable(Refused):
    """The database is away; the call may be made again soon, best with its idempotency key."""

    kind_default = RefusalKind.UNAVAILABLE
    code_default = "unavailable"

    def __init__(self) -> None:
        super().__init__(_("The database cannot be reached just now. Try again in a moment."))
        self.retry_after = 5.0
