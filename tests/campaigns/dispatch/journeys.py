"""What a worker, a scheduler or an operator is doing when the process dies, and what must hold
when others have gone on."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from campaigns.dispatch.engine import Clock, drain, pump, tick
from campaigns.dispatch.freeze import freeze_transfer
from campaigns.dispatch.plan import NewPart, NewTransfer, create_transfer, start_campaign
from campaigns.dispatch.unanswered import POISON
from campaigns.dispatch.verify import check_books
from campaigns.models import (
    Account,
    Allowance,
    App,
    Attempt,
    Batch,
    Campaign,
    Cohort,
    Counter,
    Device,
    Group,
    Message,
    Part,
    Policy,
    ReceiptCount,
    ReceiptRollup,
    ReceiptRow,
    Throttle,
    Transfer,
)
from campaigns.services.campaigns import cancel_campaign, pause_campaign, resume_campaign
from providers.recipients import TOKEN_KIND, Targets
from tests.campaigns.dispatch.boundaries import Boundaries, passes

HOUR = timedelta(hours=1)
CONTENT = {"title": "Hi", "body": "There"}
EVERYBODY = {"all": True}
# Two batches, as each holds one platform; one phone cannot be reached.
PHONES = {"android": 3, "ios": 2}
REACHED, SKIPPED = 5, 1
runs = count(1)


def make_clock(now: datetime) -> Clock:
    """A clock that goes on by a twentieth of a second whenever it is read."""
    ticks = count()
    return lambda: now + timedelta(seconds=next(ticks) / 20)


@dataclass(slots=True)
class Run:
    """One send with a group and a tag of its own, out of the way of earlier ones."""

    campaign: Campaign
    policy: str
    now: datetime

    @property
    def app(self) -> App:
        return self.campaign.app

    @property
    def transfer(self) -> Transfer:
        return Transfer.objects.get(campaign=self.campaign)

    def clock(self, hour: float = 0) -> Clock:
        return make_clock(self.now + hour * HOUR)


def forget_runs() -> None:
    """Every run passes the same boundaries, as if it were the first."""
    Throttle.objects.all().delete()
    Allowance.objects.all().delete()
    Cohort.objects.all().delete()
    Account.objects.update(poll_at=None)
    Attempt.objects.update(poll_at=None)


def begin_run(
    app: App,
    policy: str,
    now: datetime,
    content: Mapping[str, Any] = CONTENT,
    audience: Mapping[str, Any] = EVERYBODY,
) -> Run:
    """A draft for everybody, unless it says for whom."""
    forget_runs()
    name = f"{now.timestamp()}-{next(runs)}"
    campaign = Campaign.objects.create(
        workspace=app.workspace,
        app=app,
        name=name,
        tag=name,
        group=Group.objects.create(app=app, name=name),
        message=Message.objects.create(app=app, content=content),
        audience=audience,
        policy=policy,
        due_at=now,
        status_since=now,
        created_at=now,
        created_by="owner",
    )
    return Run(campaign, policy, now)


# What is there before.


def schedule(run: Run) -> None:
    run.campaign.move_to(Campaign.Status.SCHEDULED, actor="owner", now=run.now)


def name_tokens(run: Run) -> None:
    """A script names its recipients, one of whom nobody knows."""
    tokens = Device.objects.filter(app=run.app).exclude(token_state=Device.TokenState.DISABLED)
    named = ("nobody's", *tokens.values_list("token", flat=True))
    plan = NewTransfer(
        app=run.app,
        group=run.campaign.group,
        tag=run.campaign.tag,
        parts=(NewPart(run.campaign.message, (Targets(TOKEN_KIND, named),)),),
        campaign=run.campaign,
        policy=run.policy,
    )
    create_transfer(plan, actor="owner", now=run.now)


def freeze_audience(run: Run) -> None:
    start_campaign(run.campaign, actor="owner", now=run.now)
    freeze_transfer(run.transfer, now=run.now)


def slow_down(run: Run) -> None:
    """A rate that lets go of fewer at once than its batches hold."""
    freeze_audience(run)
    Transfer.objects.filter(pk=run.transfer.pk).update(rate=2)


def poison(run: Run) -> None:
    """Workers have died of these batches as often as is allowed."""
    freeze_audience(run)
    Batch.objects.filter(transfer=run.transfer).update(attempts=POISON)


class _AfterTheCall(Boundaries):
    def call(self, send: Callable[..., Any], *args: Any, **options: Any) -> Any:
        answer = send(*args, **options)
        if Attempt.objects.filter(answered_at__isnull=True).exists():
            self.end()
        return answer


def lose_answer(run: Run) -> None:
    """A worker has died when the vendor had taken its first call."""
    freeze_audience(run)
    assert not passes(_AfterTheCall(), lambda: send(run))


def leave_unknown(run: Run) -> None:
    lose_answer(run)
    send(run, hour=1)


def send_everything(run: Run) -> None:
    freeze_audience(run)
    send(run)


# What is going on.


def live(run: Run) -> None:
    """Start, freeze, send, settle, fold, end; then ask what became of it."""
    drain(clock=run.clock())
    ask(run)


def freeze_named(run: Run) -> None:
    freeze_transfer(run.transfer, now=run.now)


def split(run: Run) -> None:
    clock = run.clock()
    for _batch in PHONES:
        pump("worker", clock=clock)


def send(run: Run, hour: int = 0) -> None:
    clock = run.clock(hour)
    while pump("worker", clock=clock):
        pass


def send_later(run: Run) -> None:
    send(run, hour=1)


def send_slowly(run: Run) -> None:
    for hour in range(3):
        send(run, hour)


def ask(run: Run) -> None:
    for hour in (1, 2):
        tick("scheduler", clock=run.clock(hour))


def pause_and_resume(run: Run) -> None:
    clock = run.clock()
    pump("worker", clock=clock)
    pause_campaign(run.campaign, actor="owner", now=clock())
    send(run)
    resume_campaign(run.campaign, actor="owner", now=clock())
    send(run)


def cancel(run: Run) -> None:
    clock = run.clock()
    pump("worker", clock=clock)
    cancel_campaign(run.campaign, actor="owner", now=clock())
    send(run)


@dataclass(frozen=True, slots=True)
class Journey:
    """`outcomes` are those of a run in which nobody dies, `also` what a death may bring.

    `deaths` counts those of the preparation too: each may double one call, no more. PostgreSQL
    has an `is_long` one in the long form only: another there goes through the same statements.
    """

    name: str
    vendor: str
    prepare: Callable[[Run], None]
    act: Callable[[Run], None]
    outcomes: Mapping[str, int]
    also: frozenset[str] = frozenset()
    policy: str = Policy.AT_LEAST_ONCE
    deaths: int = 1
    is_long: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {self.vendor}, {self.policy}"


SENT = {"sent": REACHED, "skipped": SKIPPED}
CANCELLED = {"sent": 3, "cancelled": 2, "skipped": SKIPPED}
UNKNOWN = frozenset({"unknown"})
AT_MOST_ONCE = {"also": UNKNOWN, "policy": Policy.AT_MOST_ONCE}
JOURNEYS = [
    Journey("from schedule to receipts", "key", schedule, live, SENT),
    Journey("ids of a script", "key", name_tokens, freeze_named, SENT, is_long=True),
    Journey("send", "key", freeze_audience, send, SENT, **AT_MOST_ONCE, is_long=True),
    Journey("send", "lookup", freeze_audience, send, SENT),
    Journey("send", "blind", freeze_audience, send, SENT, is_long=True),
    Journey("send", "mute", freeze_audience, send, SENT, UNKNOWN),
    Journey("after a lost answer", "key", lose_answer, send_later, SENT),
    Journey("after a lost answer", "lookup", lose_answer, send_later, SENT, is_long=True),
    Journey("after a lost answer", "blind", lose_answer, send_later, SENT, deaths=2, is_long=True),
    Journey(
        "after a lost answer", "key", lose_answer, send_later, SENT, **AT_MOST_ONCE, is_long=True
    ),
    Journey("split", "key", poison, split, SENT),
    Journey("cut to a rate", "key", slow_down, send_slowly, SENT, is_long=True),
    Journey("pause and resume", "key", freeze_audience, pause_and_resume, SENT),
    Journey("cancel", "key", freeze_audience, cancel, CANCELLED, UNKNOWN),
    Journey("vendor's status and totals", "lookup", send_everything, ask, SENT),
    Journey(
        "withdrawn",
        "withdrawing",
        send_everything,
        ask,
        {"failed": REACHED, "skipped": 1},
        is_long=True,
    ),
    Journey("receipts of unknown", "key", leave_unknown, ask, SENT, **AT_MOST_ONCE),
]


# What must hold.


def recover(run: Run) -> None:
    """Later workers: each comes an hour after the last, when every lease and wait is over."""
    for hour in range(10, 22):
        run.campaign.refresh_from_db()
        if run.campaign.status == Campaign.Status.PAUSED:
            resume_campaign(run.campaign, actor="owner", now=run.now + hour * HOUR)
        drain(clock=run.clock(hour))
        if run.transfer.finished_at is not None:
            break
    tick("scheduler", clock=run.clock(hour + 1))  # asks what became of it


@dataclass(slots=True)
class Figures:
    """What became of recipients, by our books and by the vendor's."""

    outcomes: Tally[str] = field(default_factory=Tally)
    resent: int = 0
    doubled: int = 0
    lost: int = 0

    def add(self, other: Figures) -> None:
        self.outcomes += other.outcomes
        self.resent += other.resent
        self.doubled += other.doubled
        self.lost += other.lost

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{self.lost} lost, {self.doubled} doubled, {self.resent} counted as resent: {told}"


