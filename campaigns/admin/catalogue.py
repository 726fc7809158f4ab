"""Apps with their routes, app groups and report folders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from campaigns.admin import door_options
from campaigns.admin.base import (
    Fact,
    ScopedFilter,
    Shown,
    StaffAdmin,
    Verb,
)
from campaigns.admin.language_fields import LanguageField, LanguagesField
from campaigns.admin.routes import RouteInline
from campaigns.models import (
    App,
    AppGroup,
    Group,
    Route,
)
from campaigns.models.apps import DEFAULT_GROUP
from campaigns.models.audience import PLATFORMS
from campaigns.services import device_door
from campaigns.services.access import (
    make_group_key,
    name_actor,
    regenerate_group_secret,
)
from campaigns.services.groups import archive_group, create_group, restore_group, update_group

# What an operator sets first; routes are drawn below them.
FIRST_FIELDS = [
    "workspace", "name", "slug", "platforms", "timezone", "default_language", "fallbacks",
]  # fmt: skip
ROUTES = "#routes-group"


def say_missing_routes(app: App) -> str:
    """Which of its platforms nothing can be sent to, as a sentence; "" where there is none."""
    routed = set(Route.objects.filter(app=app).values_list("platform", flat=True))
    names = dict(PLATFORMS)
    missing = [str(names.get(key, key)) for key in app.platforms if key not in routed]
    if not missing:
        return ""
    given = {"app": app.name, "platforms": ", ".join(missing)}
    if not routed:
        return _("%(app)s cannot send yet: it has no route (%(platforms)s).") % given
    return _("%(app)s has no route for %(platforms)s: nothing is sent there.") % given


class AppForm(forms.ModelForm):
    """Platforms are boxes to tick and languages are chosen by name, both kept as lists."""

    platforms = forms.MultipleChoiceField(
        label=gettext_lazy("Platforms"),
        choices=PLATFORMS,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    default_language = LanguageField(
        label=gettext_lazy("Default language"),
        initial=App._meta.get_field("default_language").default,
    )
    fallbacks = LanguagesField(
        label=gettext_lazy("Languages instead"),
        required=False,
        help_text=gettext_lazy(
            "For who has no translation in their own: the first of these that a message has. By "
            "name or code. The default language comes last by itself; none behind it is reached."
        ),
    )
    web_origins = forms.CharField(
        label=gettext_lazy("Websites"),
        required=False,
        help_text=gettext_lazy(
            "Origins whose pages may call the device door, one a line: https://shop.example"
        ),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    icon_url = forms.URLField(
        label=gettext_lazy("Icon"),
        required=False,
        assume_scheme="https",
        help_text=gettext_lazy(
            "The address of a picture; scripts that ask for the app are told it."
        ),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = App
        fields = [
            "workspace", "name", "slug", "platforms", "timezone", "default_language",
            "fallbacks",
            "send_rate", "guard_size", "cooling_seconds", "needs_approval", "approval_above",
            "icon_url", "web_origins",
        ]  # fmt: skip
        help_texts = {
            "slug": gettext_lazy(
                "What scripts call it in the API, made of its name: small letters, digits and "
                "dashes. Scripts that name it stop finding it once it changes."
            ),
            "needs_approval": gettext_lazy(
                "A second person, with the role Approver, looks at each campaign before it is "
                "launched. Keys with the scope “Send without approval” go without."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["web_origins"] = "\n".join(self.instance.web_origins)
        if self.instance.pk:
            self.fields.update(door_options.draw_options(self.instance))

    def clean_web_origins(self) -> list[str]:
        """A line for each; the slash that an address bar adds is no part of an origin."""
        lines = self.cleaned_data["web_origins"].replace(",", " ").split()
        return list(dict.fromkeys(line.lower().removesuffix("/") for line in lines))


@admin.register(App)
class AppAdmin(StaffAdmin):
    """One application profile: its routes, languages and rules; identifiers for scripts below."""

    form = AppForm
    change_form_template = "staff/app.html"
    prepopulated_fields: ClassVar[dict[str, tuple[str, ...]]] = {"slug": ("name",)}
    list_display = ["name", "slug", "workspace", "timezone"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    inlines = [RouteInline]
    fixed_fields: ClassVar[tuple[str, ...]] = ("workspace",)
    hidden_fields: ClassVar[tuple[str, ...]] = ("user_secret", "device_key")
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(
            name="open_device_door",
            label=gettext_lazy("Open the device door"),
            icon="phonelink_setup",
            question=gettext_lazy(
                "A device key and a user secret are made; the secret is shown once. Go on?"
            ),
        ),
        Verb(
            name="open_device_door",
            label=gettext_lazy("New device key and user secret"),
            icon="key",
            question=gettext_lazy(
                "The present device key and user secret stop working for new devices and users."
                " Go on?"
            ),
            is_dangerous=True,
        ),
        Verb(
            name="close_device_door",
            label=gettext_lazy("Close the device door"),
            icon="phonelink_erase",
            question=gettext_lazy("No more devices can register themselves. Go on?"),
            is_dangerous=True,
        ),
    )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["fields"] = AppForm.Meta.fields  # the rest is no column of the app
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        rules = [name for name in AppForm.Meta.fields if name not in FIRST_FIELDS]
        own = [(None, {"fields": FIRST_FIELDS}), (_("Rules and more"), {"fields": rules})]
        if obj is None:
            return own
        may_change = self.has_change_permission(request, obj)
        return [*own, *door_options.list_fieldsets(obj, may_change=may_change)]

    def list_facts(self, request: HttpRequest, row: App) -> list[Fact]:
        facts = [Fact(_("App id"), str(row.pk), is_code=True)]
        if row.device_key:
            facts.append(Fact(_("Device key"), row.device_key, is_code=True))
        missing = say_missing_routes(row)
        if missing:
            facts.append(Fact(_("Routes"), missing, link=ROUTES))
        return facts

    def response_add(self, request: HttpRequest, obj: App, post_url_continue: Any = None) -> Any:
        self._tell_missing(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_post_save_add(self, request: HttpRequest, obj: App) -> Any:
        """To its own page: routes are added there."""
        return redirect(self.link_to(obj))

    def response_change(self, request: HttpRequest, obj: App) -> Any:
        self._tell_missing(request, obj)
        return super().response_change(request, obj)

    def _tell_missing(self, request: HttpRequest, app: App) -> None:
        missing = say_missing_routes(app)
        if missing:
            address = f"{self.link_to(app)}{ROUTES}"
            link = '{} <a class="staff-link" href="{}">{}</a>'
            messages.warning(request, format_html(link, missing, address, _("Add a route")))

    def list_verbs(self, request: HttpRequest, row: App) -> list[Verb]:
        """What is open is not opened again: it gets another key, or is closed."""
        offered = super().list_verbs(request, row)
        return offered[1:] if row.device_key else offered[:1]

    def open_device_door(self, request: HttpRequest, row: App) -> HttpResponse:
        secret = device_door.open_door(row, actor=name_actor(request.user), now=timezone.now())
        note = _("Copy it now for the app's own server. It cannot be shown again.")
        return self.show_once(
            request, Shown(str(row), _("User secret"), secret, note, self.link_to(row))
        )

    def close_device_door(self, request: HttpRequest, row: App) -> None:
        device_door.close_door(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The device door is closed; devices that are registered stay."))

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Group.objects.get_or_create(app=obj, name=DEFAULT_GROUP)
            return
        actor = name_actor(request.user)
        door_options.save_options(obj, form.cleaned_data, actor=actor, now=timezone.now())


@admin.register(AppGroup)
class AppGroupAdmin(StaffAdmin):
    """Several apps pushed together; the key is always visible, the secret is shown once."""

    list_display = ["name", "slug", "group_key", "workspace"]
    list_filter = [("workspace", ScopedFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fields = ["workspace", "name", "slug", "apps"]
    prepopulated_fields: ClassVar[dict[str, tuple[str, ...]]] = {"slug": ("name",)}
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
    audits_itself = True

    def list_verbs(self, request: HttpRequest, row: Group) -> list[Verb]:
        archive, restore = self.verbs
        offered = [restore if row.archived_at else archive]
        return offered if self.has_change_permission(request, row) else []

    def list_facts(self, request: HttpRequest, row: Group) -> list[Fact]:
        state = Fact(_("State"), _("In use"), chip="good")
        if row.archived_at:
            state = Fact(_("State"), _("Archived"), chip="warn")
        today = timezone.localdate()
        days = {"date_from": today - timedelta(days=29), "date_to": today, "app": row.app_id}
        where = f"{reverse('reports')}?{urlencode(days)}"
        return [state, Fact(_("Report"), _("Open its report"), link=where)]

    def archive(self, request: HttpRequest, row: Group) -> None:
        archive_group(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The group is archived; nothing can be sent in it."))

    def restore(self, request: HttpRequest, row: Group) -> None:
        restore_group(row, actor=name_actor(request.user), now=timezone.now())
        messages.success(request, _("The group can be used again."))

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        given: Any = {"name": obj.name, "send_rate": obj.send_rate}
        who: Any = {"actor": name_actor(request.user), "now": timezone.now()}
        if change:
            update_group(Group.objects.get(pk=obj.pk), **given, **who)
        else:
            obj.pk = create_group(obj.app, **given, **who).pk
