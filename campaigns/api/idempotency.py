"""The same call twice is done once: the first answer is kept under the caller's own key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.authentication import NATIVE
from campaigns.errors import Invalid, KeyReused
from campaigns.models import ApiKey, IdempotencyRecord

HEADER = "Idempotency-Key"
MAX_KEY = 255
NO_CONTENT = 204
KEPT = timedelta(hours=24)


def answer_once(request: Request, now: datetime, act: Callable[[], Response]) -> Response:
    """Run `act`, or give the answer that it gave for this Idempotency-Key before.

    A second caller at the same instant waits for the first one's transaction, because both insert
    the same unique row. A refusal is not kept, so that it can be mended and tried again.
    """
    key = request.headers.get(HEADER)
    if key is None or not isinstance(request.user, ApiKey):
        return act()
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid(_("Idempotency-Key has 1 to 255 printable characters."))
    fingerprint = _take_fingerprint(request)
    with transaction.atomic():
        record, is_new = _find_record(request.user, key, fingerprint, now)
        if not is_new:
            return _replay(record, fingerprint)
        answer = act()
        record.status = answer.status_code
        record.answer = {} if answer.data is None else answer.data
        record.save(update_fields=["status", "answer"])
    return answer


def _find_record(
    key: ApiKey, text: str, fingerprint: str, now: datetime
) -> tuple[IdempotencyRecord, bool]:
    same = {
        "workspace_id": key.workspace_id, "door": NATIVE, "scope": key.public_id, "key": text,
    }  # fmt: skip
    IdempotencyRecord.objects.filter(**same, created_at__lt=now - KEPT).delete()
    return IdempotencyRecord.objects.get_or_create(
        **same, defaults={"fingerprint": fingerprint, "created_at": now}
    )


def _take_fingerprint(request: Request) -> str:
    _body = request.data  # reading it leaves the body's own fingerprint on the request
    body = getattr(request, "fingerprint", "")
    return hashlib.sha256(f"{request.method} {request.get_full_path()} {body}".encode()).hexdigest()


def _replay(record: IdempotencyRecord, fingerprint: str) -> Response:
    if record.fingerprint != fingerprint:
        raise KeyReused(_("This Idempotency-Key came before with another call."))
    body = None if record.status == NO_CONTENT else record.answer
    return Response(body, status=record.status, headers={"Idempotent-Replay": "true"})
