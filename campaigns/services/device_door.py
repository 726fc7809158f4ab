"""What devices do at their own door: register, change, and tell what they saw."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.dispatch import receipts
from campaigns.dispatch.receipt_tokens import read_receipt_token
from campaigns.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from campaigns.models import App, Device, DeviceSession, InboxItem
from campaigns.selectors.erased import ERASED, find_erased
from campaigns.selectors.identifiers import INSTALLATION
from campaigns.selectors.row_ids import read_id
from campaigns.services.access import record_audit
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from campaigns.services.locks import Lock, lock_app
from campaigns.services.tombstones import lift_tombstones
from providers import vault
from providers.outcomes import RefusalKind
from providers.receipts import ReceiptEvent, ReceiptKind
from providers.recipients import TOKEN_KIND, PersonKind

PULL_SECONDS = 30  # how often an app is told to pull
ACTOR = "device"
TELLABLE = frozenset(
    {
        ReceiptKind.DELIVERED,
        ReceiptKind.SHOWN,
        ReceiptKind.OPENED,
        ReceiptKind.CLICKED,
        ReceiptKind.DISMISSED,
    }
)


def open_door(app: App, *, actor: str, now: datetime) -> str:
    """Let devices of the app register themselves, with a new key and a new secret for users.

    Gives the secret, which is shown once; devices that are registered stay so.
    """
    secret = secrets.token_hex(20)
    app.device_key = secrets.token_hex(12)
    app.user_secret = vault.encrypt({"secret": secret})
    app.save(update_fields=["device_key", "user_secret"])
    record_audit(
        actor, "open_device_door", app, workspace=app.workspace, fields=("device_key",), now=now
    )
    return secret


def close_door(app: App, *, actor: str, now: datetime) -> None:
    """Let no more devices register themselves; those that are may go on."""
    app.device_key, app.user_secret = None, ""
    app.save(update_fields=["device_key", "user_secret"])
    record_audit(
        actor, "close_device_door", app, workspace=app.workspace, fields=("device_key",), now=now
    )


def write_user_proof(app: App, user: str) -> str:
    """HMAC-SHA256 of a user's id in hex, keyed with the app's user secret: what the app's own
    server gives to a device so that it may claim to be this user's."""
    secret = vault.decrypt(app.user_secret)["secret"]
    return hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a device says of itself. None is "leave it"; `user_proof` is `write_user_proof`'s."""

    platform: str = ""
    installation_id: str = ""
    token: str | None = None
    external_user_id: str | None = None
    user_proof: str = ""
    columns: Mapping[str, Any] | None = None
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A device and, only when it is new to this door, its secret."""

    device: Device
    secret: str


def register(
    device_key: str, told: Registration, *, session: DeviceSession | None, now: datetime
) -> Registered:
    """Register an installation of the app of this key, or change it when its `session` is shown.

    Raises NotFound for a key of no app, Conflict for an installation that is somebody else's,
    Forbidden for a user without proof, Invalid for a value that cannot be kept.
    """
    app = find_app(device_key)
    if not told.installation_id:
        raise Invalid(
            _("Send an id that the app has made for this installation."),
            fields={"installation_id": _("This is needed.")},
        )
    with transaction.atomic():
        lock_app(app, Lock.REGISTER)  # of two at once the second one sees the first
        held = _find_held(app, told)
        if held is not None and (session is None or session.pk != held):
            raise Conflict(_("This installation or token is registered; show its secret."))
        device = _write_device(app, told, now)
        secret = "" if session is not None else _make_session(device, now)
    return Registered(device, secret)


def find_app(device_key: str) -> App:
    """The app of a device key; raises NotFound."""
    app = App.objects.select_related("workspace").filter(device_key=device_key).first()
    if not device_key or app is None:
        raise NotFound(_("There is no such app, or its devices may not register themselves."))
    return app


def _find_held(app: App, told: Registration) -> int | None:
    """The device whose session holds this installation id or token."""
    sessions = DeviceSession.objects.filter(device__app=app)
    by_id = sessions.filter(
        device__identifiers__kind=INSTALLATION, device__identifiers__value=told.installation_id
    )
    by_token = sessions.filter(device__platform=told.platform, device__token=told.token or "")
    found = by_id.first() or (by_token.first() if told.token else None)
    return found.pk if found else None


def _write_device(app: App, told: Registration, now: datetime) -> Device:
    user = told.external_user_id or ""
    if user and not _is_proven(app, user, told.user_proof):
        raise Forbidden(_("The proof of this user is missing or wrong."), code="unproven_user")
    if user:
        _let_back(app, told, now)
    row = DeviceRow(
        platform=told.platform,
        token=told.token or "",
        external_user_id=user,
        ids={INSTALLATION: told.installation_id},
        columns=told.columns or {},
        attributes=told.attributes or {},
    )
    done = register_devices(app, [row], actor=ACTOR, now=now)
    if done.rejected and done.rejected[0].reason == ERASED:
        words = _("This installation was erased. A user who signs in, with proof, may come back.")
        raise Conflict(words, code=ERASED)
    if done.rejected:
        raise Invalid(_("The device was not taken: %(why)s.") % {"why": done.rejected[0].reason})
    return Device.objects.get(pk=done.devices[0])


def _let_back(app: App, told: Registration, now: datetime) -> None:
    """Who was erased and signs in again comes back by this, with what they show now, as somebody
    new: the app's own server vouches for it."""
    named = [
        (PersonKind.EXTERNAL_USER_ID.value, told.external_user_id or ""),
        (TOKEN_KIND, told.token or ""),
        (INSTALLATION, told.installation_id),
    ]
    if find_erased(app.workspace_id, named):
        lift_tombstones(app.workspace, named, reason="consent", actor=ACTOR, now=now)


