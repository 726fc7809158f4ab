"""Routes on an app's page: a form per route, its identifiers drawn from the account's dialect."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.admin.base import RowsOfParent
from campaigns.models import Account, App, Route
from campaigns.services.access import has_role
from campaigns.services.permissions import Role
from providers import registry
from providers.forms import build_field


def name_option(dialect_key: str, name: str) -> str:
    """The form field of one dialect's identifier."""
    return f"option__{dialect_key}__{name}"


def list_options() -> dict[str, forms.Field]:
    """A form field per identifier of every dialect; the page shows those of the chosen account."""
    fields: dict[str, forms.Field] = {}
    for dialect in registry.all_dialects():
        for spec in dialect.route_options:
            field = build_field(spec)
            field.required = False  # asked for in `clean`, once the account is known
            field.label = f"{dialect.label}: {field.label}"
            fields[name_option(dialect.key, spec.name)] = field
    return fields


class AccountSelect(UnfoldAdminSelectWidget):
    """Tells the page which dialect each account speaks."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        account = getattr(value, "instance", None)
        if account:
            option["attrs"]["data-dialect"] = account.dialect
        return option


class RouteForm(forms.ModelForm):
    """One route; the identifiers that the vendor needs are asked for by name."""

    class Meta:
        model = Route
        fields = ["platform", "account", "position"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(list_options())
        if self.instance.pk:
            dialect = self.instance.account.dialect
            for name, value in self.instance.options.items():
                self.initial[name_option(dialect, name)] = value

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        account = cleaned.get("account")
        if account:
            self.instance.options = self.read_options(account)
            if account.workspace_id != self.find_workspace_id():
                self.add_error("account", _("Choose an account of the app's own workspace."))
        return cleaned

    def read_options(self, account: Account) -> dict[str, Any]:
        """The identifiers for this account's vendor; an error at each that is missing."""
        options = {}
        for spec in registry.get(account.dialect).route_options:
            field = name_option(account.dialect, spec.name)
            value = self.cleaned_data.get(field)
            if value is not None:
                options[spec.name] = value
            elif spec.required and field not in self.errors:
                self.add_error(field, _("The vendor needs this."))
        return options

    def find_workspace_id(self) -> int:
        app: App = self.instance.app
        return int(app.workspace_id)


class RouteInline(RowsOfParent, StackedInline):
    """Which account serves which platform, in which order."""

    model = Route
    form = RouteForm
    extra = 0

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["platform", "account", "position", *list_options()]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        kwargs["fields"] = ["platform", "account", "position"]
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "account":
            kwargs["queryset"] = Account.objects.for_user(request.user).order_by("name")
            kwargs["widget"] = AccountSelect()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and db_field.name == "account":
            formfield.widget = formfield.widget.widget  # no links to add or change one from here
        return formfield

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and has_role(request.user, obj, Role.VIEWER)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and has_role(request.user, obj, Role.ADMIN)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)
