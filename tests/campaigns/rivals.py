"""Two who want one campaign at one instant, on the database of DATABASE_URL: operators, each with
a connection of his own, and schedulers, each a process of its own.

Prints one JSON line: what each was told and what the database holds afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import django

ROUNDS = 3
DUE = 50
MISSED = 10
SCHEDULERS = 2
WORKERS = 3
STEPS = 30
CONTENT = {"title": "Hi", "body": "There"}


def main() -> dict[str, Any]:
    from tests import builders

    app = builders.make_app(builders.make_workspace())
    builders.make_route(app, "android")
    builders.make_device(app, "one")
    return {
        "operators": race_operators(app),
        "stopped": race_firing(app),
        "approvals": race_approvals(app),
        "edits": race_edits(app),
        "browsers": race_clicks(app),
        "workers": race_workers(app),
        "schedulers": race_schedulers(app),
    }


def make_campaign(app: Any, status: str, now: datetime, **fields: Any) -> Any:
    from campaigns.models import Campaign, Message

    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="Spring", audience={"all": True}, created_at=now,
        message=Message.objects.create(app=app, content=CONTENT), created_by="owner",
        status_since=now, status=status, **fields,
    )  # fmt: skip


def list_pairs() -> dict[str, tuple[str, Any, Any]]:
    """By name: the status in which both fit, and what either of the two does."""
    from campaigns.dispatch.plan import start_campaign
    from campaigns.services import campaigns, waiting

    launch, pause, cancel = (
        campaigns.launch_campaign, campaigns.pause_campaign, campaigns.cancel_campaign
    )  # fmt: skip
    resume, unschedule = campaigns.resume_campaign, waiting.unschedule_campaign
    return {
        "launch": ("draft", launch, launch),
        "edit": ("draft", edit, edit),
        "edit, launch": ("draft", edit, launch),
        "cancel, launch": ("draft", cancel, launch),
        "pause": ("sending", pause, pause),
        "pause, cancel": ("sending", pause, cancel),
        "resume": ("paused", resume, resume),
        "cancel": ("scheduled", cancel, cancel),
        "cancel, scheduler": ("scheduled", cancel, start_campaign),
        "reschedule": ("scheduled", reschedule, reschedule),
        "reschedule, scheduler": ("scheduled", reschedule, start_campaign),
        "unschedule": ("scheduled", unschedule, unschedule),
        "unschedule, scheduler": ("scheduled", unschedule, start_campaign),
        "pause a series": ("recurring", pause, pause),
        "undo, start now": ("cooling", unschedule, waiting.start_now),
        "undo, scheduler": ("cooling", unschedule, start_campaign),
        "start now": ("cooling", waiting.start_now, waiting.start_now),
        "move, take back a series": ("recurring", reschedule, unschedule),
    }


def reschedule(campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.services import waiting

    later = (now + timedelta(days=int(actor[-1]) + 2)).replace(tzinfo=None).isoformat()
    waiting.reschedule_campaign(
        campaign, {"send_at": later, "timezone": "UTC"}, actor=actor, now=now
    )


def approve(campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.selectors.signing import digest_campaign
    from campaigns.services.approvals import approve_campaign

    approve_campaign(campaign, digest_campaign(campaign), actor=actor, now=now)


def edit(campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.models import ApiKey
    from campaigns.services import campaigns

    key = ApiKey.objects.first()
    campaigns.update_campaign(campaign, key, {"name": actor}, actor=actor, now=now)


def race_operators(app: Any) -> dict[str, dict[str, int]]:
    """By pair, how often each answer was given: `done`, or the kind and code of a refusal."""
    from campaigns.services.access import issue_key

    now = datetime.now(UTC).replace(microsecond=0)
    issue_key(app.workspace, name="Race", actor="race", now=now)
    told = {}
    for name, (status, *verbs) in list_pairs().items():
        answers: Counter[str] = Counter()
        for _round in range(ROUNDS):
            stored = "scheduled" if status == "cooling" else status
            campaign = make_campaign(app, stored, now, **list_times(status, now))
            answers.update(press_together(campaign.pk, verbs, now))
        told[name] = dict(answers)
    return told


def list_times(status: str, now: datetime) -> dict[str, Any]:
    if status == "recurring":
        first = now + timedelta(days=1)
        send_at = first.replace(tzinfo=None).isoformat()
        rule = {"unit": "day"}
        return {"due_at": first, "send_at": send_at, "timezone": "UTC", "recurrence": rule}
    if status == "cooling":
        until = now + timedelta(minutes=1)
        return {"due_at": until, "cools_until": until}
    return {"due_at": now + timedelta(days=1)} if status == "scheduled" else {}


def race_clicks(app: Any) -> list[list[int]]:
    """Two subscribe the first browser of an app at once: how many accounts they were given, and
    how many routes to browsers the app has then."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    from campaigns.models import Account
    from campaigns.services.browsers import open_browser_account

    admin = get_user_model().objects.create_superuser("browsers")
    start, now = Barrier(2), datetime.now(UTC)

    def click(_number: int) -> int:
        start.wait()
        try:
            return int(open_browser_account(app, admin, actor="race", now=now).pk)
        finally:
            connection.close()

    ends = []
    for _round in range(ROUNDS):
        with ThreadPoolExecutor(2) as pool:
            given = set(pool.map(click, range(2)))
        ends.append([len(given), app.routes.filter(platform="web").count()])
        Account.objects.filter(pk__in=given).delete()
    return ends