def _is_proven(app: App, user: str, proof: str) -> bool:
    """Nobody is by a door that was closed meanwhile: there is no secret any more."""
    return bool(app.user_secret) and hmac.compare_digest(
        write_user_proof(app, user).encode(), proof.encode()
    )


def _make_session(device: Device, now: datetime) -> str:
    secret = secrets.token_hex(20)
    DeviceSession.objects.create(device=device, secret_hash=_hash(secret), created_at=now)
    return f"{device.pk}.{secret}"


def _hash(secret: str) -> str:
    # It is random and long, so no slow hash is needed.
    return hashlib.sha256(secret.encode()).hexdigest()


def find_session(text: str) -> DeviceSession:
    """The session of a device's secret; raises Refused, UNAUTHENTICATED."""
    number, _dot, secret = text.partition(".")
    rows = DeviceSession.objects.select_related("device__app__workspace", "device__person")
    session: DeviceSession | None = rows.filter(pk=read_id(number)).first()
    expected = session.secret_hash if session else ""
    if session is None or not hmac.compare_digest(_hash(secret), expected):
        raise Refused(
            _("Send the header Authorization: Bearer <the device's secret>."),
            kind=RefusalKind.UNAUTHENTICATED,
            code="unauthenticated",
        )
    return session


def change_device(session: DeviceSession, told: Registration, now: datetime) -> Device:
    """Change what a device says of itself; raises as `register` does."""
    device = session.device
    held = device.identifiers.filter(kind=INSTALLATION).values_list("value", flat=True).first()
    values = Registration(
        platform=device.platform,
        installation_id=held or "",
        token=told.token,
        external_user_id=told.external_user_id,
        user_proof=told.user_proof,
        columns=told.columns,
        attributes=told.attributes,
    )
    with transaction.atomic():
        lock_app(device.app, Lock.REGISTER)
        holder = _find_held(device.app, values)
        if holder is not None and holder != device.pk:
            raise Conflict(_("This token is another device's."))
        return _write_device(device.app, values, now)


def forget_device(session: DeviceSession, now: datetime) -> None:
    """End a device's session and switch its token off: the app was signed out of or removed."""
    with transaction.atomic():
        Device.objects.filter(pk=session.pk).update(
            token_state=Device.TokenState.DISABLED,
            token_evidence=Device.SIGNED_OFF,
            token_state_at=now,
        )
        InboxItem.objects.filter(device=session.pk, pulled_at__isnull=False).delete()
        session.delete()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a device; `reference` is that of the message."""

    reference: str
    kind: ReceiptKind


def keep_receipt(told: Told, now: datetime) -> int:
    """Keep what a page tells of one push; gives whether it is new. Raises NotFound for a token that
    we never gave out."""
    if read_receipt_token(told.reference) is None:
        raise NotFound(_("There is no such push."))
    with transaction.atomic():
        return receipts.keep_receipts([ReceiptEvent(told.reference, told.kind, now)], 0, now)


def keep_events(session: DeviceSession, events: Sequence[Told], now: datetime) -> int:
    """Keep what a device has told; gives how many were new.

    Raises Invalid for a reference that is not one of its own messages.
    """
    for place, event in enumerate(events):
        found = read_receipt_token(event.reference)
        if found is None or found[1] != session.pk:
            path = f"events[{place}].reference"
            sentence = _("This is no message of this device.")
            raise Invalid(sentence, fields={path: sentence})
        if event.kind not in TELLABLE:
            raise Invalid(_("A device cannot tell this."), fields={f"events[{place}].event": ""})
    rows = [ReceiptEvent(event.reference, event.kind, now) for event in events]
    with transaction.atomic():
        return receipts.keep_receipts(rows, 0, now)
