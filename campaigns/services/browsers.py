"""Browsers of operators: subscribed on our own page, to see a first push arrive without anybody
else's account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotReady
from campaigns.models import (
    Account,
    App,
    Campaign,
    Device,
    Membership,
    Route,
    Tester,
    TestGroup,
    Workspace,
)
from campaigns.selectors.browsers import GROUP
from campaigns.selectors.routes import list_ways
from campaigns.services.access import record_audit, require_role
from campaigns.services.accounts import find_credentials, save_account
from campaigns.services.campaigns import create_campaign
from campaigns.services.campaigns import test_campaign as send_test
from campaigns.services.device_rows import DeviceRow
from campaigns.services.devices import register_devices
from campaigns.services.testers import Found, list_found, save_test_group
from campaigns.services.token_shapes import find_token_fault
from providers import registry, vault
from providers.contract import Dialect
from providers.message_fields import Platform

WEB = Platform.WEB.value
MAX_NAME = 120
MAX_BROWSERS = 50
MAX_TOKEN = 4096
Role = Membership.Role


def find_browser_account(app: App) -> Account | None:
    """The account by which the app reaches browsers that subscribe by themselves."""
    return next(
        (way.account for way in list_ways(app.pk, WEB) if way.dialect.find_browser_key), None
    )


def find_key(account: Account) -> str:
    """What browsers subscribe with at this account; raises NotReady where its secret is lost."""
    find = registry.get(account.dialect).find_browser_key
    key = find(find_credentials(account) or {}) if find else ""
    if not key:
        raise NotReady(_("The key of %(account)s cannot be read.") % {"account": account.name})
    return key


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser may subscribe with: a key, and sealed the credentials of an account that is
    only made once it has; "" where there is an account."""

    key: str
    sealed: str = ""


def offer_key(app: App, principal: Any, earlier: str = "") -> Offer:
    """The key that a browser subscribes with. Nothing is kept: whoever asks may not get a
    subscription. `earlier` are the sealed credentials of a try before.

    Raises Forbidden for who may not add an account, Conflict where the app reaches browsers
    otherwise.
    """
    known = find_browser_account(app)
    if known is None:
        require_role(principal, app.workspace, Role.ADMIN)
        _refuse_other_route(app)
        known = _find_unrouted(app)
    if known is not None:
        return Offer(find_key(known))
    dialect = _find_dialect()
    credentials = _unseal(earlier) or dict(
        dialect.make_credentials() if dialect.make_credentials else {}
    )
    key = dialect.find_browser_key(credentials) if dialect.find_browser_key else ""
    return Offer(key, vault.encrypt(credentials))


def _unseal(sealed: str) -> dict[str, str]:
    try:
        return vault.decrypt(sealed) if sealed else {}
    except vault.VaultError:
        return {}


def open_browser_account(
    app: App, principal: Any, *, sealed: str = "", actor: str, now: datetime
) -> Account:
    """The app's account for browsers, made with its route where there is none yet, of `sealed`
    credentials if they were offered.

    Raises Forbidden for who may not add one, Conflict where the app reaches browsers otherwise.
    """
    known = find_browser_account(app)
    if known is not None:
        return known
    require_role(principal, app.workspace, Role.ADMIN)
    with transaction.atomic():
        # Of two clicks at one instant the second one finds what the first has made.
        Workspace.objects.select_for_update(no_key=True).get(pk=app.workspace_id)
        return find_browser_account(app) or _make_browser_account(app, sealed, actor, now)


def _refuse_other_route(app: App) -> None:
    if list_ways(app.pk, WEB):
        words = _("%(app)s reaches browsers through another account. Choose an app that does not.")
        raise Conflict(words % {"app": app.name}, code="other_route")


def _find_unrouted(app: App) -> Account | None:
    """The workspace's account for browsers, which the app does not use yet."""
    own = Account.objects.filter(workspace=app.workspace, dialect=_find_dialect().key)
    return own.order_by("pk").first()


def _make_browser_account(app: App, sealed: str, actor: str, now: datetime) -> Account:
    _refuse_other_route(app)
    account = _find_unrouted(app)
    if account is None:
        dialect = _find_dialect()
        name = _find_name(app, dialect)
        account = Account(workspace=app.workspace, dialect=dialect.key, name=name)
        fields = ["name", "dialect"]
        save_account(account, _unseal(sealed), fields=fields, actor=actor, now=now)
    route = Route.objects.create(app=app, platform=WEB, account=account)
    record_audit(actor, "add", route, workspace=app.workspace, now=now)
    return account


