"""Failover scenarios of a workspace: made, changed, archived, forgotten; one may be the default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import Campaign, Scenario, Workspace
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.access import record_audit
from providers.scenarios import Channel

MAX_NAME = 120
MAX_STEPS = 5
MAX_SCENARIOS = 1_000  # of a workspace: compose offers all of them
MIN_WAIT, MAX_WAIT = 60, 172_800  # seconds
DEFAULT_WAIT = 3600  # of a step that nobody gave one
MAX_SENDER = {Channel.PUSH.value: 80, Channel.SMS.value: 16, Channel.EMAIL.value: 80}
STEP_FIELDS = ("channel", "sender", "wait", "price")
MAX_PRICE = Decimal(10_000)
MAX_PRICE_TEXT = 16
MAX_PLACES = 9  # an exponent such as 1E-999999 would be written out in a million digits


@dataclass(frozen=True, slots=True)
class ScenarioValues:
    """What a scenario consists of; `steps` as Scenario.steps has them. Still to be checked."""

    name: str
    steps: Any
    is_default: bool = False
    run_by: Any = Scenario.RunBy.US.value


def create_scenario(
    workspace: Workspace, values: ScenarioValues, *, actor: str, now: datetime
) -> Scenario:
    """Make one. Raises Invalid with a sentence per wrong path such as `steps.1.wait`, and Conflict
    where the workspace has as many as it may.
    """
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if Scenario.objects.filter(workspace=workspace).count() >= MAX_SCENARIOS:
            words = _("A workspace has at most %(most)d scenarios. Delete one that was never used.")
            raise Conflict(words % {"most": MAX_SCENARIOS}, code="too_many_scenarios")
        return _save(Scenario(workspace=workspace), values, "create", actor, now)


def update_scenario(
    scenario: Scenario, values: ScenarioValues, *, actor: str, now: datetime, version: str = ""
) -> Scenario:
    """Change one; what is sending already goes on as it began. Raises as `create_scenario`, and
    Conflict when an archived one is to be the default, or it is not at `version` any more.
    """
    with transaction.atomic():
        known = lock_scenario(scenario)
        if version and version != write_version(known):
            words = _("Somebody else has just changed this. Reload the page.")
            raise Conflict(words, code="changed")
        if known.archived_at is not None and values.is_default:
            words = _("An archived scenario cannot be the default. Restore it first.")
            raise Conflict(words, code="archived", fields={"is_default": words})
        return _save(known, values, "update", actor, now)


def write_version(scenario: Scenario) -> str:
    """What tells one state of all that is filled in for a scenario from the next."""
    state = [scenario.name, scenario.steps, scenario.is_default, scenario.run_by]
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def lock_scenario(scenario: Scenario) -> Scenario:
    """The scenario as it is now; nobody else changes one of its workspace until the transaction
    ends. Raises NotFound when it has been deleted.
    """
    # The workspace's row, since who makes one the default changes another one too.
    Workspace.objects.select_for_update(no_key=True).get(pk=scenario.workspace_id)
    known = Scenario.objects.select_related("workspace").filter(pk=scenario.pk).first()
    if known is None:
        raise NotFound(_("Somebody else has just deleted this scenario."))
    return known


def delete_scenario(scenario: Scenario, *, actor: str, now: datetime) -> None:
    """Forget it; raises Conflict when a campaign was ever sent by it, or is to be."""
    with transaction.atomic():
        known = lock_scenario(scenario)
        _refuse_in_use(known)
        if Campaign.objects.filter(scenario=known).exists():
            words = _(
                "Campaigns have gone by this scenario. Archive it: then nobody can choose it."
            )
            raise Conflict(words, code="in_use")
        record_audit(actor, "delete", known, workspace=known.workspace, now=now)
        known.delete()


def archive_scenario(scenario: Scenario, *, actor: str, now: datetime) -> Scenario:
    """Nothing new goes by it. Raises Conflict while something does, and for the default one."""
    with transaction.atomic():
        known = lock_scenario(scenario)
        if known.is_default:
            words = _("Scripts send by the default scenario. Make another one the default first.")
            raise Conflict(words, code="default_scenario")
        _refuse_in_use(known)
        return _set_archived(known, now, "archive", actor, now)


def restore_scenario(scenario: Scenario, *, actor: str, now: datetime) -> Scenario:
    """Take it out of the archive; restoring it again changes nothing."""
    with transaction.atomic():
        return _set_archived(lock_scenario(scenario), None, "restore", actor, now)


def _refuse_in_use(scenario: Scenario) -> None:
    unfinished = Campaign.objects.exclude(status__in=Campaign.FINISHED)
    used = unfinished.filter(scenario=scenario).order_by("pk").first()
    if used is not None:
        words = _("The campaign %(name)s uses this scenario and is not finished.")
        raise Conflict(words % {"name": used.name}, code="in_use")


def _set_archived(
    scenario: Scenario, archived_at: datetime | None, verb: str, actor: str, now: datetime
) -> Scenario:
    if (scenario.archived_at is None) != (archived_at is None):
        scenario.archived_at = archived_at
        scenario.save(update_fields=["archived_at"])
        record_audit(actor, verb, scenario, workspace=scenario.workspace, now=now)
    return scenario


def _save(
    scenario: Scenario, values: ScenarioValues, verb: str, actor: str, now: datetime
) -> Scenario:
    """Runs in the caller's transaction, which has locked the workspace."""
    faults = find_scenario_faults(values)
    if faults:
        path, words = next(iter(faults.items()))
        raise Invalid(_("%(name)s: %(fault)s") % {"name": path, "fault": words}, fields=faults)
    fresh = {
        "name": values.name.strip(),
        "steps": normalize_steps(values.steps),
        "is_default": values.is_default,
        "run_by": values.run_by,
    }
    changed = [name for name, value in fresh.items() if getattr(scenario, name) != value]
    workspace = scenario.workspace
    if values.is_default:
        others = Scenario.objects.filter(workspace=workspace, is_default=True)
        others.exclude(pk=scenario.pk).update(is_default=False)
    for name, value in fresh.items():
        setattr(scenario, name, value)
    scenario.save()
    if changed or verb == "create":
        record_audit(actor, verb, scenario, workspace=workspace, fields=changed, now=now)
    return scenario


