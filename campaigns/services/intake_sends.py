"""Sends through a dialect's door: one push, a push for an app group, several pushes, a recall."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import ChangedMeanwhile, Forbidden, Invalid, NotFound
from campaigns.models import ApiKey, App, AppGroup, Group, Transfer
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.callers import Acts, Caller, find_app, find_folder, find_group
from campaigns.services.doors import ensure_door
from campaigns.services.intake_calls import ManyCall, open_call, take_entry
from campaigns.services.intake_fingerprint import find_fingerprint
from campaigns.services.intake_push import accept_push
from campaigns.services.intake_records import find_record
from campaigns.services.intake_wait import send_and_wait
from campaigns.services.transfers import cancel_transfer
from providers.commands import (
    Accepted,
    AcceptedMany,
    Recalled,
    RecallPush,
    SendPush,
    SendPushes,
)
from providers.outcomes import Refusal
from providers.schedules import SendRecord

Scope = ApiKey.Scope
FIRST_MEANINGLESS = 2**52  # ids from here to 2^53 are nobody's


def _send_push(command: SendPush, caller: Caller) -> Accepted | AcceptedMany:
    if command.is_dry_run:
        answer: Accepted = _rehearse(lambda: _send_push(_make_real(command), caller))
        return answer
    if command.app_group:
        return _send_to_group(command, caller)
    group = _find_push_group(command, caller)
    if command.wait:
        return send_and_wait(command, group, caller)
    return accept_push(command, group, caller)


def _rehearse(act: Callable[[], Accepted | AcceptedMany]) -> Any:
    """Do it with all that is checked then, and take it back; the ids in the answer mean nothing."""
    with transaction.atomic():
        answer = act()
        transaction.set_rollback(True)
    if isinstance(answer, Accepted):
        return _forget(answer)
    entries = [entry if isinstance(entry, Refusal) else _forget(entry) for entry in answer.entries]
    return replace(answer, entries=tuple(entries))


def _make_real(push: SendPush) -> SendPush:
    return replace(push, is_dry_run=False, client_key="", wait=0.0)


def _forget(accepted: Accepted) -> Accepted:
    number = FIRST_MEANINGLESS + secrets.randbelow(FIRST_MEANINGLESS)
    return replace(accepted, transfer=str(number))


def _find_push_group(push: SendPush, caller: Caller) -> Group:
    """The group that the call names; in a dialect without groups, the app's one of its name."""
    if caller.dialect.has_groups:
        return find_group(push.group, caller)
    return ensure_group(_find_push_app(push, caller), caller)


def _find_push_app(push: SendPush, caller: Caller) -> App:
    try:
        return find_app(push.app, caller)
    except NotFound as refusal:
        words = refusal.message
        raise NotFound(words, fields={"app": words}, subject=push.app) from None


def ensure_group(app: App, caller: Caller) -> Group:
    """The app's report group that is named after the dialect."""
    group, is_new = find_folder(app, caller.dialect)
    if is_new:
        record_audit(
            caller.actor, "create", group, workspace=app.workspace, fields=("name",), now=caller.now
        )
    return group


def _send_to_group(push: SendPush, caller: Caller) -> AcceptedMany:
    app_group = _find_app_group(push.app_group, caller)
    apps = _list_members(app_group, caller)
    call = ManyCall(
        workspace=app_group.workspace,
        scope=f"app group {app_group.pk}",
        client_key=push.client_key,
        fingerprint=find_fingerprint(push),
        callbacks=(push.callback,),
        app_group=app_group,
    )
    submission = open_call(call, caller)[push.callback]

    def accept(app: App) -> Accepted:
        # An app's own id is its place: who joins the group later moves nobody.
        group = ensure_group(app, caller)
        return accept_push(push, group, caller, submission=submission, place=app.pk)

    return AcceptedMany(
        entries=tuple(take_entry(partial(accept, app)) for app in apps),
        reference=submission.reference,
        client_key=push.client_key,
        names=tuple(_name_app(app, caller) for app in apps),
    )


def _find_app_group(text: str, caller: Caller) -> AppGroup:
    visible = AppGroup.objects.for_user(caller.key).select_related("workspace")
    app_group: AppGroup | None = visible.filter(group_key=text).first()
    if app_group is None:
        words = _("There is no such app group.")
        raise NotFound(words, fields={"app_group": words}, subject=text)
    return app_group


def _list_members(app_group: AppGroup, caller: Caller) -> Sequence[App]:
    apps = list(app_group.apps.select_related("workspace").order_by("pk"))
    if not apps:
        words = _("This app group has no apps yet.")
        raise Invalid(words, fields={"app_group": words})
    if App.objects.for_user(caller.key).filter(app_groups=app_group).count() < len(apps):
        words = _("This key does not reach every app of the group.")
        raise Forbidden(words, code="other_apps")
    return apps


def _name_app(app: App, caller: Caller) -> str:
    """The first of the identifiers that the dialect knows an app by, else our id."""
    identifiers = ensure_door(app, caller.dialect, caller.now).identifiers
    return str(next(iter(identifiers.values()), app.pk))


def _send_pushes(command: SendPushes, caller: Caller) -> AcceptedMany:
    if not command.pushes:  # the dialect has rejected all of them itself
        return AcceptedMany(entries=(), client_key=command.client_key)
    kinds = {push.is_dry_run for push in command.pushes}
    if kinds == {True}:
        real = SendPushes(tuple(map(_make_real, command.pushes)))
        answer: AcceptedMany = _rehearse(lambda: _send_pushes(real, caller))
        return answer
    if kinds != {False}:
        raise Invalid(_("Send either all pushes for trial or none of them."))
    call = ManyCall(
        workspace=caller.key.workspace,
        scope="pushes",
        client_key=command.client_key,
        fingerprint=find_fingerprint(*command.pushes),
        callbacks=tuple(dict.fromkeys(push.callback for push in command.pushes)),
    )
    submissions = open_call(call, caller)

    def accept(place: int, push: SendPush) -> Accepted:
        submission = submissions[push.callback]
        group = _find_push_group(push, caller)
        return accept_push(push, group, caller, submission=submission, place=place)

    entries = tuple(
        take_entry(partial(accept, place, push)) for place, push in enumerate(command.pushes)
    )
    reference = next(iter(submissions.values())).reference
    return AcceptedMany(entries=entries, reference=reference, client_key=command.client_key)


def _recall_push(command: RecallPush, caller: Caller) -> Recalled:
    """Raises NotFound, and Conflict for what is over and cannot be taken back."""
    visible = Transfer.objects.for_user(caller.key).select_related("app__workspace")
    transfer: Transfer | None = visible.filter(pk=read_id(command.transfer)).first()
    if transfer is None:
        words = _("There is no such transfer.")
        raise NotFound(words, fields={"transfer": words}, subject=command.transfer)
    while True:
        try:
            cancel_transfer(transfer, actor=caller.actor, now=caller.now)
            return Recalled()
        except ChangedMeanwhile:  # a worker has moved it on: what is over then is refused
            transfer.refresh_from_db(fields=["status", "status_since", "frozen_at"])


def _send_record(command: SendRecord, caller: Caller) -> Accepted | AcceptedMany:
    return _send_push(command.read(find_record(command.kind, command.id, caller).body), caller)


ACTS: Acts = {
    SendRecord: (Scope.SEND, _send_record),
    SendPush: (Scope.SEND, _send_push),
    SendPushes: (Scope.SEND, _send_pushes),
    RecallPush: (Scope.SEND, _recall_push),
}
