"""Which scenario a campaign goes by, and its steps in words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Scenario
from campaigns.pages.fields import PageForm


class ScenarioForm(PageForm):
    """One of the workspace's scenarios, or none."""

    scenario = forms.ChoiceField(
        label=gettext_lazy("Who does not answer the push"),
        required=False,
        help_text=gettext_lazy(
            "Whoever has not answered a step when it has waited long enough gets the next one."
        ),
    )

    def __init__(self, *args: Any, workspace: int, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Scenario.objects.for_user(principal).filter(workspace=workspace)
        self.scenarios = {row.key: row for row in rows.order_by("name", "pk")}
        chosen = self["scenario"].value()
        fitting = [
            (key, str(row))
            for key, row in self.scenarios.items()
            # One that was changed after it was chosen stays, and the panel tells what is wrong.
            if key == chosen or (row.begins_with_push and row.archived_at is None)
        ]
        self.offer_choices("scenario", [("", _("Gets nothing more")), *fitting])

    @property
    def is_offered(self) -> bool:
        """Whether there is something to choose."""
        return len(self.fields["scenario"].choices) > 1  # type: ignore[attr-defined]

    @cached_property
    def chosen(self) -> Scenario | None:
        """The scenario that is filled in, if it is one."""
        return self.scenarios.get(self["scenario"].value() or "")

    @property
    def channels(self) -> set[str]:
        """The ways that its steps go."""
        return {step["channel"] for step in self.chosen.steps} if self.chosen else set()

    def clean(self) -> dict[str, Any]:
        """Nobody sends by other steps, at other prices, than those that they were shown."""
        values = super().clean() or self.cleaned_data
        shown = self.data.get("scenario_shown")
        is_sent = self.data.get("action") == "send"
        if is_sent and shown and self.chosen and shown != self.chosen.version:
            words = _("%(name)s has just been changed. Look at its steps again, then send.")
            self.add_error("scenario", words % {"name": self.chosen})
        return values

    def write_values(self) -> dict[str, Any]:
        """The native API's name. Only for a valid form."""
        return {"scenario": self.cleaned_data["scenario"] or None}
