"""A push that a script sends through a dialect's door: taken once, and only if it may be.

There is no campaign behind it. A worker finds the transfer, freezes it and sends it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer
from campaigns.errors import Conflict, Forbidden, Invalid
from campaigns.models import ApiKey, Group, Message, Submission, Transfer
from campaigns.models.clock import find_first_instant
from campaigns.services.access import name_actor
from campaigns.services.intake_audience import write_audience
from providers.audience import write_expression
from providers.commands import Accepted, PushPart, SendPush
from providers.contract import Dialect
from providers.message import write_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One push on its way in."""

    push: SendPush
    group: Group
    key: ApiKey
    dialect: Dialect
    hops: int
    fingerprint: str


def accept_push(
    push: SendPush, group: Group, *, key: ApiKey, dialect: Dialect, hops: int, now: datetime
) -> Accepted:
    """Write the push down and answer its transfer's id.

    The same push under the same client's id is answered with the first one's transfer; another
    push under it raises Conflict. An archived group raises Invalid, a missing approval Forbidden.
    What the dialect judges later is kept with the transfer, which then becomes `failed`.
    """
    intake = Intake(
        push=push, group=group, key=key, dialect=dialect, hops=hops,
        fingerprint=find_fingerprint(push),
    )  # fmt: skip
    first = _find_first(intake)
    if first is None:
        _refuse_forbidden(intake)
        first = _write_once(intake, now)
    return Accepted(str(first.pk), push.client_key)


def _refuse_forbidden(intake: Intake) -> None:
    app = intake.group.app
    if intake.group.archived_at is not None:
        raise Invalid(_("The group is archived. Restore it, or send into another one."))
    if app.needs_approval and ApiKey.Scope.BYPASS_APPROVAL not in intake.key.scopes:
        raise Forbidden(
            _("Sends of this app need an approval, and this key may not go without."),
            code="approval_required",
        )


def _find_first(intake: Intake) -> Transfer | None:
    """The transfer that was made under this client's id; raises Conflict if by another push."""
    key = intake.push.client_key
    if not key:
        return None
    known = Transfer.objects.select_related("submission")
    transfer: Transfer | None = known.filter(group=intake.group, client_key=key).first()
    if transfer is None:
        return None
    submission = transfer.submission
    if submission is None or submission.fingerprint != intake.fingerprint:
        raise Conflict(_("This id has been used in the group for another push."))
    return transfer


def _write_once(intake: Intake, now: datetime) -> Transfer:
    try:
        with transaction.atomic():
            return _write_transfer(intake, now)
    except IntegrityError:
        # Somebody else was faster with the same client's id: theirs is the transfer.
        first = _find_first(intake)
        if first is None:
            raise
        return first


def _write_transfer(intake: Intake, now: datetime) -> Transfer:
    push, app = intake.push, intake.group.app
    submission = Submission.objects.create(
        workspace=app.workspace,
        app=app,
        api_key=intake.key,
        door=intake.dialect.key,
        client_key=push.client_key,
        fingerprint=intake.fingerprint,
        created_at=now,
    )
    find_faults = intake.dialect.find_faults
    transfer = create_transfer(
        NewTransfer(
            app=app,
            group=intake.group,
            parts=[_write_part(intake, part) for part in push.parts],
            submission=submission,
            name=push.name,
            tag=push.tag,
            client_key=push.client_key,
            due_at=_find_due(push),
            expires_at=_find_expiry(push, _find_due(push) or now),
            wall_clock=push.wall_clock,
            faults=find_faults(push) if find_faults else (),
            hops=intake.hops,
        ),
        actor=name_actor(intake.key),
        now=now,
    )
    Submission.objects.filter(pk=submission.pk).update(reference=str(transfer.pk))
    return transfer


def _write_part(intake: Intake, part: PushPart) -> NewPart:
    content = write_message(part.message)
    app = intake.group.app
    return NewPart(
        Message.objects.create(app=app, content=content),
        part.targets,
        None if part.audience is None else write_audience(app, part.audience, intake.dialect),
        part.only_primary,
    )


def _find_due(push: SendPush) -> datetime | None:
    """When sending begins: at recipients' own hours where the first zone on earth has it."""
    if push.wall_clock:
        return find_first_instant(datetime.fromisoformat(push.wall_clock))
    return push.due_at


def _find_expiry(push: SendPush, due_at: datetime) -> datetime | None:
    return None if push.expires_in is None else due_at + timedelta(seconds=push.expires_in)


def find_fingerprint(push: SendPush) -> str:
    """64 hex digits, the same for two calls that mean the same push."""
    digest = hashlib.sha256()
    for text in _list_texts(push):
        # A length before each text keeps two neighbours from being told apart wrongly.
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.hexdigest()


def _list_texts(push: SendPush) -> Iterator[str]:
    yield from (push.group, push.tag, push.name, str(push.expires_in))
    yield from _list_extras(push)
    for part in push.parts:
        yield json.dumps(write_message(part.message), sort_keys=True)
        yield from _list_audience(part)
        for targets in part.targets:
            yield targets.kind
            yield json.dumps(targets.values)
            yield from (f"id={text}" for text in targets.ids)


def _list_extras(push: SendPush) -> Iterator[str]:
    """What not every dialect says; left out where it says nothing, as before there was such."""
    if push.app or push.app_group:
        yield f"app={push.app}|{push.app_group}"
    if push.due_at or push.wall_clock:
        yield f"due={push.due_at.isoformat() if push.due_at else ''}|{push.wall_clock}"
    if push.rate is not None:
        yield f"rate={push.rate}"
    if push.callback is not None:
        yield f"callback={json.dumps(asdict(push.callback))}"


def _list_audience(part: PushPart) -> Iterator[str]:
    if part.only_primary:
        yield "only_primary"
    audience = part.audience
    if audience is not None:
        expression = audience.expression
        body = None if expression is None else write_expression(expression)
        yield json.dumps([audience.labels, audience.segments, body], sort_keys=True)
