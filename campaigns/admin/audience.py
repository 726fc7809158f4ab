"""Apps, app groups, report folders, labels, segments, people and devices."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from campaigns.admin.base import (
    BoundedPaginator,
    Fact,
    ReadOnlyAdmin,
    ScopedFilter,
    Shown,
    StaffAdmin,
    Verb,
)
from campaigns.errors import Refused
from campaigns.models import (
    Account,
    App,
    AppGroup,
    Device,
    DeviceIdentifier,
    Group,
    Label,
    Person,
    Route,
    Segment,
)
from campaigns.models.audience import DEFAULT_GROUP, PLATFORMS
from campaigns.selectors.audience import Audience, AudienceKind, count_devices, sample_devices
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.lookup import find_device_ids, find_person_ids
from campaigns.services.access import (
    has_role,
    make_group_key,
    name_actor,
    regenerate_group_secret,
)
from campaigns.services.groups import archive_group, restore_group
from campaigns.services.permissions import Role
from providers import registry


class RouteForm(forms.ModelForm):
    """One route; its identifiers are checked against what the account's vendor declares."""

    class Meta:
        model = Route
        fields = ["platform", "account", "position", "options"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        account, options = cleaned.get("account"), cleaned.get("options")
        if account and isinstance(options, dict):
            for spec in registry.get(account.dialect).route_options:
                value = options.get(spec.name)
                fault = spec.find_fault(value) if value is not None else None
                if value is None and spec.required:
                    fault = _("is missing")
                if fault:
                    words = {"name": spec.name, "label": _(spec.label), "fault": fault}
                    self.add_error("options", _('"%(name)s" (%(label)s): %(fault)s.') % words)
        if account and self.instance.app_id and account.workspace_id != self.find_workspace_id():
            self.add_error("account", _("Choose an account of the app's own workspace."))
        return cleaned

    def find_workspace_id(self) -> int:
        return int(App.objects.values_list("workspace_id", flat=True).get(pk=self.instance.app_id))


class RouteInline(TabularInline):
    """Which account serves which platform, in which order."""

    model = Route
    form = RouteForm
    extra = 0

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Account.objects.for_user(request.user).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and has_role(request.user, obj, Role.VIEWER)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and has_role(request.user, obj, Role.ADMIN)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)


