"""What else an account or an app sends, beside a campaign: by its quota, by its size."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db.models import Max, Q, Sum
from django.utils.translation import gettext as _

from campaigns.errors import Invalid
from campaigns.models import Account, App, Campaign, Part, Transfer
from campaigns.selectors.limits import read_day
from campaigns.services.forecast import Reach, count_calls, count_reach
from campaigns.services.messages import Problem

MOST_NEIGHBOURS = 5  # each is a count over the audience
RECENT = 10  # sends of an app whose sizes are usual
FAR_LARGER = 3
SMALL = 100  # an audience up to here is never unusual


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
