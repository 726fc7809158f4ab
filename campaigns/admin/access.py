"""Workspaces, users, memberships, keys and the audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group as DjangoGroup
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from campaigns.admin.base import Fact, ReadOnlyAdmin, ScopedFilter, Shown, StaffAdmin, Verb
from campaigns.admin.paginator import BoundedPaginator
from campaigns.models import ApiKey, AuditEntry, Membership, Workspace
from campaigns.services.access import (
    NO_SCOPE,
    SCOPES_ADVICE,
    find_workspaces,
    issue_key,
    name_actor,
    revoke_key,
)
from campaigns.services.permissions import Role
from campaigns.templatetags.audit import audit_fields_whole, audit_target, audit_verb
from providers import registry

admin.site.unregister(User)
admin.site.unregister(DjangoGroup)


@admin.register(Workspace)
class WorkspaceAdmin(StaffAdmin):
    """The tenant."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fields = ["name", "slug"]


@admin.register(User)
class StaffUserAdmin(StaffAdmin, DjangoUserAdmin):  # type: ignore[misc]  # untyped mix
    """Who signs in. What they may do stands in their memberships, not here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    filter_horizontal = ()
    hidden_fields: ClassVar[tuple[str, ...]] = ("password",)
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (gettext_lazy("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "password1", "password2")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        users = User.objects.order_by("username")
        if request.user.is_superuser:
            return users
        reached = find_workspaces(request.user, Role.ADMIN)
        members = Membership.objects.filter(workspace__in=reached)
        return users.filter(pk__in=members.values("user_id"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True  # else there is no door to sign in by
        super().save_model(request, obj, form, change)


@admin.register(Membership)
class MembershipAdmin(StaffAdmin):
    """What one user may do in a workspace."""

    list_display = ["user", "workspace", "app", "role"]
    list_filter = [("workspace", ScopedFilter), ("role", ChoicesDropdownFilter)]
    list_select_related = ["user", "workspace", "app"]
    search_fields = ["user__username"]
    autocomplete_fields = ["user", "app"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("user", "workspace")

    def list_choices(self, model: Any, request: HttpRequest) -> Any:
        if model is User:
            return admin.site.get_model_admin(User).get_queryset(request)
        return super().list_choices(model, request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs.setdefault("form", MembershipForm)
        return super().get_form(request, obj, change, **kwargs)


class MembershipForm(forms.ModelForm):
    """An app, if one is named, is of the same workspace."""

    class Meta:
        model = Membership
        fields = ["user", "workspace", "app", "role"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        workspace = cleaned.get("workspace") or (self.instance.pk and self.instance.workspace)
        app = cleaned.get("app")
        if app and workspace and app.workspace != workspace:
            self.add_error("app", _("Choose an app of this workspace."))
        return cleaned


class ApiKeyForm(forms.ModelForm):
    """What a new key is good for."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=ApiKey.Scope,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=SCOPES_ADVICE,
        error_messages={"required": NO_SCOPE},
    )
    dialect = forms.ChoiceField(
        label=gettext_lazy("Dialect"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Empty: the native API and every dialect."),
    )

    class Meta:
        model = ApiKey
        fields = ["workspace", "name", "apps", "dialect", "scopes", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        spoken = [
            (dialect.key, dialect.label)
            for dialect in registry.all_dialects()
            if dialect.has_door or dialect.key == self.instance.dialect
        ]
        if "dialect" in self.fields:
            self.fields["dialect"].choices = [("", "—"), *spoken]  # type: ignore[attr-defined]  # choices

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        workspace, expires_at = cleaned.get("workspace"), cleaned.get("expires_at")
        if any(app.workspace != workspace for app in cleaned.get("apps") or ()):
            self.add_error("apps", _("A key reaches only apps of its own workspace."))
        if expires_at and expires_at <= timezone.now():
            self.add_error("expires_at", _("Choose a time that is still to come."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """A script's key: made and revoked, never changed; its text is shown once."""

    list_display = ["name", "public_id", "workspace", "expires_at", "last_used_at", "revoked_at"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "public_id"]
    fields = ["workspace", "name", "apps", "dialect", "scopes", "expires_at"]
    autocomplete_fields = ["apps"]
    hidden_fields: ClassVar[tuple[str, ...]] = ("secret_hash",)
    audits_itself = True
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(
            name="revoke",
            label=gettext_lazy("Revoke"),
            icon="block",
            question=gettext_lazy("Scripts that use this key stop working at once. Go on?"),
            is_dangerous=True,
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(self.get_fields(request, obj)) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # A form of boxes; of a key that is there, what they say.
        named = "scope_words" if obj else "scopes"
        return [named if name == "scopes" else name for name in self.fields]

    @admin.display(description=gettext_lazy("Scopes"))
    def scope_words(self, row: ApiKey) -> str:
        return row.scope_words()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs.setdefault("form", ApiKeyForm)
        return super().get_form(request, obj, change, **kwargs)

    def list_facts(self, request: HttpRequest, row: ApiKey) -> list[Fact]:
        is_usable = row.is_usable(timezone.now())
        state = _("Usable") if is_usable else _("Revoked") if row.revoked_at else _("Expired")
        return [
            Fact(_("State"), state, chip="good" if is_usable else "bad"),
            Fact(_("Public id"), row.public_id, is_code=True),
            Fact(_("Last used"), str(row.last_used_at or _("never"))),
            Fact(_("Made by"), row.created_by),
        ]

    def list_verbs(self, request: HttpRequest, row: ApiKey) -> list[Verb]:
        return [] if row.revoked_at else super().list_verbs(request, row)

    def revoke(self, request: HttpRequest, row: ApiKey) -> None:
        revoke_key(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The key is revoked."))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            return
        asked = form.cleaned_data
        key, obj.shown_text = issue_key(  # type: ignore[attr-defined]  # until response_add
            asked["workspace"],
            name=asked["name"],
            apps=list(asked["apps"]),
            dialect=asked["dialect"],
            scopes=asked["scopes"],
            expires_at=asked["expires_at"],
            actor=name_actor(request.user),
            now=timezone.now(),
        )
        obj.pk, obj.public_id = key.pk, key.public_id

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has set the apps."""

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None
    ) -> HttpResponse:
        note = _("Copy it now. Only a hash is kept, so it cannot be shown again.")
        text: str = obj.shown_text  # type: ignore[attr-defined]  # of save_model
        shown = Shown(obj.name, _("API key"), text, note, self.link_to(obj))
        return self.show_once(request, shown)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what, and when."""

    list_display = ["at", "actor", "show_verb", "show_target", "workspace"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    ordering = ["-at", "-pk"]
    paginator = BoundedPaginator
    fields = ["at", "actor", "show_verb", "show_target", "show_fields", "workspace"]

    @admin.display(description=gettext_lazy("what"))
    def show_verb(self, row: AuditEntry) -> str:
        return audit_verb(row)

    @admin.display(description=gettext_lazy("row"))
    def show_target(self, row: AuditEntry) -> str:
        return audit_target(row)

    @admin.display(description=gettext_lazy("fields"))
    def show_fields(self, row: AuditEntry) -> str:
        return audit_fields_whole(row)
