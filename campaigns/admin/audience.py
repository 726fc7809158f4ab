"""Labels, segments, people and devices: who can be reached."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from campaigns.admin.base import Fact, ReadOnlyAdmin, RowsOfParent, ScopedFilter, StaffAdmin
from campaigns.admin.newest import NewestOfApps
from campaigns.admin.paginator import BoundedPaginator
from campaigns.errors import Invalid, Refused
from campaigns.models import (
    App,
    Device,
    DeviceIdentifier,
    DeviceMark,
    DeviceSession,
    Label,
    Person,
    Segment,
)
from campaigns.selectors.audience import Audience, AudienceKind
from campaigns.selectors.audience_fields import field_catalogue
from campaigns.selectors.contacts import find_contact_fault, write_contact
from campaigns.selectors.expressions import check_expression
from campaigns.selectors.headcount import take_headcount
from campaigns.selectors.lookup import find_device_ids, find_person_ids
from campaigns.selectors.profile import mask_token
from campaigns.selectors.row_ids import read_id
from campaigns.services import audience
from campaigns.services.access import has_role, name_actor
from campaigns.services.permissions import Role

MOST_SHOWN = 20
MOST_LETTERS = 30_000  # of an expression that the page shows


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
    audits_itself = True
    own_verbs: ClassVar[tuple[str, ...]] = ("add_members", "remove_members")

    def list_facts(self, request: HttpRequest, row: Label) -> list[Fact]:
        return [Fact(_("Members"), str(row.member_count))]

    def draw_panel(self, request: HttpRequest, row: Label) -> dict[str, Any]:
        panel = super().draw_panel(request, row)
        if not self.has_change_permission(request, row):
            return panel
        term = request.GET.get("who", "").replace("\0", "").strip()
        seen = Person.objects.for_user(request.user).filter(workspace_id=row.app.workspace_id)
        members = seen.filter(label_members__label=row)
        found = seen.filter(pk__in=find_person_ids(term, request.user)) if term else seen.none()
        carriers = set(members.filter(pk__in=found).values_list("pk", flat=True))
        return {
            **panel,
            "template": "staff/members.html",
            "who": term,
            "typed": request.POST.get("ids", ""),  # if it was refused
            "found": [(person, person.pk in carriers) for person in found[:MOST_SHOWN]],
            "members": members.order_by("-label_members__added_at")[:MOST_SHOWN],
        }

    def add_members(self, request: HttpRequest, row: Label) -> None:
        self.change_members(request, row, audience.add_members, _("%(count)s added."))

    def remove_members(self, request: HttpRequest, row: Label) -> None:
        self.change_members(request, row, audience.remove_members, _("%(count)s removed."))

    def change_members(self, request: HttpRequest, row: Label, change: Any, sentence: str) -> None:
        """Add or remove one person that was found, or those whose ids were pasted."""
        chosen = request.POST.get("person", "")
        who: Any = Person.objects.filter(pk=read_id(chosen))
        if "person" not in request.POST:
            who = request.POST.get("ids", "").replace(",", "\n").split()
        done = change(
            row,
            who,
            principal=request.user,
            actor=name_actor(request.user),
            now=timezone.now(),
        )
        messages.success(request, sentence % {"count": done.changed})
        if done.unknown:
            names = ", ".join(done.unknown[:MOST_SHOWN])
            words = {"count": len(done.unknown), "names": names}
            messages.warning(request, _("%(count)s nobody knows here: %(names)s") % words)

    def save_model(self, request: HttpRequest, obj: Label, form: Any, change: bool) -> None:
        given: Any = {"name": obj.name, "description": obj.description}
        who: Any = {"actor": name_actor(request.user), "now": timezone.now()}
        if change:
            audience.update_label(Label.objects.get(pk=obj.pk), **given, **who)
        else:
            obj.pk = audience.create_label(obj.app, **given, **who).pk

    def delete_model(self, request: HttpRequest, obj: Label) -> None:
        audience.delete_label(obj, actor=name_actor(request.user), now=timezone.now())


class SegmentForm(forms.ModelForm):
    """The expression is checked as it would be when it is used, and counted while one types."""

    class Meta:
        model = Segment
        fields = ["app", "name", "description", "expression"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expression" not in self.fields:
            return
        where = reverse("admin:campaigns_segment_count")
        if self.instance.pk:
            where += f"?app={self.instance.app_id}"
        self.fields["expression"].widget.attrs.update(
            {
                "rows": 10,
                "spellcheck": "false",
                "hx-post": where,
                "hx-trigger": "load, input changed delay:500ms",
                "hx-target": "#segment-count",
                "hx-include": "closest form",
            }
        )

    def clean_expression(self) -> Any:
        body = self.cleaned_data["expression"]
        try:
            check_expression(body)
        except Refused as refusal:
            raise forms.ValidationError(say_faults(refusal)) from refusal
        return body


def say_faults(refusal: Refused) -> list[str]:
    """Each fault with its place in the expression."""
    sentences = [f"{place}: {words}" for place, words in refusal.fields.items()]
    return sentences or [refusal.message]


def _is_long(segment: Segment | None) -> bool:
    return segment is not None and len(json.dumps(segment.expression)) > MOST_LETTERS


@admin.register(Segment)
class SegmentAdmin(StaffAdmin):
    """A saved, dynamic expression, with how many it means now and ten of them."""

    form = SegmentForm
    change_form_after_template = "staff/segment.html"
    list_display = ["name", "app", "description", "updated_at"]
    list_filter = [("app", ScopedFilter)]
    list_select_related = ["app"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["app", "name", "description", "expression"]
    autocomplete_fields = ["app"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("app",)
    audits_itself = True

    def get_fields(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        """All of them, but for an expression that would make a page of megabytes."""
        shown = super().get_fields(request, obj)
        return [name for name in shown if name != "expression" or not _is_long(obj)]

    def list_facts(self, request: HttpRequest, row: Segment) -> list[Fact]:
        if not _is_long(row):
            return []
        words = _("too long for this page; the segment's editor shows and changes it")
        return [Fact(_("Expression"), words, link=reverse("segment", args=[row.pk]))]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.count_view)
        return [path("count/", view, name="campaigns_segment_count"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["field_catalogue"] = field_catalogue()
        return super().render_change_form(request, context, *args, **kwargs)

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """The fragment below the expression: what is wrong with it, or whom it means now."""
        chosen = request.GET.get("app") or request.POST.get("app") or ""
        apps = App.objects.for_user(request.user)
        app = apps.filter(pk=read_id(chosen)).first()
        context: dict[str, Any] = {"app": app}
        try:
            body = _parse(request.POST.get("expression", ""))
            context["is_empty"] = body == {}
            expression = check_expression(body)
            if app:
                meant = Audience(AudienceKind.EXPRESSION, expression=expression)
                context["count"] = take_headcount(app, meant)
        except Refused as refusal:
            context["faults"] = say_faults(refusal)
        return TemplateResponse(request, "staff/segment_count.html", context)

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        given: Any = {
            "name": obj.name,
            "description": obj.description,
            "expression": obj.expression,
        }
        who: Any = {"actor": name_actor(request.user), "now": timezone.now()}
        if change:
            audience.update_segment(Segment.objects.get(pk=obj.pk), **given, **who)
        else:
            obj.pk = audience.create_segment(obj.app, **given, **who).pk

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        audience.delete_segment(obj, actor=name_actor(request.user), now=timezone.now())


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(_("This is no JSON yet: %(error)s.") % {"error": error}) from error


class PersonForm(forms.ModelForm):
    """Attributes stay an object, whatever is typed."""

    class Meta:
        model = Person
        fields = ["attributes"]

    def clean_email(self) -> str:
        return self._clean_contact("email")

    def clean_phone(self) -> str:
        return self._clean_contact("phone")

    def _clean_contact(self, name: str) -> str:
        typed = str(self.cleaned_data[name])
        fault = find_contact_fault(name, typed) if typed != self.initial.get(name) else ""
        if fault:
            raise forms.ValidationError(fault)
        return write_contact(name, typed)

    def clean_attributes(self) -> dict[str, Any]:
        typed = self.cleaned_data["attributes"]
        if typed is None:
            return {}
        if not isinstance(typed, dict):
            raise forms.ValidationError(_('Enter an object, like {"plan": "pro"}.'))
        return typed


@admin.register(Person)
class PersonAdmin(StaffAdmin):
    """Who: found by any id, e-mail, phone, or an id of a device."""

    form = PersonForm

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

    def list_facts(self, request: HttpRequest, row: Person) -> list[Fact]:
        link = reverse("person", args=[row.pk])
        return [Fact(_("What they were sent, and more"), _("Profile"), link=link)]


class IdentifierInline(RowsOfParent, TabularInline):
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
        "token_state_at", "token_shown_at", "language", "country", "timezone", "app_version",
        "sdk_version", "os_version", "manufacturer", "model", "is_secure", "notifications_enabled",
        "is_primary", "attributes", "last_seen_at", "created_at", "updated_at",
    ]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Device | None = None) -> list[Any]:
        """Whole tokens are for who may compose for the app."""
        sees_token = obj is not None and has_role(request.user, obj.app, Role.COMPOSER)
        return [
            "masked_token" if name == "token" and not sees_token else name for name in self.fields
        ]

    @admin.display(description=gettext_lazy("token"))
    def masked_token(self, row: Device) -> str:
        """Its two ends."""
        return mask_token(row.token) if row.token else ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NewestOfApps]:
        return NewestOfApps

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if term:
            queryset = queryset.filter(pk__in=find_device_ids(term, request.user))
        return queryset, False

    def list_facts(self, request: HttpRequest, row: Device) -> list[Fact]:
        chip = "good" if row.token_state == Device.TokenState.ACTIVE else "warn"
        facts = [
            Fact(_("What it was sent"), _("Device"), link=reverse("device", args=[row.pk])),
            Fact(_("Token"), row.get_token_state_display(), chip=chip),
        ]
        if row.token_evidence:
            facts.append(Fact(_("Evidence"), row.token_evidence))
        for kind, names in _list_marks(row).items():
            facts.append(Fact(str(DeviceMark.Kind(kind).label), ", ".join(names)))
        return facts + _list_own_door(row, timezone.now())


def _list_own_door(row: Device, now: datetime) -> list[Fact]:
    """What it does at the device door, if it has registered itself there."""
    session = DeviceSession.objects.filter(pk=row.pk).first()
    if session is None:
        return []
    unseen = row.inbox.filter(pulled_at__isnull=True, expires_at__gt=now).count()
    return [
        Fact(_("Pulled its inbox last"), str(session.pulled_at or _("never"))),
        Fact(_("Waits in its inbox"), str(unseen)),
    ]


def _list_marks(row: Device) -> dict[str, list[str]]:
    """The device's tags and alias, each by its kind."""
    marks: dict[str, list[str]] = {}
    for kind, name in row.marks.order_by("kind", "name").values_list("kind", "name"):
        marks.setdefault(kind, []).append(name)
    return marks
