"""Every staff page with something on it: of each model that the admin's registry holds, so that
none is forgotten.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from campaigns.models import (
    Account,
    App,
    Exchange,
    Label,
    Message,
    OutboxRow,
    Part,
    ScriptRecord,
    ScriptSchedule,
    Submission,
    Transfer,
)
from campaigns.services.campaigns import launch_campaign
from campaigns.services.permissions import NEEDS
from campaigns.services.scenarios import ScenarioValues, create_scenario
from providers import registry
from tests.builders import make_app, make_member, make_workspace
from tests.demo_server import PASSWORD, USER
from tests.operator_pages import PAGES, create_example, fill_rows, find_address

STEPS = [
    {"channel": "push", "sender": "", "wait": 90, "price": "0.001"},
    {"channel": "sms", "sender": "Shop", "wait": None, "price": "0.045"},
]
NEWCOMER, OUTSIDER = "newcomer", "outsider"
LONG_ADDRESS = "https://shop.example/told/of-what-became-of-a-push-that-a-script-has-sent/by-night"


def list_staff_pages(*views: str) -> dict[str, str]:
    """The address of each staff page by its name, but of these views only if any are named; of
    rows, the first of each model."""
    models = sorted(admin.site._registry, key=lambda model: str(model._meta.model_name))
    return {
        f"{model._meta.model_name}_{view}": _find_address(model, view)
        for model in models
        for view in _list_views(str(model._meta.model_name))
        if not views or view in views
    }


def list_more_staff_pages() -> dict[str, str]:
    """Those that no model has: of one dialect, of one row, of whoever is signed in."""
    add = reverse("admin:campaigns_account_add")
    keys = [dialect.key for dialect in registry.all_dialects()]
    label = Label.objects.order_by("pk")[0]
    user = get_user_model().objects.order_by("pk")[0]
    return {
        **{f"account_add_{key}": f"{add}?dialect={key}" for key in keys},
        "label_found": reverse("admin:campaigns_label_change", args=[label.pk])
        + "?who=shoply-00001",
        "label_history": reverse("admin:campaigns_label_history", args=[label.pk]),
        "user_password": reverse("admin:auth_user_password_change", args=[user.pk]),
        "own_password": reverse("admin:password_change"),
        "index": reverse("admin:index"),
    }


def _list_views(name: str) -> list[str]:
    by_hand = [view for view in ("add", "delete") if NEEDS[name].role_for(view)]
    return ["changelist", "change", *by_hand]


def _find_address(model: type[Model], view: str) -> str:
    args = []
    if view in ("change", "delete"):
        args = [model._default_manager.order_by("pk")[0].pk]
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def fill_staff(now: datetime) -> None:
    """A row of each model that the demo has none of."""
    app = App.objects.get(slug="shoply")
    values = ScenarioValues("Reach them", steps=STEPS)
    create_scenario(app.workspace, values, actor="admin", now=now)
    body = {"text": "Tea is on.", "url": LONG_ADDRESS}
    kept = {"workspace": app.workspace, "app": app, "dialect": "sandbox", "body": body}
    kept |= {"created_at": now, "updated_at": now}
    ScriptSchedule.objects.create(name="Every evening, " + "of what is new, " * 5, **kept)
    ScriptRecord.objects.create(kind="template", **kept)
    _fill_callback(app, now)


def _fill_callback(app: App, now: datetime) -> None:
    """What a script could not be told, and the call in which it was tried."""
    submission = Submission.objects.create(
        workspace=app.workspace, app=app, door="sandbox", callback={"url": LONG_ADDRESS},
        created_at=now,
    )  # fmt: skip
    transfer = Transfer.objects.create(
        app=app, group=app.groups.all()[0], submission=submission, due_at=now, status_since=now,
        created_at=now,
    )  # fmt: skip
    part = Part.objects.create(transfer=transfer, message=Message.objects.create(app=app))
    OutboxRow.objects.create(
        submission=submission, part=part, recipients=b"", count=0, created_at=now,
        due_at=now + timedelta(days=1), tries=3, words="502 Bad Gateway",
    )  # fmt: skip
    account = Account.objects.order_by("pk")[0]
    said = {
        "request": '{"text":"Tea is on.","to":"' + "x" * 60 + '"}',
        "response": "Slow down, please.",
    }
    Exchange.objects.create(
        account=account, at=now, method="POST", url=LONG_ADDRESS, status=429, seconds=0.2, **said
    )


def write_addresses(path: str) -> None:
    """Fill the demo and keep, as JSON, the address of every page by its name and by who sees it so,
    and what no address leads to."""
    now = timezone.now()
    rows = fill_rows(now)
    fill_staff(now)
    pages = {shown.name: find_address(shown, rows) for shown in PAGES}
    staff = {**list_staff_pages(), **list_more_staff_pages()}
    addresses = {**pages, **{f"staff_{name}": address for name, address in staff.items()}}
    addresses |= _list_halted(now) | _list_sending(now)
    told = {USER: addresses, NEWCOMER: _list_empty(), OUTSIDER: _list_without_app()}
    kept = {"pages": told, "refusals": _draw_refusals()}
    Path(path).write_text(json.dumps(kept), encoding="utf-8")


def _list_sending(now: datetime) -> dict[str, str]:
    """A transfer that goes on as long as anybody looks."""
    app, user = App.objects.get(slug="shoply"), get_user_model().objects.get(username="admin")
    slow = create_example(app, user, now, "One by one", rate=1)
    launch_campaign(slow, actor="admin", now=now)
    return {"transfer_sending": reverse("transfer", args=[slow.transfers.get().pk])}


def _list_empty() -> dict[str, str]:
    """The pages of somebody whose workspace has an app and nothing else."""
    app = make_app(make_workspace("fresh"), "novelty")
    make_member(NEWCOMER, app.workspace, role="admin", password=PASSWORD)
    plain = [shown for shown in PAGES if not (shown.row or shown.more or shown.query)]
    lists = list_staff_pages("changelist")
    empty = {name: lists[f"{name}_changelist"] for name in ("account", "outboxrow", "scenario")}
    return {
        **{f"empty_{shown.name}": find_address(shown, {}) for shown in plain},
        **{f"empty_staff_{name}": address for name, address in empty.items()},
    }


def _list_without_app() -> dict[str, str]:
    """The pages of somebody who has no app yet."""
    make_member(OUTSIDER, make_workspace("empty"), role="admin", password=PASSWORD)
    names = (
        "home", "campaigns", "compose", "attributes", "new_segment", "new_label", "new_test_group",
        "new_import", "browsers", "reports",
    )  # fmt: skip
    return {f"no_app_{name}": reverse(name) for name in names}


def _draw_refusals() -> dict[str, str]:
    """Pages that stand where another one should."""
    names = {"malformed": "400", "failed": "500", "away": "503", "locked": "staff/locked"}
    return {f"refused_{name}": render_to_string(f"{file}.html") for name, file in names.items()}


def _list_halted(now: datetime) -> dict[str, str]:
    """A transfer that somebody holds, and one that has failed."""
    sent = Transfer.objects.filter(campaign__status="sent").order_by("pk")[:2]
    names = {}
    for transfer, status in zip(sent, ("paused", "failed"), strict=True):
        Transfer.objects.filter(pk=transfer.pk).update(status=status, status_since=now)
        names[f"transfer_{status}"] = reverse("transfer", args=[transfer.pk])
    return names