def press_together(pk: int, verbs: list[Any], now: datetime) -> list[str]:
    """Both have loaded the page before either presses."""
    start = Barrier(2)

    def press(number: int) -> str:
        from django.db import connection

        from campaigns.errors import Refused
        from campaigns.models import Campaign

        campaign = Campaign.objects.get(pk=pk)
        start.wait()
        try:
            verbs[number](campaign, actor=f"operator {number}", now=now)
        except Refused as refusal:
            return f"{refusal.kind.value} {refusal.code}"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(press, range(2)))


def race_firing(app: Any) -> list[str]:
    """A series is paused at the instant at which it fires: what it and its run are then."""
    from campaigns.services import campaigns

    ends = []
    for _round in range(2 * ROUNDS):
        now = datetime.now(UTC).replace(microsecond=0)
        times = list_times("recurring", now) | {"due_at": now}
        series = make_campaign(app, "recurring", now, **times)
        told = press_together(series.pk, [campaigns.pause_campaign, fire], now)
        series.refresh_from_db()
        run = series.transfers.values_list("status", flat=True).first()
        ends.append(f"{told[0]} {series.status} {run}")
    return sorted(set(ends))


def race_approvals(app: Any) -> dict[str, list[str]]:
    """Two approvers, and one of them against whoever edits: what each was told, and whether what
    is approved in the end is what it is."""
    ends = {}
    for name, verbs in {"approve": [approve, approve], "approve, edit": [approve, edit]}.items():
        seen = set()
        for _round in range(2 * ROUNDS):
            now = datetime.now(UTC).replace(microsecond=0)
            campaign = make_campaign(app, "in_review", now)
            campaign.approvals.create(asked_by="owner", asked_at=now)
            told = press_together(campaign.pk, verbs, now)
            seen.add(f"{sorted(told)} {describe_approval(campaign)}")
        ends[name] = sorted(seen)
    return ends


def describe_approval(campaign: Any) -> str:
    from campaigns.selectors.signing import digest_campaign

    campaign.refresh_from_db()
    approval = campaign.approvals.get()
    holds = approval.state == "approved" and approval.digest == digest_campaign(campaign)
    return f"{campaign.status} {approval.state} {holds}"


