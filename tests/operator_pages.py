"""Every operator page with something on it: rows in every state over the demo, and where each
page is. What is drawn in screenshots and what is checked in a browser come from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns.models import (
    ApiKey,
    App,
    Campaign,
    Device,
    Job,
    Label,
    Person,
    Suppression,
    TestGroup,
    Transfer,
)
from campaigns.selectors.report_facts import make_span
from campaigns.services.approvals import request_approval
from campaigns.services.audience import create_segment, update_segment
from campaigns.services.campaigns import create_campaign, launch_campaign
from campaigns.services.exports import start_export
from campaigns.services.import_targets import Choice
from campaigns.services.imports import Told, begin_import, check_import, propose
from campaigns.services.job_work import drain_jobs
from campaigns.services.members import invite
from campaigns.services.report_jobs import Wanted, start_report
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from campaigns.services.templates import TemplateValues, create_template
from campaigns.services.testers import find_testers, save_test_group
from tests.builders import make_member

LONG = "Autumn sale for everybody who has bought a raincoat, in Donaudampfschifffahrtsgesellschaft"
PEOPLE = (
    b"user_id,email,platform,token,Stufe\n"
    b"ann,ann@example.org,android,token-of-ann,gold\n"
    b"shoply-00001,new@example.org,,,silver\nzoe,no mail,,,\n"
)
NESTED = {
    "and": [
        {"field": "device.language", "op": "in", "value": ["de", "en", "fr"]},
        {"or": [
            {"field": "device.platform", "op": "eq", "value": "android"},
            {"not": {"field": "person.country", "op": "eq", "value": "DE"}},
        ]},
    ]
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One page as somebody sees it. `row` is a key of the rows; `query`, in which keys of the rows
    may stand in braces, follows the address."""

    name: str
    url_name: str
    row: str = ""
    query: str = ""
    more: tuple[tuple[str, Any], ...] = ()


PAGES = (
    Shown("home", "home"),
    Shown("calendar", "calendar"),
    Shown("campaigns", "campaigns"),
    Shown("campaigns_none", "campaigns", query="?search=nothing+has+this+name"),
    Shown("approvals", "approvals"),
    Shown("compose", "compose"),
    Shown("compose_edit", "edit", "draft"),
    Shown("compose_again", "edit", "again"),
    Shown("campaign_draft", "campaign", "draft"),
    Shown("campaign_cooling", "campaign", "cooling"),
    Shown("campaign_in_review", "campaign", "in_review"),
    Shown("campaign_series", "campaign", "series"),
    Shown("campaign_sent", "campaign", "sent"),
    Shown("review", "campaign_review", "draft"),
    Shown("translations", "translations", "draft"),
    Shown("review_blocked", "campaign_review", "in_review"),
    Shown("transfer", "transfer", "transfer"),
    Shown("recipients", "recipients", "transfer"),
    Shown("resend", "resend", "transfer"),
    Shown("trace", "trace", "transfer", "?who=shoply-00001"),
    Shown("people", "people", query="?who=shoply-*"),
    Shown("people_none", "people", query="?who=nobody-of-this-name"),
    Shown("person", "person", "person"),
    Shown("person_edit", "edit_person", "person"),
    Shown("person_merge", "merge_person", "person", "?who=shoply-00002"),
    Shown("device", "device", "device"),
    Shown("segments", "segments"),
    Shown("segment", "segment", "segment"),
    Shown("segment_new", "new_segment"),
    Shown("segment_version", "segment_version", "segment", more=(("number", 1),)),
    Shown("attributes", "attributes"),
    Shown("labels", "labels"),
    Shown("label", "label", "label", "?who=shoply-00001"),
    Shown("label_new", "new_label"),
    Shown("templates", "templates"),
    Shown("template", "template", "template"),
    Shown("test_groups", "test_groups"),
    Shown("test_group", "test_group", "test_group"),
    Shown("test_group_new", "new_test_group"),
    Shown("browsers", "browsers"),
    Shown("enable_tokens", "enable_tokens"),
    Shown("imports", "imports"),
    Shown("import_new", "new_import"),
    Shown("import_mapping", "import", "mapped"),
    Shown("import_diff", "import", "checked"),
    Shown("import_of_job", "import_of_job", "refused_job"),
    Shown("exports", "exports"),
    Shown("jobs", "jobs"),
    Shown("job", "job", "export_job"),
    Shown("job_failed", "job", "failed_job"),
    Shown("suppressions", "suppressions"),
    Shown("erasures", "erasures"),
    Shown("reports", "reports"),
    Shown("report_platform", "reports", query="?by=platform"),
    Shown("report_reason", "reports", query="?by=reason"),
    Shown("report_hour", "reports", query="?by=hour&platform=android"),
    Shown("compare", "compare"),
    Shown("compare_two", "compare", query="?a={sent}&b={sent_before}"),
    Shown("report_job", "report_job", "report"),
    Shown("access", "access"),
    Shown("member", "member", more=(("slug", "demo"), ("user_id", "user"))),
    Shown("invitations", "invitations"),
    Shown("join", "accept_invitation", more=(("secret", "secret"),)),
    Shown("keys", "keys"),
    Shown("audit", "audit"),
)


