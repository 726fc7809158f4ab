"""Failover scenarios that scripts keep and send by, and their SMS and e-mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Forbidden, Invalid, NotFound
from campaigns.models import ApiKey, App, Scenario
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.callers import Acts, Caller, find_app
from campaigns.services.intake_calls import ManyCall, open_call, take_entry
from campaigns.services.intake_fingerprint import find_fingerprint
from campaigns.services.intake_push import accept_push
from campaigns.services.intake_sends import ensure_group
from campaigns.services.intake_steps import Stairs
from campaigns.services.scenarios import (
    DEFAULT_WAIT,
    MAX_SENDER,
    ScenarioValues,
    create_scenario,
    lock_scenario,
    update_scenario,
)
from providers.commands import Accepted, AcceptedMany, SendPush
from providers.contract import Dialect
from providers.message import EmailContent, SmsContent
from providers.message_texts import resolve_text
from providers.scenarios import (
    TEXTS,
    Channel,
    FetchScenario,
    ListScenarios,
    SaveScenario,
    ScenarioRow,
    ScenarioRows,
    SendByScenario,
    SendText,
    SendTexts,
    Step,
    TextMessage,
)

Scope = ApiKey.Scope
MAX_KEY = 32


def _save_scenario(command: SaveScenario, caller: Caller) -> ScenarioRow:
    """Who runs it, prices, and waits where the call gives none, stay as they were."""
    with transaction.atomic():
        known = lock_scenario(find_scenario(command.id, caller)) if command.id else None
        return _describe(_write_scenario(command, known, caller))


def _write_scenario(command: SaveScenario, known: Scenario | None, caller: Caller) -> Scenario:
    _refuse_foreign_apps(command, caller)
    _refuse_others_scenario(known, caller)
    if command.is_default:
        _refuse_others_scenario(_list_own(caller).filter(is_default=True).first(), caller)
    run_by = known.run_by if known else Scenario.RunBy.US.value
    steps = _write_steps(command, known)
    values = ScenarioValues(command.name, steps, command.is_default, run_by)
    if known is None:
        return create_scenario(caller.key.workspace, values, actor=caller.actor, now=caller.now)
    return update_scenario(known, values, actor=caller.actor, now=caller.now)


def _write_steps(command: SaveScenario, known: Scenario | None) -> list[dict[str, object]]:
    kept = {step["channel"]: step for step in known.steps} if known else {}
    return [
        {
            "channel": step.channel,
            "sender": step.sender,
            "wait": step.wait or kept.get(step.channel, {}).get("wait") or DEFAULT_WAIT,
            "price": kept.get(step.channel, {}).get("price", ""),
        }
        for step in command.steps
    ]


def _refuse_foreign_apps(command: SaveScenario, caller: Caller) -> None:
    """The sender of a push is an app that the key reaches."""
    for number, step in enumerate(command.steps):
        if step.channel == Channel.PUSH:
            try:
                find_app(step.sender, caller)
            except NotFound as refusal:
                path = f"steps.{number}.sender"
                raise Invalid(refusal.message, fields={path: refusal.message}) from refusal


def _refuse_others_scenario(scenario: Scenario | None, caller: Caller) -> None:
    """A key changes, and takes the place of, only what pushes through an app that it reaches."""
    for step in scenario.steps if scenario else ():
        if step["channel"] == Channel.PUSH and step["sender"]:
            try:
                find_app(step["sender"], caller)
            except NotFound as refusal:
                words = _("This scenario belongs to an app that the key does not reach.")
                raise Forbidden(words, code="others_scenario") from refusal


def find_scenario(key: str, caller: Caller) -> Scenario:
    """The scenario of that key in the caller's workspace; raises NotFound."""
    found = None
    if len(key) <= MAX_KEY and key.isascii() and key.isalnum():
        found = _list_own(caller).filter(key=key.upper()).first()
    if found is None:
        words = _("There is no such scenario.")
        raise NotFound(words, fields={"scenario": words}, subject=key)
    scenario: Scenario = found
    return scenario


def find_default(caller: Caller) -> Scenario:
    """The default scenario of the caller's workspace; raises NotFound."""
    found: Scenario | None = _list_own(caller).filter(is_default=True).first()
    if found is None:
        words = _("No scenario is the default one. Name one by its key.")
        raise NotFound(words, fields={"scenario": words})
    return found


def _list_own(caller: Caller) -> QuerySet[Scenario]:
    """For scripts one in the archive is not there."""
    rows: QuerySet[Scenario] = Scenario.objects.for_user(caller.key)
    return rows.filter(archived_at__isnull=True).select_related("workspace").order_by("pk")


def _fetch_scenario(command: FetchScenario, caller: Caller) -> ScenarioRow:
    return _describe(find_scenario(command.id, caller))


def _list_scenarios(command: ListScenarios, caller: Caller) -> ScenarioRows:
    rows = _list_own(caller)
    if command.is_default is not None:
        rows = rows.filter(is_default=command.is_default)
    start = command.page * command.limit
    return ScenarioRows(tuple(_describe(row) for row in rows[start : start + command.limit]))


def _describe(scenario: Scenario) -> ScenarioRow:
    return ScenarioRow(
        id=scenario.key,
        name=scenario.name,
        steps=tuple(Step(step["channel"], step["sender"], step["wait"]) for step in scenario.steps),
        is_default=scenario.is_default,
    )