def _find_dialect() -> Dialect:
    spoken = (dialect for dialect in registry.all_dialects() if dialect.find_browser_key)
    found = next(spoken, None)
    if found is None:
        raise NotReady(_("No vendor of this installation reaches browsers by themselves."))
    return found


def _find_name(app: App, dialect: Dialect) -> str:
    taken = Account.objects.filter(workspace=app.workspace, name=dialect.label).exists()
    return f"{dialect.label} ({app.slug})"[:MAX_NAME] if taken else dialect.label


def subscribe_browser(
    app: App, subscription: Any, principal: Any, offer: Offer | None, *, actor: str, now: datetime
) -> Device:
    """Keep a browser that has subscribed with what was offered; its account is made with it or,
    where something is wrong, not at all. Raises Invalid, Conflict, Forbidden."""
    _write_token(subscription)
    with transaction.atomic():
        if offer is not None:
            sealed = offer.sealed
            account = open_browser_account(app, principal, sealed=sealed, actor=actor, now=now)
            _refuse_other_key(account, offer)
        elif find_browser_account(app) is None:
            raise Conflict(_("No key was asked for. Reload the page and try again."))
        return keep_browser(app, subscription, actor=actor, now=now)


def _refuse_other_key(account: Account, offer: Offer) -> None:
    """A browser that has subscribed with another key is reached by nobody."""
    if find_key(account) != offer.key:
        raise Conflict(_("The key has been changed since it was asked for. Try again."))


def keep_browser(app: App, subscription: Any, *, actor: str, now: datetime) -> Device:
    """Keep a browser as a test device of the app; raises Invalid for what is no subscription."""
    token = _write_token(subscription)
    with transaction.atomic():
        row = DeviceRow(platform=WEB, token=token)
        done = register_devices(app, [row], actor=actor, now=now)
        if done.rejected:
            words = _("The browser was not taken: %(why)s.") % {"why": done.rejected[0].reason}
            raise Invalid(words, fields={"subscription": words})
        device = Device.objects.get(pk=done.devices[0])
        _mark_tester(app, device, actor, now)
    return device


def _write_token(subscription: Any) -> str:
    """Its endpoint and keys and nothing else, so that the same browser is the same token."""
    body = subscription if isinstance(subscription, Mapping) else {}
    given = body.get("keys")
    keys = given if isinstance(given, Mapping) else {}
    endpoint, own = body.get("endpoint"), {name: keys.get(name) for name in ("p256dh", "auth")}
    token = json.dumps({"endpoint": endpoint, "keys": own}, separators=(",", ":"))
    are_texts = all(isinstance(text, str) and text for text in (endpoint, *own.values()))
    fault = find_token_fault(WEB, token)
    if fault or not are_texts or len(token) > MAX_TOKEN:
        words = fault or _("This is no subscription of a browser.")
        raise Invalid(words, fields={"subscription": words})
    return token


def _mark_tester(app: App, device: Device, actor: str, now: datetime) -> None:
    group = TestGroup.objects.filter(app=app, name=GROUP).first() or TestGroup(app=app)
    found = list_found(group) if group.pk else []
    if all(one.device != device for one in found):
        # The newest ten: a browser that subscribes anew is a new device.
        newest = [*found, Found(device=device)][-10:]
        save_test_group(group, GROUP, newest, actor=actor, now=now)


def list_browsers(principal: Any) -> list[Device]:
    """Test browsers of the apps that somebody sees, the newest first."""
    groups = TestGroup.objects.for_user(principal).filter(name=GROUP)
    members = Tester.objects.filter(group__in=groups, device__isnull=False)
    # By their numbers: asked in one query, a database looks through every device of the apps.
    numbers = list(members.order_by("-device").values_list("device", flat=True)[:MAX_BROWSERS])
    rows = Device.objects.for_user(principal).filter(
        pk__in=numbers, platform=WEB, token__startswith="{"
    )
    return list(rows.select_related("app").order_by("-pk"))


def send_first_push(device: Device, principal: Any, *, actor: str, now: datetime) -> Campaign:
    """Send it a push as a test; the draft it was made of stays, to be changed and sent on."""
    body = {
        "name": _("First push"),
        "app": device.app.slug,
        "audience": {"devices": [device.pk]},
        "message": {"title": _("It works"), "body": _("This is a push of %(app)s, sent by you.")
                    % {"app": device.app.name}},
    }  # fmt: skip
    draft = Campaign.objects.filter(app=device.app, name=body["name"], status="draft").first()
    if draft is None:
        draft = create_campaign(principal, body, actor=actor, now=now)
    return send_test(principal, draft, {"devices": [device.pk]}, actor=actor, now=now)