def normalize_steps(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Checked steps as they are kept; the last one waits for nothing."""
    last = len(steps) - 1
    return [
        {
            "channel": str(step["channel"]),
            "sender": (step.get("sender") or "").strip(),
            "wait": None if number == last else step.get("wait"),
            "price": (step.get("price") or "").strip(),
        }
        for number, step in enumerate(steps)
    ]


def find_scenario_faults(values: ScenarioValues) -> dict[str, str]:
    """What is wrong, by path."""
    faults = {"name": find_text_fault(values.name, MAX_NAME)}
    if values.run_by not in Scenario.RunBy.values:
        words = _("It is one of: %(known)s.")
        faults["run_by"] = words % {"known": ", ".join(Scenario.RunBy.values)}
    steps = values.steps
    if not isinstance(steps, list | tuple) or not 1 <= len(steps) <= MAX_STEPS:
        faults["steps"] = _("Give one to %(most)d steps.") % {"most": MAX_STEPS}
        return _drop_empty(faults)
    for number, step in enumerate(steps):
        found = _find_step_faults(step, number, is_last=number == len(steps) - 1)
        faults |= {f"steps.{number}.{name}".rstrip("."): words for name, words in found.items()}
    return _drop_empty(faults)


def _drop_empty(faults: Mapping[str, str]) -> dict[str, str]:
    return {path: words for path, words in faults.items() if words}


def _find_step_faults(step: Any, number: int, *, is_last: bool) -> dict[str, str]:
    if not isinstance(step, Mapping):
        return {"": _("A step is an object with a channel.")}
    faults = {str(name): _("Unknown field.") for name in step if name not in STEP_FIELDS}
    channel = step.get("channel")
    if not isinstance(channel, str) or channel not in set(Channel):
        words = _("A step is one of: %(known)s.")
        return faults | {"channel": words % {"known": ", ".join(Channel)}}
    if channel == Channel.PUSH and number:
        faults["channel"] = _(
            "A push can only be the first step. Move it up, or choose another channel."
        )
    return faults | {
        "sender": find_text_fault(step.get("sender") or "", MAX_SENDER[channel]),
        "wait": "" if is_last else _find_wait_fault(step.get("wait")),
        "price": _find_price_fault(step.get("price")),
    }


def _find_wait_fault(wait: Any) -> str:
    is_whole = isinstance(wait, int) and not isinstance(wait, bool)
    if is_whole and MIN_WAIT <= wait <= MAX_WAIT:
        return ""
    words = _("Let it wait from %(least)d to %(most)d seconds, one minute to two days.")
    return words % {"least": MIN_WAIT, "most": MAX_WAIT}


def _find_price_fault(price: Any) -> str:
    if price in (None, ""):
        return ""
    words = _("A price is a decimal number such as 0.045, not below 0, with up to 9 decimals.")
    if not isinstance(price, str) or len(price) > MAX_PRICE_TEXT or not price.isascii():
        return words
    try:
        value = Decimal(price.strip())
    except InvalidOperation:
        return words
    exponent = value.as_tuple().exponent
    fits = isinstance(exponent, int) and abs(exponent) <= MAX_PLACES and 0 <= value <= MAX_PRICE
    return "" if fits else words
