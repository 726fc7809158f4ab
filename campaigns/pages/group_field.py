"""The folder of a report, in a form: a list, or where there are too many a name to be typed."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import App, Group
from campaigns.models.apps import DEFAULT_GROUP
from campaigns.pages.fields import PageForm

LISTED = 100


class GroupForm(PageForm):
    """Adds `group`: one of the app's open groups."""

    group = forms.ChoiceField(
        label=gettext_lazy("Group"),
        required=False,
        help_text=gettext_lazy("The folder of its report."),
    )
    suggested_groups: tuple[str, ...] = ()  # of more than are listed

    def offer_groups(self, app: App) -> None:
        """All of them, or the one that is typed and what may be meant by it."""
        rows = Group.objects.filter(app=app, archived_at__isnull=True).order_by("name")
        names = list(rows.values_list("name", flat=True)[: LISTED + 1])
        if len(names) > LISTED:
            names = self._suggest(rows, names[0])
        names.sort(key=lambda name: (name != DEFAULT_GROUP, name))
        self.offer_choices("group", [(name, name) for name in names])

    def _suggest(self, rows: QuerySet[Group], first: str) -> list[str]:
        """The groups of a typed name: it alone, or none."""
        has_default = rows.filter(name=DEFAULT_GROUP).exists()
        self.initial.setdefault("group", DEFAULT_GROUP if has_default else first)
        self._draw_as_text(rows.count())
        typed = str(self["group"].value() or "").replace("\0", "")
        fitting = rows.filter(name__icontains=typed).values_list("name", flat=True)
        self.suggested_groups = tuple(fitting[:LISTED])
        return list(rows.filter(name=typed).values_list("name", flat=True))

    def _draw_as_text(self, count: int) -> None:
        field = self.fields["group"]
        field.widget = forms.TextInput(attrs={"list": "pa-groups", "autocomplete": "off"})
        words = _("The folder of its report: type its name, %(count)s are known.")
        field.help_text = words % {"count": f"{count:,}"}
        field.error_messages = {
            **field.error_messages, "invalid_choice": _("There is no open group “%(value)s”."),
        }  # fmt: skip
