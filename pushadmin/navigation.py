"""The one shell for staff pages and operator pages: its colours, files and sidebar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the sidebar: shown to who has the permission, once its page exists."""

    title: str | Promise
    icon: str
    url_name: str
    permission: str
    is_exact: bool = False


def _list_rows(title: str | Promise, icon: str, model: str, app_label: str = "campaigns") -> Item:
    return Item(title, icon, f"admin:{app_label}_{model}_changelist", f"{app_label}.view_{model}")


SECTIONS: tuple[tuple[str | Promise, tuple[Item, ...]], ...] = (
    (
        _("Operate"),
        (
            Item(_("Home"), "home", "home", "campaigns.view_campaign", is_exact=True),
            Item(_("Calendar"), "calendar_month", "calendar", "campaigns.view_campaign"),
            Item(_("Campaigns"), "campaign", "campaigns", "campaigns.view_campaign"),
            Item(_("New campaign"), "edit_square", "compose", "campaigns.add_campaign"),
            Item(_("Approvals"), "approval", "approvals", "campaigns.view_campaign"),
            Item(_("Find somebody"), "person_search", "people", "campaigns.view_person"),
            Item(_("Reports"), "monitoring", "reports", "campaigns.view_transfer"),
            Item(_("Jobs"), "hourglass_top", "jobs", "campaigns.view_job"),
        ),
    ),
    (
        _("Catalogue"),
        (
            _list_rows(_("Apps"), "apps", "app"),
            _list_rows(_("App groups"), "stacks", "appgroup"),
            _list_rows(_("Groups"), "folder", "group"),
            Item(_("Labels"), "label", "labels", "campaigns.view_label"),
            Item(_("Segments"), "filter_alt", "segments", "campaigns.view_segment"),
            Item(_("Attributes"), "data_object", "attributes", "campaigns.view_segment"),
            Item(_("Templates"), "library_books", "templates", "campaigns.view_messagetemplate"),
            Item(_("Test groups"), "send_to_mobile", "test_groups", "campaigns.view_testgroup"),
            Item(_("Test browsers"), "notifications", "browsers", "campaigns.view_testgroup"),
            _list_rows(_("People"), "person", "person"),
            _list_rows(_("Devices"), "smartphone", "device"),
            Item(_("Imports"), "upload_file", "imports", "campaigns.view_job"),
            Item(_("Exports"), "download", "exports", "campaigns.view_job"),
            Item(_("Suppressions"), "notifications_off", "suppressions", "campaigns.view_person"),
            Item(_("Erase people"), "person_off", "erasures", "campaigns.change_app"),
        ),
    ),
    (
        _("Delivery"),
        (
            _list_rows(_("Scenarios"), "alt_route", "scenario"),
            _list_rows(_("Accounts"), "key", "account"),
            _list_rows(_("Exchanges"), "swap_horiz", "exchange"),
            _list_rows(_("Callbacks"), "call_made", "outboxrow"),
            _list_rows(_("Scripts' schedules"), "event", "scriptschedule"),
            _list_rows(_("Scripts' records"), "draft", "scriptrecord"),
        ),
    ),
    (
        _("Administration"),
        (
            Item(_("Roles"), "badge", "access", "campaigns.view_campaign"),
            Item(_("Invitations"), "person_add", "invitations", "campaigns.add_membership"),
            Item(_("API keys"), "vpn_key", "keys", "campaigns.view_apikey"),
            Item(_("Audit log"), "history", "audit", "campaigns.view_auditentry"),
            _list_rows(_("Users"), "group", "user", "auth"),
            _list_rows(_("Workspaces"), "domain", "workspace"),
        ),
    ),
)


def list_sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections of the sidebar with the lines that this user may open."""
    drawn = [
        {"title": title, "separator": True, "items": _draw_items(request, items)}
        for title, items in SECTIONS
    ]
    return [section for section in drawn if section["items"]]


def _draw_items(request: HttpRequest, items: tuple[Item, ...]) -> list[dict[str, Any]]:
    allowed = [item for item in items if request.user.has_perm(item.permission)]
    linked = [(item, _find_link(item.url_name)) for item in allowed]
    links = [link for _item, link in linked if link]
    return [
        {
            "title": item.title,
            "icon": item.icon,
            "link": link,
            "active": _is_active(request.path, link, item, links),
        }
        for item, link in linked
        if link
    ]


def _find_link(url_name: str) -> str:
    return _find_address(url_name, get_script_prefix())


@lru_cache(maxsize=256)
def _find_address(url_name: str, _prefix: str) -> str:
    """Addresses stay as they are while a process runs, but for what they are mounted under."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def _is_active(path: str, link: str, item: Item, links: list[str]) -> bool:
    """Whether the page is this line's or lies below it and below no longer line's."""
    if item.is_exact:
        return path == link
    below = [other for other in links if path.startswith(other)]
    return link in below and link == max(below, key=len)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "pushadmin",
    "SITE_HEADER": "pushadmin",
    "SITE_SUBHEADER": _("Push control room"),
    "SITE_SYMBOL": "campaign",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("pushadmin/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#eff6ff",
            "100": "#dbeafe",
            "200": "#bfdbfe",
            "300": "#93c5fd",
            "400": "#60a5fa",
            "500": "#3b82f6",
            "600": "#2563eb",
            "700": "#1d4ed8",
            "800": "#1e40af",
            "900": "#1e3a8a",
            "950": "#172554",
        }
    },
    "STYLES": [
        lambda request: static("pushadmin/pushadmin.css"),
        lambda request: static("pushadmin/staff.css"),
    ],
    "SCRIPTS": [
        lambda request: static("pushadmin/shell.js"),
        lambda request: static("pushadmin/staff.js"),
    ],
    "COMMAND": {
        # Small lists only: each is searched with a scan.
        "search_models": ["campaigns.app", "campaigns.group", "campaigns.label"],
    },
    "SIDEBAR": {
        "show_search": False,
        "command_search": True,
        "show_all_applications": False,
    },
}