def find_address(shown: Shown, rows: dict[str, Any]) -> str:
    """The path of a page; values that are keys of the rows stand for those."""
    named = {"pk": rows[shown.row]} if shown.row else {}
    named |= {key: rows.get(value, value) for key, value in shown.more}
    return reverse(shown.url_name, kwargs=named) + shown.query.format(**rows)


def fill_rows(now: datetime) -> dict[str, Any]:
    """Rows of every state over the demo's; gives ids by the names that PAGES uses."""
    app = App.objects.get(slug="shoply")
    person = Person.objects.order_by("pk").first()
    user = get_user_model().objects.get(username="admin")
    rows: dict[str, Any] = {
        "person": person.pk,
        "device": Device.objects.filter(person=person).values_list("pk", flat=True)[0],
        **dict(zip(("sent", "sent_before"), _list_sent(app), strict=True)),
        "transfer": Transfer.objects.filter(app=app).order_by("-pk")[0].pk,
    }
    for fill in (_fill_campaigns, _fill_files, _fill_people, _fill_kept, _fill_access):
        rows |= fill(app, user, now)
    return rows


def _list_sent(app: App) -> list[int]:
    sent = Campaign.objects.filter(app=app, status="sent").order_by("-pk")
    return list(sent.values_list("pk", flat=True)[:2])


def _fill_campaigns(app: App, user: Any, now: datetime) -> dict[str, int]:
    plan = {"send_at": f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}", "timezone": "Europe/Berlin"}
    transfer = Transfer.objects.filter(app=app).order_by("-pk")[0].pk
    draft = create_example(app, user, now, LONG, audience={"labels": ["VIP", "Newsletter"]})
    cooling = create_example(app, user, now, "Flash sale")
    launch_campaign(cooling, actor="admin", now=now, cools_for=3600)
    later = create_example(app, user, now, "Weekend offers", **plan)
    launch_campaign(later, actor="admin", now=now)
    series = create_example(app, user, now, "Weekly digest", **plan, recurrence={"unit": "week"})
    launch_campaign(series, actor="admin", now=now)
    outcomes = {"transfer": transfer, "outcomes": ["failed"]}
    resent = create_example(app, user, now, "Once more", audience={"outcomes_of": outcomes})
    lapsed = App.objects.get(slug="lapsed")
    lapsed.needs_approval = True
    lapsed.save()
    asked = create_example(lapsed, user, now, "Come back", actor="ann")
    request_approval(asked, actor="ann", now=now, note="For noon, please.")
    return {
        "draft": draft.pk, "cooling": cooling.pk, "series": series.pk, "again": resent.pk,
        "in_review": asked.pk,
    }  # fmt: skip


