"""What stands against the steps of a scenario: accounts, texts, waits, and what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _

from campaigns.models import Account, App, AuditEntry, Campaign, Scenario
from campaigns.models.audience import CHANNELS
from campaigns.selectors.routes import find_first_ways, has_disabled_route
from campaigns.selectors.vendor_steps import find_steps_obstacle, read_later
from campaigns.services.messages import Problem
from campaigns.services.step_reach import ScenarioForecast, StepForecast
from providers.message import PushMessage
from providers.message_texts import resolve_text
from providers.scenarios import Channel

CHANNEL_NAMES = dict(CHANNELS)


def find_step_problems(
    scenario: Scenario,
    apps: Sequence[App],
    message: PushMessage,
    forecast: ScenarioForecast,
    expires_in: int | None,
) -> Iterator[Problem]:
    """Everything of the steps after the push; what concerns the push is the message's."""
    yield from _find_wait_problems(scenario, expires_in)
    texts = [step for step in forecast.steps if step.channel != Channel.PUSH]
    for step in texts:
        yield from _find_text_problems(message, step)
    for app in apps:
        ways = find_first_ways(app)
        yield from _find_vendor_problems(scenario, app, message)
        for step in texts:
            way = ways.get(step.channel)
            account = way.account if way else None
            yield from _find_account_problems(app, step, account)
    for step in forecast.steps:
        if not step.reach.messages:
            yield _describe_nobody(step)


def _find_vendor_problems(scenario: Scenario, app: App, message: PushMessage) -> Iterator[Problem]:
    """Why no vendor can run the scenario, if one shall."""
    obstacle = ""
    if scenario.runs_at_vendor:
        obstacle = find_steps_obstacle(app, message, read_later(scenario))
    if obstacle:
        words = _("No vendor can run the scenario: %(why)s Choose that we run it.")
        yield _blame_scenario(scenario, words % {"why": obstacle}, "not_at_vendor")


def _find_wait_problems(scenario: Scenario, expires_in: int | None) -> Iterator[Problem]:
    """The next step begins when the wait of the one before it is over, and not after the end."""
    begins = 0
    for number, step in enumerate(scenario.steps[:-1], start=1):
        names: dict[str, object] = {"number": number, "next": number + 1}
        if not step["wait"]:
            words = _(
                "Step %(number)d does not wait, so nobody gets step %(next)d. Give it a wait."
            )
            yield _blame_scenario(scenario, words % names, "no_wait")
            return
        begins += step["wait"]
        if expires_in is not None and begins >= expires_in:
            words = _(
                "Step %(next)d begins after %(begins)s at the earliest, but it expires after "
                "%(end)s. Let it expire later, or the steps before it wait less."
            )
            names |= {"begins": timedelta(seconds=begins), "end": timedelta(seconds=expires_in)}
            yield Problem(code="wait_too_long", field="expires_in", sentence=words % names)
            return


def _blame_scenario(
    scenario: Scenario, sentence: str, code: str, *, is_blocking: bool = True
) -> Problem:
    return Problem(
        code=code,
        field="scenario",
        sentence=sentence,
        is_blocking=is_blocking,
        subject=f"scenario:{scenario.pk}",
    )


def _find_text_problems(message: PushMessage, step: StepForecast) -> Iterator[Problem]:
    languages = ["", *message.translations]
    if not any(resolve_text(message, step.channel, language).body for language in languages):
        words = _("Step %(number)d has no text. Write the common text, or one for %(channel)s.")
        field = f"message.{step.channel}.body"
        yield Problem(code="no_text", field=field, sentence=words % _name_step(step))


def _find_account_problems(
    app: App, step: StepForecast, account: Account | None
) -> Iterator[Problem]:
    names = {**_name_step(step), "app": app.name}
    if account is None:
        is_off = has_disabled_route(app, step.channel)
        words = (
            _("Step %(number)d: every account that sends %(channel)s for %(app)s is switched off.")
            if is_off
            else _("Step %(number)d: no route of %(app)s sends %(channel)s. Add one to the app.")
        )
        code = "account_disabled" if is_off else "no_route"
        subject = f"app:{app.pk}"
        yield Problem(code=code, field="scenario", sentence=words % names, subject=subject)
    elif account.health == Account.Health.BAD:
        words = _("Step %(number)d: %(account)s was refused when it was last checked: %(words)s")
        names |= {"account": account.name, "words": account.health_words}
        yield Problem(
            code="account_unhealthy",
            field="scenario",
            sentence=words % names,
            is_blocking=False,
            subject=f"account:{account.pk}",
        )


def _describe_nobody(step: StepForecast) -> Problem:
    words = {
        Channel.PUSH.value: _("Step %(number)d: no device of this audience can get a push."),
        Channel.SMS.value: _("Step %(number)d: nobody in this audience has a phone number."),
        Channel.EMAIL.value: _("Step %(number)d: nobody in this audience has an e-mail address."),
    }
    sentence = words[step.channel] % _name_step(step)
    return Problem(code="nobody_reachable", field="audience", sentence=sentence, is_blocking=False)


def _name_step(step: StepForecast) -> dict[str, object]:
    channel = CHANNEL_NAMES.get(step.channel, step.channel)
    return {"number": step.number, "channel": str(channel)}


def find_change_since(campaign: Campaign) -> Iterator[Problem]:
    """That the scenario of a campaign that waits for its time is not as it was then."""
    scenario = campaign.scenario
    if scenario is None or campaign.status not in Campaign.WAITING:
        return
    later = AuditEntry.objects.filter(
        target_type=Scenario._meta.model_name,
        target_id=str(scenario.pk),
        at__gt=campaign.status_since,
    )
    fields = later.order_by("pk").values_list("fields", flat=True)
    if any({"steps", "run_by"} & set(names) for names in fields):
        words = _(
            "The scenario %(name)s has been changed since this was scheduled: it goes by the new "
            "steps, at their prices."
        )
        sentence = words % {"name": scenario}
        yield _blame_scenario(scenario, sentence, "scenario_changed", is_blocking=False)
