"""A staff form knows what it was opened with: an older one undoes no change of another."""

from __future__ import annotations

import json
from copy import copy
from typing import Any, ClassVar

from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from campaigns.admin.refused import DrawsAgain
from campaigns.errors import ChangedMeanwhile

SEEN = "_seen"


class SavesWhatWasSeen(DrawsAgain):
    """Refuses what was typed over a row that somebody has changed since, and draws it again."""

    change_form_before_template = "staff/seen.html"
    also_seen: ClassVar[tuple[str, ...]] = ()  # what fields of the form's own are kept in

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        asked: Any = request
        seen = request.POST.get(SEEN)
        row = self.get_object(request, unquote(object_id)) if seen and object_id else None
        if row is not None and seen != self.describe_seen(request, row):
            asked = copy(request)
            asked.refusal = ChangedMeanwhile(
                _(
                    "Somebody else has changed this since you opened it. Nothing is saved: look at "
                    "it in another tab, and load this page again to begin from there."
                )
            )
        return super().changeform_view(asked, object_id, *args, **kwargs)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        row = kwargs.get("obj")
        if request.method == "POST":
            context["seen"] = request.POST.get(SEEN, "")
        elif row is not None:
            context["seen"] = self.describe_seen(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def describe_seen(self, request: HttpRequest, row: Model) -> str:
        """A keyed digest of what the row's form can change: some of it is secret."""
        shown = flatten_fieldsets(self.get_fieldsets(request, row))
        fixed = set(self.get_readonly_fields(request, row))
        values = model_to_dict(row, fields=[name for name in shown if name not in fixed])
        values |= {name: getattr(row, name) for name in self.also_seen}
        text = json.dumps(values, default=_write, sort_keys=True)
        return salted_hmac(SEEN, text).hexdigest()


def _write(value: Any) -> str:
    return str(value.pk) if isinstance(value, Model) else str(value)
