"""Calls that make several transfers: one submission names them all, and each is taken alone."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns.errors import DATABASE_AWAY, Conflict, Unavailable
from campaigns.models import AppGroup, IdempotencyRecord, Submission, Workspace
from campaigns.models.prepared import Prepared, insert
from campaigns.services.callers import Caller
from providers.commands import Accepted, Callback
from providers.outcomes import Refusal, RefusalKind
from providers.scrub import hide_login

KEPT = timedelta(hours=24)
REFERENCE_BYTES = 12
_RECORDS: Prepared[IdempotencyRecord] = Prepared(
    lambda workspace, door, scope, key: IdempotencyRecord.objects.filter(
        workspace=workspace, door=door, scope=scope, key=key
    ),
    "workspace",
    "door",
    "scope",
    "key",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyCall:
    """A call of several pushes; `scope` is where its `client_key` counts.

    `callbacks` are the different ones that its pushes ask for, None among them for none.
    """

    workspace: Workspace
    scope: str
    client_key: str
    fingerprint: str
    callbacks: tuple[Callback | None, ...]
    app_group: AppGroup | None = None


def make_reference() -> str:
    """20 lower-case base32 characters of chance, as the id of a whole call or of a target."""
    text = base64.b32encode(secrets.token_bytes(REFERENCE_BYTES) + b"\0").decode()
    return text[:20].lower()


def open_call(call: ManyCall, caller: Caller) -> dict[Callback | None, Submission]:
    """The call's submissions, one for each callback, all with one reference.

    The same call under the same id within a day gets those of the first one; another call under
    it raises Conflict.
    """
    with transaction.atomic():
        reference = make_reference()
        record, is_new = _find_record(call, caller, reference) if call.client_key else (None, True)
        if record is not None:
            if record.fingerprint != call.fingerprint:
                raise Conflict(_("This id has been used for another call."))
            reference = record.answer["reference"]
        known = Submission.objects.filter(workspace=call.workspace, door=caller.dialect.key)
        rows = [] if is_new else list(known.filter(reference=reference).order_by("pk"))
        rows = rows or [
            _create_submission(call, caller, item, reference) for item in call.callbacks
        ]
    return dict(zip(call.callbacks, rows, strict=True))


def _create_submission(
    call: ManyCall, caller: Caller, callback: Callback | None, reference: str
) -> Submission:
    return insert(
        Submission(
            workspace=call.workspace,
            app_group=call.app_group,
            api_key=caller.key,
            door=caller.dialect.key,
            client_key=call.client_key,
            reference=reference,
            fingerprint=call.fingerprint,
            callback=write_callback(callback),
            created_at=caller.now,
        )
    )


def write_callback(callback: Callback | None) -> dict[str, object] | None:
    """A callback as Submission.callback keeps it. An address with a login is never called; the
    login is not kept.
    """
    return None if callback is None else asdict(replace(callback, url=hide_login(callback.url)))


def _find_record(call: ManyCall, caller: Caller, reference: str) -> tuple[IdempotencyRecord, bool]:
    """What was noted of a call under the id within a day, else this one; and whether it is this."""
    same = {"door": caller.dialect.key, "scope": call.scope, "key": call.client_key}
    record = _RECORDS.first(workspace=call.workspace.pk, **same)
    if record is not None and record.created_at < caller.now - KEPT:
        # Whoever finds the same at this instant deletes nothing, and finds what is made here.
        IdempotencyRecord.objects.filter(pk=record.pk).delete()
        record = None
    if record is not None:
        return record, False
    fresh = IdempotencyRecord(
        workspace=call.workspace,
        **same,
        fingerprint=call.fingerprint,
        answer={"reference": reference},
        created_at=caller.now,
    )
    try:
        # A second caller at the same instant waits here for the first one's transaction.
        with transaction.atomic():
            return insert(fresh), True
    except IntegrityError:
        return IdempotencyRecord.objects.get(workspace=call.workspace, **same), False


def take_entry(accept: Callable[[], Accepted]) -> Accepted | Refusal:
    """What became of one push of a call; whatever goes wrong with it leaves the others alone."""
    try:
        return accept()
    except Refusal as refusal:
        return refusal
    except DATABASE_AWAY:
        return Unavailable()
    except Exception:
        logger.exception("one push of a call could not be taken")
        return Refusal(RefusalKind.INTERNAL, _("Something went wrong here with this one."))
