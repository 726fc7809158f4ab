"""One row of each kind that a page of the benchmark shows, and what counts beside pages.

What counts a whole audience, or looks through all of it, is asked for by a page that stands
already: each such piece is measured by itself, and not held to what a page may take.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.pages.read_form import read_form

PLAIN = {"title": "Hi", "body": "There"}
NAMED = {"title": "Hi", "body": "{{ device.country | default: 'You' }}, look"}
LANGUAGES = [f"{one}{other}" for one in "abcde" for other in "klmnorstvz"]
LONG = PLAIN | {"translations": {tag: {"title": "Hi", "body": "x" * 3000} for tag in LANGUAGES}}
DRAFTS = {"Long": LONG, "Named": NAMED, "Plain": PLAIN}
GERMAN = {"field": "device.language", "op": "eq", "value": "de"}
PEOPLE = b"external_user_id,token,platform\nann,token-of-ann,android\n"
COUNTING = ("campaign_problems", "review_checks")


def fill_kinds(app: Any) -> None:
    """Drafts of a plain text, of one with a variable and of one in fifty long languages, a segment
    in its second version, a template, a test group, an import that was begun, a report in the
    background."""
    now = datetime.now(UTC)
    _make_drafts(app, now)
    _make_segment(app, now)
    _make_test_group(app, now)
    _make_jobs(app, now)


def _make_drafts(app: Any, now: datetime) -> None:
    from campaigns.models import Campaign, Message, MessageTemplate

    for name, content in DRAFTS.items():
        message = Message.objects.create(content=content)
        Campaign.objects.create(
            workspace=app.workspace, app=app, group=app.groups.first(), name=name, message=message,
            audience={"all": True}, created_by="bench", created_at=now, status_since=now,
            timezone="UTC",
        )  # fmt: skip
    MessageTemplate.objects.create(
        workspace=app.workspace, app=app, name="Kept", content=PLAIN, created_at=now, updated_at=now
    )


def _make_segment(app: Any, now: datetime) -> None:
    from campaigns.services.audience import create_segment, update_segment

    segment = create_segment(app, name="Germans", expression=GERMAN, actor="bench", now=now)
    both = {"and": [GERMAN, {"field": "device.country", "op": "eq", "value": "DE"}]}
    update_segment(segment, expression=both, actor="bench", now=now)


def _make_test_group(app: Any, now: datetime) -> None:
    from campaigns.models import TestGroup

    group = TestGroup.objects.create(app=app, name="Us", created_at=now, created_by="bench")
    group.testers.create(device=app.devices.first())


def _make_jobs(app: Any, now: datetime) -> None:
    from campaigns.services import imports, report_jobs
    from campaigns.services.job_work import drain_jobs

    told = imports.Told("people.csv", "bench")
    imports.begin_import(app, [PEOPLE], told, actor="bench", now=now)
    wanted = report_jobs.Wanted((app,), "device.custom.plan", now - timedelta(days=7), now, {})
    report_jobs.start_report(app, wanted, actor="bench", now=now)
    drain_jobs()


def list_draft_pages(app: Any) -> Iterator[str]:
    """What shows the drafts."""
    from django.urls import reverse

    for draft in _list_drafts(app):
        for name in ("campaign", "campaign_review", "edit", "translations"):
            yield reverse(name, args=[draft.pk])


def list_counts(app: Any, client: Any) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """What counts for the drafts: its name, the address, and what is posted to it."""
    from django.urls import reverse

    for draft in _list_drafts(app):
        for name in COUNTING:
            yield f"{name} of {draft.name}", reverse(name, args=[draft.pk]), None
        form = read_form(client.get(reverse("edit", args=[draft.pk])).content.decode())
        yield f"check of {draft.name}", reverse("check"), dict(form.lists())


def _list_drafts(app: Any) -> Any:
    from campaigns.models import Campaign

    return Campaign.objects.filter(app=app, name__in=DRAFTS).order_by("pk")


def find_newest_job(kind: str) -> int:
    """The newest job of a kind; 0 where there is none."""
    from campaigns.models import Job

    newest = Job.objects.filter(kind=kind).order_by("-pk").first()
    return newest.pk if newest else 0
