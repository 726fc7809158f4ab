"""What else goes out around a campaign: to the same people, by the same quotas, by its size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import zip_longest

from django.db.models import Max, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.errors import Invalid
from campaigns.models import Account, App, Campaign, Part, Transfer
from campaigns.selectors.audience import read_audience, select_devices
from campaigns.selectors.campaign_apps import list_apps
from campaigns.selectors.limits import read_day
from campaigns.services.forecast import Reach, count_calls, count_reach
from campaigns.services.messages import Problem

AROUND = timedelta(hours=1)
MOST_NEIGHBOURS = 5  # each is a count over the audience
LOOKED_AT = 20  # transfers: a campaign of several apps has one in each
MOST_COUNTED = 10_000
RECENT = 10  # sends of an app whose sizes are usual
FAR_LARGER = 3
SMALL = 100  # an audience up to here is never unusual


def find_overlaps(campaign: Campaign, now: datetime) -> Iterator[Problem]:
    """Campaigns that reach some of the same people within an hour before or after it, or that began
    earlier and are still being sent: the nearest of each sort."""
    start = max(now, campaign.due_at or now)
    apps = list_apps(campaign)
    running = _list_running(apps, start, now)
    sorts = (_list_waiting(apps, start), _list_recent(apps, start, now), running)
    for other in _take_in_turn(sorts, campaign):
        shared = sum(_count_shared(app, campaign, other) for app in apps)
        if shared:
            yield _describe_overlap(other, shared, is_running=other in running)


def _take_in_turn(sorts: Iterable[list[Campaign]], campaign: Campaign) -> list[Campaign]:
    """The first of each sort, then the second of each: none of them crowds out the others."""
    rows = (row for turn in zip_longest(*sorts) for row in turn if row and row != campaign)
    return list(dict.fromkeys(rows))[:MOST_NEIGHBOURS]


def _list_waiting(apps: list[App], start: datetime) -> list[Campaign]:
    """Scheduled within the hour on either side, the nearest first."""
    ours = Q(app__in=apps) | Q(app_group__apps__in=apps)
    waiting = Campaign.objects.filter(ours, status__in=Campaign.WAITING).distinct()
    before = waiting.filter(due_at__gt=start - AROUND, due_at__lt=start).order_by("-due_at")
    after = waiting.filter(due_at__gte=start, due_at__lt=start + AROUND).order_by("due_at")
    # One more: it may be the campaign itself.
    found = [row for rows in (before, after) for row in rows[: MOST_NEIGHBOURS + 1]]
    return sorted(found, key=lambda row: abs((row.due_at or start) - start))


def _list_recent(apps: list[App], start: datetime, now: datetime) -> list[Campaign]:
    """Begun within the hour before it, the newest first."""
    if start - AROUND >= now:
        return []
    return _list_begun(apps, Q(created_at__gt=start - AROUND))


def _list_running(apps: list[App], start: datetime, now: datetime) -> list[Campaign]:
    """Begun earlier, and still being sent."""
    if start - AROUND >= now:
        return []
    is_on = Q(finished_at__isnull=True, created_at__lte=start - AROUND, due_at__lte=start)
    return _list_begun(apps, is_on)


def _list_begun(apps: list[App], which: Q) -> list[Campaign]:
    rows = Transfer.objects.filter(which, app__in=apps, campaign__isnull=False, is_test=False)
    newest = rows.select_related("campaign").order_by("-created_at")[:LOOKED_AT]
    return list(dict.fromkeys(row.campaign for row in newest if row.campaign is not None))


def _count_shared(app: App, campaign: Campaign, other: Campaign) -> int:
    """How many devices of the app both mean, up to one more than `MOST_COUNTED`."""
    if app not in list_apps(other):
        return 0
    try:
        theirs = select_devices(
            app,
            read_audience(app, other.audience, principal=None),
            only_primary=other.only_primary,
        )
    except Invalid:  # an audience that means nobody any more
        return 0
    audience = read_audience(app, campaign.audience, principal=None)
    devices = select_devices(app, audience, only_primary=campaign.only_primary)
    both = devices.filter(pk__in=theirs.order_by().values("pk")).order_by()
    return both[: MOST_COUNTED + 1].count()


def _describe_overlap(other: Campaign, shared: int, *, is_running: bool) -> Problem:
    count = f"{min(shared, MOST_COUNTED):,}"
    some = _("more than %(count)s") % {"count": count} if shared > MOST_COUNTED else count
    words = ngettext(
        "%(count)s recipient of it gets “%(name)s” within the same hour.",
        "%(count)s recipients of it get “%(name)s” within the same hour.",
        shared,
    )
    if is_running:
        words = ngettext(
            "%(count)s recipient of it is meant by “%(name)s” too, which is still being sent.",
            "%(count)s recipients of it are meant by “%(name)s” too, which is still being sent.",
            shared,
        )
    return Problem(
        code="overlap",
        field="send_at",
        sentence=words % {"count": some, "name": other.name},
        is_blocking=False,
        subject=f"campaign:{other.pk}",
    )


def find_shared_quotas(
    campaign: Campaign, reaches: Collection[Reach], now: datetime
) -> Iterator[Problem]:
    """Accounts whose calls of that day are enough for it, but not with what is scheduled too."""
    start = max(now, campaign.due_at or now)
    own = count_calls(campaign, reaches)
    for account in Account.objects.filter(pk__in=own):
        use = read_day(account, start)
        if use.limit is None or own[account.pk] > use.limit - use.used:
            continue  # what is too much by itself is told already
        others = _list_that_day(campaign, account, start, use.resets_at)
        calls = sum(_count_others(other).get(account.pk, 0) for other in others)
        if own[account.pk] + calls > use.limit - use.used:
            yield _describe_quota(account, own[account.pk], calls, use.limit - use.used)


def _list_that_day(
    campaign: Campaign, account: Account, start: datetime, end: datetime
) -> list[Campaign]:
    apps = App.objects.filter(routes__account=account)
    ours = Q(app__in=apps) | Q(app_group__apps__in=apps)
    waiting = Campaign.objects.filter(
        ours, status__in=Campaign.WAITING, due_at__gt=end - timedelta(days=1), due_at__lt=end
    )
    return list(waiting.exclude(pk=campaign.pk).distinct().order_by("due_at")[:MOST_NEIGHBOURS])


def _count_others(other: Campaign) -> dict[int, int]:
    try:
        return count_calls(other, count_reach(other))
    except Invalid:
        return {}


def _describe_quota(account: Account, own: int, others: int, left: int) -> Problem:
    words = _(
        "It takes %(own)d calls of %(account)s and what else is scheduled that day %(others)d; "
        "%(left)d are left. The rest waits for the next day."
    )
    names = {"own": own, "others": others, "left": left, "account": account.name}
    return Problem(
        code="shared_quota",
        field="send_at",
        sentence=words % names,
        is_blocking=False,
        subject=f"account:{account.pk}",
    )


def find_unusual_sizes(reaches: Collection[Reach]) -> Iterator[Problem]:
    """Audiences that are far larger than all that the app has lately been sent."""
    for reach in reaches:
        largest = _find_largest(reach.app) if reach.total > SMALL else None
        if largest and reach.total > FAR_LARGER * largest:
            words = _("%(count)s in %(app)s: the last %(recent)d sends went to %(most)s at most.")
            names = {
                "count": f"{reach.total:,}", "app": reach.app.name, "recent": RECENT,
                "most": f"{largest:,}",
            }  # fmt: skip
            yield Problem(
                code="unusual_size", field="audience", sentence=words % names, is_blocking=False
            )


def _find_largest(app: App) -> int | None:
    recent = Transfer.objects.filter(app=app, campaign__isnull=False, is_test=False)
    ids = list(recent.order_by("-created_at").values_list("pk", flat=True)[:RECENT])
    sizes = Part.objects.filter(transfer__in=ids).order_by().values("transfer")
    largest: int | None = sizes.annotate(size=Sum("audience")).aggregate(most=Max("size"))["most"]
    return largest