def find_faults(run: Run, journey: Journey, summary: Mapping[str, int]) -> list[str]:
    """Whatever does not hold after the recovery; `summary` is what the vendor took."""
    figures = count_figures(run, summary)
    told = figures.outcomes["sent"]
    open_to_doubt = figures.outcomes["unknown"] + figures.outcomes["failed"]
    of_one_call = max(PHONES.values())
    most = of_one_call * journey.deaths if journey.vendor == "blind" else 0
    rules = {
        "books": not check_books(Transfer.objects.filter(campaign=run.campaign)).faults,
        "nobody is lost": figures.lost == 0,
        "outcomes": set(figures.outcomes) <= {*journey.outcomes, *journey.also},
        "who is sent was taken": told <= summary["distinct_recipients"] <= told + open_to_doubt,
        "a death doubles one call at most": figures.doubled <= most,
        "what is twice is counted": figures.doubled <= figures.resent,
        "receipts once": count_receipts(run.transfer),
    }
    return [f"{rule}: {figures}, {summary}" for rule, holds in rules.items() if not holds]


def count_figures(run: Run, summary: Mapping[str, int]) -> Figures:
    transfer = run.transfer
    outcomes = count_outcomes(transfer)
    doubled = summary["accepted_recipients"] - summary["distinct_recipients"]
    lost = REACHED + SKIPPED - outcomes.total()
    return Figures(outcomes, count_resent(transfer), doubled, lost)


def count_outcomes(transfer: Transfer) -> Tally[str]:
    """What the counters say, over all parts."""
    counters = Counter.objects.filter(part__transfer=transfer, count__gt=0)
    outcomes: Tally[str] = Tally()
    for outcome, number in counters.values_list("outcome", "count"):
        outcomes[outcome] += number
    return outcomes


def count_resent(transfer: Transfer) -> int:
    return sum(Part.objects.filter(transfer=transfer).values_list("resent", flat=True))


def count_receipts(transfer: Transfer) -> bool:
    """Whether receipts are counted once, by their hour and by whom they are of, however often they
    were read."""
    parts = Part.objects.filter(transfer=transfer)
    came, beside = (
        sum(model.objects.filter(part__in=parts).values_list("count", flat=True))
        for model in (ReceiptCount, ReceiptRollup)
    )
    return came == beside == ReceiptRow.objects.filter(part__in=parts).count()