def _send_by_scenario(command: SendByScenario, caller: Caller) -> Accepted:
    """Raises Invalid where a step has no text, and what `accept_push` does."""
    key = command.scenario
    scenario = find_scenario(key, caller) if key else find_default(caller)
    push = _add_texts(command.push, command.texts, caller.dialect)
    steps = _time_steps(scenario, command)
    _refuse_mute(push, steps)
    app = _find_app(push, steps, caller)
    stairs = Stairs(
        steps=steps,
        addresses=command.addresses,
        identity=[scenario.key, [dict(addresses) for addresses in command.addresses]],
        runs_at_vendor=scenario.runs_at_vendor,
    )
    return accept_push(push, ensure_group(app, caller), caller, stairs=stairs)


def _add_texts(push: SendPush, texts: Mapping[str, TextMessage], dialect: Dialect) -> SendPush:
    """The message of the push with what the texts say instead, and their options."""
    blocks: dict[str, Any] = {}
    if (sms := texts.get(Channel.SMS)) is not None:
        blocks["sms"] = SmsContent(body=sms.text)
    if (mail := texts.get(Channel.EMAIL)) is not None:
        blocks["email"] = EmailContent(subject=mail.subject or None, body=mail.text)
    [part] = push.parts
    extras = dict(part.message.extras)
    options = {name: dict(text.options) for name, text in texts.items() if text.options}
    if options:
        extras[dialect.key] = {**extras.get(dialect.key, {}), TEXTS: options}
    message = replace(part.message, extras=extras, **blocks)
    return replace(push, parts=(replace(part, message=message),))


def _time_steps(scenario: Scenario, command: SendByScenario) -> list[dict[str, Any]]:
    """A step waits as long as its own message is valid, where that is said."""
    lives = {name: text.expires_in for name, text in command.texts.items()}
    lives[Channel.PUSH] = command.push.expires_in
    last = len(scenario.steps) - 1
    return [
        step
        if number == last
        else {**step, "wait": lives.get(step["channel"]) or step["wait"] or DEFAULT_WAIT}
        for number, step in enumerate(scenario.steps)
    ]


def _refuse_mute(push: SendPush, steps: Sequence[Mapping[str, Any]]) -> None:
    message = push.parts[0].message
    for step in steps:
        channel = step["channel"]
        has_text = message.body if channel == Channel.PUSH else resolve_text(message, channel).body
        if not has_text:
            words = _("The scenario has the step %(channel)s, for which there is no text.")
            sentence = words % {"channel": channel}
            raise Invalid(sentence, code="no_text", fields={channel: sentence})


def _find_app(push: SendPush, steps: Sequence[Mapping[str, Any]], caller: Caller) -> App:
    """The app that sends the push, else one that has a route for the first text."""
    channel, sender = steps[0]["channel"], str(steps[0]["sender"])
    if push.app or channel == Channel.PUSH:
        return find_app(push.app or sender, caller)
    return find_texting_app(channel, caller)


def find_texting_app(channel: str, caller: Caller) -> App:
    """The key's first app with a route for this channel; raises Invalid where none has one."""
    reached = App.objects.for_user(caller.key).select_related("workspace").order_by("pk")
    app: App | None = reached.filter(routes__platform=channel).first()
    if app is None:
        words = _("No app of this key has a route for %(channel)s.") % {"channel": channel}
        raise Invalid(words, code="not_addressable", fields={"sender": words})
    return app


def _send_text(command: SendText, caller: Caller) -> Accepted:
    return _accept_text(command, caller)


def _accept_text(command: SendText, caller: Caller, **place: Any) -> Accepted:
    channel, sender = command.channel.value, command.sender
    fault = find_text_fault(sender, MAX_SENDER[channel])
    if fault:
        raise Invalid(fault, fields={"sender": fault})
    push = _add_texts(command.push, {channel: command.message}, caller.dialect)
    app = find_app(push.app, caller) if push.app else find_texting_app(channel, caller)
    step = {"channel": channel, "sender": sender, "wait": None, "price": ""}
    stairs = Stairs(steps=(step,), identity=[channel, sender])
    push = replace(push, expires_in=command.message.expires_in or push.expires_in)
    return accept_push(push, ensure_group(app, caller), caller, stairs=stairs, **place)


def _send_texts(command: SendTexts, caller: Caller) -> AcceptedMany:
    pushes = [
        _add_texts(text.push, {text.channel: text.message}, caller.dialect)
        for text in command.texts
    ]
    call = ManyCall(
        workspace=caller.key.workspace,
        scope="texts",
        client_key=command.client_key,
        fingerprint=find_fingerprint(*pushes),
        callbacks=tuple(dict.fromkeys(push.callback for push in pushes)),
    )
    submissions = open_call(call, caller)

    def accept(place: int, text: SendText) -> Accepted:
        submission = submissions[text.push.callback]
        return _accept_text(text, caller, submission=submission, place=place)

    entries = tuple(
        take_entry(partial(accept, place, text)) for place, text in enumerate(command.texts)
    )
    reference = next(iter(submissions.values())).reference
    return AcceptedMany(entries=entries, reference=reference, client_key=command.client_key)


ACTS: Acts = {
    SendByScenario: (Scope.SEND, _send_by_scenario),
    SendText: (Scope.SEND, _send_text),
    SendTexts: (Scope.SEND, _send_texts),
    SaveScenario: (Scope.COMPOSE, _save_scenario),
    FetchScenario: (Scope.READ, _fetch_scenario),
    ListScenarios: (Scope.READ, _list_scenarios),
}
