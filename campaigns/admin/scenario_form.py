"""The form of a scenario: its name and one to five steps, added, moved and removed by buttons.

A button posts the form; what was typed comes back with the steps changed and nothing saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanSwitchWidget

from campaigns.models import App, Scenario, Workspace
from campaigns.models.audience import CHANNELS
from campaigns.services.scenarios import (
    DEFAULT_WAIT,
    MAX_PRICE_TEXT,
    MAX_SENDER,
    MAX_STEPS,
    ScenarioValues,
    find_scenario_faults,
    write_version,
)
from providers.scenarios import Channel

PUSH = Channel.PUSH.value
STEP_CHANNELS = [(PUSH, gettext_lazy("Push")), *CHANNELS]
UNITS = (
    (3600, gettext_lazy("hours")),
    (60, gettext_lazy("minutes")),
    (1, gettext_lazy("seconds")),
)
NEW_STEPS = (
    {"channel": PUSH, "wait": DEFAULT_WAIT},
    {"channel": Channel.SMS.value, "wait": DEFAULT_WAIT},
)
CHANGE = "_step"  # the button that changes steps: add, or up-, down- or remove- and a number
MOVES = {"up": -1, "down": 1}
PREFIX = "steps"
MAX_DIGITS = 6


class StepForm(forms.Form):
    """One step. What is wrong with it is told by the service, so nothing is required here."""

    use_required_attribute = False

    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=STEP_CHANNELS)
    app = forms.ChoiceField(
        label=gettext_lazy("App"),
        required=False,
        help_text=gettext_lazy(
            "For what scripts send by this scenario. A campaign always pushes through its own app."
        ),
    )
    sender = forms.CharField(
        label=gettext_lazy("Sender"),
        required=False,
        max_length=max(MAX_SENDER.values()),
        help_text=gettext_lazy(
            "The number, name or address that it comes from. Empty: the account's own."
        ),
    )
    wait = forms.CharField(
        label=gettext_lazy("Wait for a receipt"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 1}),
        help_text=gettext_lazy("Who has not answered by then gets the next step."),
    )
    unit = forms.TypedChoiceField(
        label=gettext_lazy("Unit"), choices=UNITS, coerce=int, required=False
    )
    price = forms.CharField(
        label=gettext_lazy("Price per message"),
        required=False,
        max_length=MAX_PRICE_TEXT,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("Such as 0.045, in your own currency. Empty: nobody has said."),
    )

    def __init__(
        self, *args: Any, apps: Sequence[App] = (), kept: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        known = {str(app.pk): str(app) for app in apps}
        # What a script named in its own way stays as it is.
        others = {name: name for name in kept if name and name not in known}
        choices = {"": _("The app that sends"), **known, **others}
        cast(forms.ChoiceField, self.fields["app"]).choices = list(choices.items())

    def read(self) -> dict[str, Any]:
        """The step as Scenario.steps has it, still to be checked."""
        typed = self.cleaned_data
        channel = typed.get("channel", "")
        sender = typed.get("app" if channel == PUSH else "sender") or ""
        return {
            "channel": channel,
            "sender": sender,
            "wait": _read_wait(typed.get("wait", ""), typed.get("unit")),
            "price": typed.get("price", ""),
        }

    def place_fault(self, name: str, sentence: str) -> None:
        """Show what the service says of a step at the field where it was typed."""
        is_push = self.cleaned_data.get("channel") == PUSH
        field = "app" if name == "sender" and is_push else name
        if field not in self.errors:
            self.add_error(field, sentence)


def _read_wait(text: str, unit: Any) -> int | None:
    is_whole = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) * unit if is_whole and unit else None


def write_step(step: Any) -> dict[str, Any]:
    """A step's values by the fields of its form; waits in the largest unit that is whole."""
    seconds = step.get("wait") or DEFAULT_WAIT
    unit = next(size for size, _name in UNITS if seconds % size == 0)
    sender = step.get("sender", "")
    return {
        "channel": step["channel"],
        "app" if step["channel"] == PUSH else "sender": sender,
        "wait": str(seconds // unit),
        "unit": str(unit),
        "price": step.get("price", ""),
    }


StepFormSet = forms.formset_factory(StepForm, extra=0, max_num=MAX_STEPS, absolute_max=MAX_STEPS)


class ScenarioForm(forms.ModelForm):
    """A scenario and its steps; `apps` are those that the page's user may name."""

    apps: QuerySet[App]

    is_default = forms.BooleanField(
        label=gettext_lazy("The workspace's default"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy(
            "What scripts send by when they name no scenario. It takes the present one's place."
        ),
    )

    class Meta:
        model = Scenario
        fields = ["workspace", "name", "run_by"]
        help_texts = {
            "run_by": gettext_lazy(
                "Who goes from one step to the next. The vendor can where one account carries all."
            )
        }

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        self.focus = ""  # where the cursor goes when the steps were changed
        self.is_redrawn = data is not None and CHANGE in data
        if data is not None:
            data = count_steps(data)
            self.focus = change_steps(data) if self.is_redrawn else ""
        super().__init__(data, *args, **kwargs)
        self.version = write_version(self.instance)
        self.initial["is_default"] = self.instance.is_default
        self.steps = self._draw_steps(data)
        if self.is_redrawn:
            self._forget_errors()

    def _draw_steps(self, data: QueryDict | None) -> Any:
        scenario, apps = self.instance, self.apps
        if scenario.pk:
            apps = apps.filter(workspace=scenario.workspace_id)
        kept = scenario.steps if scenario.pk else NEW_STEPS
        named = [step.get("sender", "") for step in kept if step["channel"] == PUSH]
        return StepFormSet(
            data,
            prefix=PREFIX,
            initial=[write_step(step) for step in kept],
            form_kwargs={"apps": list(apps), "kept": named},
        )

    @property
    def may_add(self) -> bool:
        """Whether there is room for one more step."""
        return len(self.steps.forms) < MAX_STEPS

    def _forget_errors(self) -> None:
        """Draw what was typed without checking it."""
        self._errors = ErrorDict()
        self.cleaned_data = {}
        for number, step in enumerate(self.steps):
            step._errors = ErrorDict()
            if self.focus == f"step-{number}":
                step.fields["channel"].widget.attrs["autofocus"] = True

    def is_valid(self) -> bool:
        return not self.is_redrawn and super().is_valid()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and self.data.get("version") != self.version:
            raise forms.ValidationError(_("Somebody else has just changed this. Reload the page."))
        self.steps.is_valid()
        self._place_faults(find_scenario_faults(self.read_values()))
        self._refuse_foreign_apps(cleaned.get("workspace"))
        if any(step.errors for step in self.steps):
            self.add_error(None, _("Look at the steps: what is wrong stands below its field."))
        return cleaned

    def read_values(self) -> ScenarioValues:
        """What was filled in."""
        return ScenarioValues(
            name=self.cleaned_data.get("name", ""),
            steps=[step.read() for step in self.steps],
            is_default=self.cleaned_data.get("is_default", False),
            run_by=self.cleaned_data.get("run_by", Scenario.RunBy.US.value),
        )

    def _place_faults(self, faults: Mapping[str, str]) -> None:
        for path, sentence in faults.items():
            name, _dot, place = path.partition(".")
            number, _dot, field = place.partition(".")
            if number:
                self.steps.forms[int(number)].place_fault(field, sentence)
            elif name not in self.errors:
                self.add_error(name if name in self.fields else None, sentence)

    def _refuse_foreign_apps(self, workspace: Workspace | None) -> None:
        """While a scenario is made, apps of every workspace stand there to be chosen."""
        if workspace is None:
            return
        own = {str(pk) for pk in self.apps.filter(workspace=workspace).values_list("pk", flat=True)}
        for step in self.steps:
            chosen = step.cleaned_data.get("app")
            if step.cleaned_data.get("channel") == PUSH and chosen and chosen not in own:
                step.add_error("app", _("Choose an app of the scenario's own workspace."))


def count_steps(post: QueryDict) -> QueryDict:
    """The post with the counts that a formset needs, whatever the page sent."""
    data = post.copy()
    total = data.get(f"{PREFIX}-TOTAL_FORMS", "")
    is_whole = total.isascii() and total.isdigit() and len(total) <= MAX_DIGITS
    count = min(int(total), MAX_STEPS) if is_whole else 0
    _set_count(data, count)
    return data


def _set_count(data: QueryDict, count: int) -> None:
    # As many initial ones as there are, so that none may be left empty.
    data[f"{PREFIX}-TOTAL_FORMS"] = data[f"{PREFIX}-INITIAL_FORMS"] = str(count)


def change_steps(data: QueryDict) -> str:
    """Add, move or remove a step of a post, as its button says; gives where the cursor goes."""
    verb, _dash, place = str(data[CHANGE]).partition("-")
    steps = _read_rows(data)
    focus = ""
    if verb == "add" and len(steps) < MAX_STEPS:
        focus = f"step-{len(steps)}"
        steps.append(write_step(NEW_STEPS[-1]))
    elif place in map(str, range(len(steps))):
        focus = _change_step(steps, verb, int(place))
    for number, step in enumerate(steps):
        for name in StepForm.base_fields:
            data[f"{PREFIX}-{number}-{name}"] = step.get(name, "")
    _set_count(data, len(steps))
    return focus


def _change_step(steps: list[dict[str, str]], verb: str, number: int) -> str:
    last = len(steps) - 1
    if verb == "remove" and last:
        del steps[number]
        return f"step-{min(number, last - 1)}"
    other = number + MOVES.get(verb, 0)
    if other == number or not 0 <= other <= last:
        return ""
    steps.insert(other, steps.pop(number))
    # At an end only the other button is left to press.
    verb = "down" if other == 0 else "up" if other == last else verb
    return f"step-{other}-{verb}"


def _read_rows(data: QueryDict) -> list[dict[str, str]]:
    return [
        {name: data.get(f"{PREFIX}-{number}-{name}", "") for name in StepForm.base_fields}
        for number in range(int(str(data[f"{PREFIX}-TOTAL_FORMS"])))
    ]