def create_example(
    app: App, user: Any, now: datetime, name: str, actor: str = "admin", **fields: Any
) -> Any:
    """A campaign in two languages."""
    message = {
        "title": name, "body": "Fresh looks have landed. Tap to see what is new in your size.",
        "translations": {"de": {"title": "Herbst", "body": "Neues ist da."}},
    }  # fmt: skip
    body = {"name": name, "app": app.pk, "audience": {"all": True}, "message": message, **fields}
    return create_campaign(user, body, actor=actor, now=now)


def _fill_files(app: App, user: Any, now: datetime) -> dict[str, int]:
    told = Told("people of May.csv", "Shop, consent of May")
    checked = begin_import(app, [PEOPLE], told, actor="admin", now=now)
    mapping = propose(checked) | {"Stufe": "person.custom.tier:text"}
    check_import(checked, Choice(mapping), principal=user, actor="admin", now=now)
    export = start_export("people", app, actor="admin", now=now)
    span = make_span([app.pk], (now.date() - timedelta(days=20), now.date()), now.tzinfo)
    wanted = Wanted((app,), "platform", span.start, span.end, {})
    report = start_report(app, wanted, actor="admin", now=now)
    drain_jobs()
    mapped = begin_import(app, [PEOPLE + b"tom,,,,\n"], told, actor="admin", now=now)
    return {
        "checked": checked.pk, "mapped": mapped.pk, "export_job": export.pk, "report": report.pk,
        **_fail_jobs(app, now),
    }  # fmt: skip


def _fail_jobs(app: App, now: datetime) -> dict[str, int]:
    """One that broke off, and one of a file that could not be read."""
    shared = {
        "workspace": app.workspace, "app": app, "status": "failed", "status_since": now,
        "created_at": now, "created_by": "ann",
    }  # fmt: skip
    failed = Job.objects.create(
        kind="export", params={"what": "people"}, done=1200, total=5000,
        note="The disk of the database is full.", **shared,
    )  # fmt: skip
    refused = Job.objects.create(
        kind="import_check", params={}, note="The file is no text in UTF-8.", **shared
    )
    return {"failed_job": failed.pk, "refused_job": refused.pk}


def _fill_people(app: App, user: Any, now: datetime) -> dict[str, Any]:
    segment = create_segment(app, name=LONG, expression=NESTED, actor="admin", now=now)
    version = {"field": "device.app_version", "op": "gte", "value": "4"}
    month_ago = (now - timedelta(days=30)).isoformat()
    seen = {"field": "device.last_seen_at", "op": "gt", "value": month_ago}
    changed = {"and": [*NESTED["and"], version, seen]}
    update_segment(segment, expression=changed, actor="admin", now=now)
    entries = [Entry("email", f"person-{number}@example.org") for number in range(3)]
    terms = Terms(reason="legal", source="Letter of May", until=now + timedelta(days=300))
    add_suppressions(Place(app.workspace, app), entries, terms, actor="admin", now=now)
    entry = Suppression.objects.order_by("pk")[0]
    return {"segment": segment.pk, "suppression": entry.pk}


def _fill_kept(app: App, user: Any, now: datetime) -> dict[str, int]:
    content = {"title": "Weekly digest", "body": "What is new in your size."}
    values = TemplateValues("Weekly digest", "For Sundays", content)
    template = create_template(app.workspace, app, values, actor="admin", now=now)
    testers = find_testers([app], "shoply-00001", user)
    group = TestGroup(app=app, name="The team")
    save_test_group(group, group.name, testers, actor="admin", now=now)
    label = Label.objects.filter(app=app).order_by("pk")[0]
    return {"template": template.pk, "test_group": group.pk, "label": label.pk}


def _fill_access(app: App, user: Any, now: datetime) -> dict[str, Any]:
    one, secret = invite(
        app.workspace, email="newcomer@example.org", role="composer", app=app, actor="admin",
        now=now,
    )  # fmt: skip
    bob = make_member("bob", app.workspace, role="approver", app=app)
    key = ApiKey.objects.order_by("pk")[0]
    return {"user": bob.pk, "secret": secret, "invitation": one.pk, "key": key.pk}
