"""What a device may say of itself where its calls carry no key: nothing that is another's."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Forbidden
from campaigns.models import App, Device, DeviceIdentifier, DeviceSession
from campaigns.models.audience import hash64
from campaigns.services.device_rows import DeviceRow


def refuse_takeover(app: App, row: DeviceRow, found: Device | None) -> None:
    """Raise Conflict for the token of a device that goes by another id of that kind or has a
    session, Forbidden for a user where the app's devices must prove whose they are.

    `found` is the device that the call names. Runs under the app's lock for registering.
    """
    if row.token and found is None and _is_held(app, row):
        raise Conflict(_("This token is another device's."))
    if row.external_user_id and app.user_secret and not _is_theirs(found, row.external_user_id):
        words = _("The devices of this app must prove whose they are; here they cannot.")
        raise Forbidden(words, code="unproven_user")


def _is_held(app: App, row: DeviceRow) -> bool:
    devices = Device.objects.filter(
        app=app, platform=row.platform, token_hash=hash64(row.token)
    ).values("pk")
    sessions = DeviceSession.objects.filter(device__in=devices)
    named = DeviceIdentifier.objects.filter(device__in=devices, kind__in=list(row.ids))
    return bool(sessions.exists() or named.exists())


def _is_theirs(found: Device | None, user: str) -> bool:
    return found is not None and found.person is not None and found.person.external_user_id == user