class AppForm(forms.ModelForm):
    """Platforms are boxes to tick, kept as a list."""

    platforms = forms.MultipleChoiceField(
        label=gettext_lazy("Platforms"),
        choices=PLATFORMS,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    icon_url = forms.URLField(
        label=gettext_lazy("Icon"),
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = App
        fields = [
            "workspace", "name", "slug", "platforms", "timezone", "default_language",
            "needs_approval", "icon_url",
        ]  # fmt: skip


@admin.register(App)
class AppAdmin(StaffAdmin):
    """One application profile: its identifiers for scripts, zone and routes."""

    form = AppForm
    list_display = ["name", "slug", "workspace", "timezone"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    inlines = [RouteInline]
    fixed_fields: ClassVar[tuple[str, ...]] = ("workspace",)

    def list_facts(self, request: HttpRequest, row: App) -> list[Fact]:
        facts = [Fact(_("App id"), str(row.pk), is_code=True)]
        for dialect in registry.all_dialects():
            if dialect.routes:
                shown = ", ".join(
                    f"{name} = {value}" for name, value in dialect.door_identifiers(row.pk).items()
                )
                where = f"/compat/{dialect.key}/ {shown}".strip()
                facts.append(Fact(dialect.label, where, is_code=True))
        return facts

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Group.objects.get_or_create(app=obj, name=DEFAULT_GROUP)


@admin.register(AppGroup)
class AppGroupAdmin(StaffAdmin):
    """Several apps pushed together; the key is always visible, the secret is shown once."""

    list_display = ["name", "slug", "group_key", "workspace"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fields = ["workspace", "name", "slug", "apps"]
    autocomplete_fields = ["apps"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("workspace",)
    hidden_fields: ClassVar[tuple[str, ...]] = ("secret_hash",)
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(
            name="regenerate_secret",
            label=gettext_lazy("New master secret"),
            icon="key",
            question=gettext_lazy("Scripts that use the present secret stop working. Go on?"),
            is_dangerous=True,
        ),
    )

    def list_facts(self, request: HttpRequest, row: AppGroup) -> list[Fact]:
        secret = _("set; shown only when it is made") if row.secret_hash else _("not made yet")
        return [
            Fact(_("Group key"), row.group_key, is_code=True),
            Fact(_("Master secret"), secret),
        ]

    def save_model(self, request: HttpRequest, obj: AppGroup, form: Any, change: bool) -> None:
        if not change:
            obj.group_key = make_group_key()
        super().save_model(request, obj, form, change)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs.setdefault("form", AppGroupForm)
        return super().get_form(request, obj, change, **kwargs)

    def regenerate_secret(self, request: HttpRequest, row: AppGroup) -> HttpResponse:
        secret = regenerate_group_secret(row, actor=name_actor(request.user), now=timezone.now())
        note = _("Copy it now. It is not kept and cannot be shown again.")
        shown = Shown(str(row), _("Group master secret"), secret, note, self.link_to(row))
        return self.show_once(request, shown)


class AppGroupForm(forms.ModelForm):
    """Members are apps of the group's own workspace."""

    class Meta:
        model = AppGroup
        fields = ["workspace", "name", "slug", "apps"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        workspace = cleaned.get("workspace") or (self.instance.pk and self.instance.workspace)
        if any(app.workspace != workspace for app in cleaned.get("apps") or ()):
            self.add_error("apps", _("Choose apps of the group's own workspace."))
        return cleaned


@admin.register(Group)
class GroupAdmin(StaffAdmin):
    """A named report folder of one app."""

    list_display = ["name", "app", "send_rate", "archived_at"]
    list_filter = [("app", ScopedFilter)]
    list_select_related = ["app"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["app", "name", "send_rate"]
    autocomplete_fields = ["app"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("app",)
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(name="archive", label=gettext_lazy("Archive"), icon="archive"),
        Verb(name="restore", label=gettext_lazy("Restore"), icon="unarchive"),
    )

    def list_verbs(self, request: HttpRequest, row: Group) -> list[Verb]:
        archive, restore = self.verbs
        offered = [restore if row.archived_at else archive]
        return offered if self.has_change_permission(request, row) else []

    def list_facts(self, request: HttpRequest, row: Group) -> list[Fact]:
        if row.archived_at is None:
            return [Fact(_("State"), _("In use"), chip="good")]
        return [Fact(_("State"), _("Archived"), chip="warn")]

    def archive(self, request: HttpRequest, row: Group) -> None:
        archive_group(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The group is archived; nothing can be sent in it."))

    def restore(self, request: HttpRequest, row: Group) -> None:
        restore_group(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The group can be used again."))


@admin.register(Label)
class LabelAdmin(StaffAdmin):
    """A named, hand-kept set of persons of an app."""

    list_display = ["name", "app", "description", "member_count"]
    list_filter = [("app", ScopedFilter)]
    list_select_related = ["app"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["app", "name", "description"]
    autocomplete_fields = ["app"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("app",)

    def list_facts(self, request: HttpRequest, row: Label) -> list[Fact]:
        return [Fact(_("Members"), str(row.member_count))]


class SegmentForm(forms.ModelForm):
    """The expression is checked as it would be when it is used."""

    class Meta:
        model = Segment
        fields = ["app", "name", "description", "expression"]

    def clean_expression(self) -> Any:
        body = self.cleaned_data["expression"]
        try:
            check_expression(body)
        except Refused as refusal:
            sentences = [f"{path}: {words}" for path, words in refusal.fields.items()]
            raise forms.ValidationError(sentences or [refusal.message]) from refusal
        return body


@admin.register(Segment)
class SegmentAdmin(StaffAdmin):
    """A saved, dynamic expression, with how many it means now and ten of them."""

    form = SegmentForm
    list_display = ["name", "app", "description", "updated_at"]
    list_filter = [("app", ScopedFilter)]
    list_select_related = ["app"]
    search_fields = ["name"]
    ordering = ["name"]
    autocomplete_fields = ["app"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("app",)

    def list_facts(self, request: HttpRequest, row: Segment) -> list[Fact]:
        audience = Audience(AudienceKind.SEGMENT, segment=row.pk)
        count = count_devices(row.app, audience)
        split = ", ".join(f"{name} {number}" for name, number in count["platforms"].items())
        sample = [str(device) for device in sample_devices(row.app, audience)]
        return [
            Fact(_("Devices now"), str(count["total"])),
            Fact(_("By platform"), split or "—"),
            Fact(_("For example"), ", ".join(sample) or "—"),
        ]


@admin.register(Person)
class PersonAdmin(StaffAdmin):
    """Who: found by any id, e-mail, phone, or an id of a device."""

    list_display = ["__str__", "language", "country", "opted_out_at", "updated_at"]
    paginator = BoundedPaginator
    sortable_by: ClassVar[tuple[str, ...]] = ()
    search_fields = ["pk"]
    search_help_text = gettext_lazy("A whole external id, e-mail, phone, token or device id")
    readonly_fields = ["workspace", "external_user_id", "created_at", "updated_at"]
    fields = [
        "workspace", "external_user_id", "email", "phone", "language", "country", "timezone",
        "attributes", "opted_out_at", "created_at", "updated_at",
    ]  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if term:
            queryset = queryset.filter(pk__in=find_person_ids(term, request.user))
        return queryset, False


class IdentifierInline(TabularInline):
    """The ids that vendors know the device by."""

    model = DeviceIdentifier
    fields = ["kind", "value"]
    readonly_fields = ["kind", "value"]
    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and has_role(request.user, obj.app, Role.VIEWER)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """One installation of an app, with its token's state and the evidence for it."""

    list_display = ["__str__", "app", "language", "country", "app_version", "token_state"]
    list_filter = [
        ("app", ScopedFilter),
        ("platform", ChoicesDropdownFilter),
        ("token_state", ChoicesDropdownFilter),
    ]
    list_select_related = ["app"]
    paginator = BoundedPaginator
    sortable_by: ClassVar[tuple[str, ...]] = ()
    search_fields = ["pk"]
    search_help_text = gettext_lazy("A whole token, device id, external user id, e-mail or phone")
    inlines = [IdentifierInline]
    fields = [
        "app", "person", "platform", "transport", "token", "token_state", "token_evidence",
        "token_state_at", "language", "country", "timezone", "app_version", "sdk_version",
        "os_version", "manufacturer", "model", "is_secure", "notifications_enabled",
        "is_primary", "attributes", "last_seen_at", "created_at", "updated_at",
    ]  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if term:
            queryset = queryset.filter(pk__in=find_device_ids(term, request.user))
        return queryset, False

    def list_facts(self, request: HttpRequest, row: Device) -> list[Fact]:
        chip = "good" if row.token_state == Device.TokenState.ACTIVE else "warn"
        facts = [Fact(_("Token"), row.get_token_state_display(), chip=chip)]
        if row.token_evidence:
            facts.append(Fact(_("Evidence"), row.token_evidence))
        return facts