def write(campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.models import ApiKey
    from campaigns.services import campaigns

    body = {"message": {"title": f"Of {actor}", "body": "New"}}
    campaigns.update_campaign(campaign, ApiKey.objects.first(), body, actor=actor, now=now)


def write_anew(campaign: Any, *, actor: str, now: datetime) -> None:
    """What the page does: back to a draft, another text, launched again."""
    from campaigns.services import campaigns, waiting

    waiting.unschedule_campaign(campaign, actor=actor, now=now)
    write(campaign, actor=actor, now=now)
    campaigns.launch_campaign(campaign, actor=actor, now=now)


def fire(_campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.dispatch import plan, runs

    plan.start_due(now)
    runs.run_due(now)


def duplicate(campaign: Any, *, actor: str, now: datetime) -> None:
    from campaigns.services.campaigns import duplicate_campaign

    duplicate_campaign(campaign, actor=actor, now=now)


def race_edits(app: Any) -> dict[str, list[str]]:
    """Whoever edits or copies against whatever starts it: what the editor was told, how often it
    was sent, whether each time with the text that it has, and what copies of it are.
    """
    from campaigns.models import Campaign
    from campaigns.services.campaigns import launch_campaign

    pairs = {
        "edit, launch": ("draft", write, launch_campaign),
        "edit, scheduler": ("scheduled", write_anew, fire),
        "copy, scheduler": ("scheduled", duplicate, fire),
        "copy, a series fires": ("recurring", duplicate, fire),
    }
    ends: dict[str, set[str]] = {}
    for name, (status, *verbs) in pairs.items():
        for _round in range(2 * ROUNDS):
            Campaign.objects.all().delete()
            now = datetime.now(UTC).replace(microsecond=0)
            times = list_times(status, now) | ({} if status == "draft" else {"due_at": now})
            campaign = make_campaign(app, status, now, **times)
            told = press_together(campaign.pk, verbs, now)[0]
            fire(campaign, actor="scheduler", now=now)
            ends.setdefault(name, set()).add(f"{told}: {describe_sent(campaign)}")
    return {name: sorted(found) for name, found in ends.items()}


def describe_sent(campaign: Any) -> str:
    from campaigns.models import Campaign, Part

    campaign.refresh_from_db()
    sent = Part.objects.filter(transfer__campaign=campaign).values_list("message__content")
    texts = ["right" if text == campaign.message.content else "wrong" for (text,) in sent]
    copies = Campaign.objects.exclude(pk=campaign.pk)
    copied = [f", copy {copy.status} sent {copy.transfers.count()}" for copy in copies]
    return f"{campaign.status}, sent {texts}{''.join(copied)}"


def race_workers(app: Any) -> dict[str, Any]:
    """Two workers on one job of many steps: the files of its steps, and who did how many."""
    from campaigns.models import Job
    from campaigns.services import job_kinds, jobs
    from campaigns.services.job_work import drain_jobs

    def count_on(job: Job, now: datetime) -> jobs.Step:
        done = job.cursor.get("done", 0) + 1
        jobs.append_file(job, "steps", f"{done} ".encode())
        Job.objects.filter(pk=job.pk).update(note="under way")
        return jobs.Step({"done": done}, done, is_last=done == STEPS)

    kind = job_kinds.KINDS["count"] = jobs.JobKind(key="count", label="Count", step=count_on)
    job = jobs.start_job(kind, app, {}, actor="race", now=datetime.now(UTC))
    start = Barrier(WORKERS)

    def work(number: int) -> None:
        from django.db import connection

        start.wait()
        for _turn in range(STEPS):
            drain_jobs(f"worker {number}")
        connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    job.refresh_from_db()
    return {
        "status": job.status,
        "steps": b"".join(jobs.read_file(job, "steps")).decode().split(),
        "events": list(job.events.order_by("pk").values_list("new", flat=True)),
    }


def race_schedulers(app: Any) -> dict[str, Any]:
    """Series and campaigns sent once are due, some for two hours; each must be settled once."""
    from django.db.models import Count

    from campaigns.models import Campaign, Occurrence, Transfer

    now = datetime.now(UTC).replace(microsecond=0)
    Campaign.objects.all().delete()
    for _number in range(DUE):
        make_campaign(app, "scheduled", now, due_at=now)
        send_at = now.replace(tzinfo=None).isoformat()
        make_campaign(
            app, "recurring", now, due_at=now, send_at=send_at, timezone="UTC",
            recurrence={"unit": "day"},
        )  # fmt: skip
    dead = now - timedelta(hours=2)  # as if no scheduler had run for so long
    for number in range(MISSED):
        policy = ("run_late", "skip")[number % 2]
        send_at = dead.replace(tzinfo=None).isoformat()
        make_campaign(app, "scheduled", dead, due_at=dead, when_missed=policy)
        make_campaign(
            app, "recurring", dead, due_at=dead, send_at=send_at, timezone="UTC",
            recurrence={"unit": "day"}, when_missed=policy,
        )  # fmt: skip
    begin = str(time.time() + 3)
    command = [sys.executable, "-m", "tests.campaigns.rivals", begin]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(SCHEDULERS)
    ]
    turns = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * SCHEDULERS
    started = Transfer.objects.values("campaign").annotate(n=Count("pk"))
    return {
        "turns": turns,
        "transfers": Transfer.objects.count(),
        "most": max(row["n"] for row in started),
        "occurrences": dict(Counter(map(name_end, Occurrence.objects.all()))),
        "statuses": dict(Counter(Campaign.objects.values_list("status", flat=True))),
    }


def name_end(occurrence: Any) -> str:
    """`fired`, `fired late` or `missed no_scheduler`."""
    return f"{occurrence.state} {occurrence.reason}".strip()


def schedule_until_done(begin: float) -> int:
    """A scheduler's turns from a given second on; gives how many campaigns it took up."""
    from campaigns.dispatch import plan, runs

    time.sleep(max(0.0, begin - time.time()))
    taken = 0
    while True:
        now = datetime.now(UTC)
        found = plan.start_due(now) + runs.run_due(now)
        if not found:
            return taken
        taken += found


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    django.setup()
    print(json.dumps(schedule_until_done(float(sys.argv[1])) if sys.argv[1:] else main()))
