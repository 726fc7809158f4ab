"""Customers' own websites at the device door: whose pages may call it, and what they subscribe
their browsers with."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import NotReady
from campaigns.models import App
from campaigns.models.web_origins import is_origin
from campaigns.services.browsers import find_browser_account, find_key
from campaigns.services.device_door import find_app


def find_apps(origin: str) -> frozenset[int]:
    """Ids of the apps that list the origin of a page. It says nothing of who calls: only which
    pages a browser lets read our answers."""
    if not is_origin(origin):
        return frozenset()
    listing = App.objects.exclude(web_origins=[]).values_list("pk", "web_origins")
    return frozenset(pk for pk, origins in listing if origin in origins)


def find_public_key(device_key: str) -> tuple[App, str]:
    """An app by its device key, and the key that browsers subscribe with at it.

    Raises NotFound for a key of no app, NotReady for one that has no account for browsers.
    """
    app = find_app(device_key)
    account = find_browser_account(app)
    if account is None:
        raise NotReady(_("The app has no account that browsers subscribe to by themselves."))
    return app, find_key(account)
