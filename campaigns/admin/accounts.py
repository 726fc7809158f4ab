"""Accounts, their form drawn from the dialect, and what was said over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin.base import Fact, ReadOnlyAdmin, ScopedFilter, StaffAdmin, Verb
from campaigns.admin.paginator import BoundedPaginator
from campaigns.admin.vendor_choice import sort_vendors
from campaigns.models import Account, Exchange
from campaigns.selectors.account_expiry import expires_soon, find_last_day, has_expired
from campaigns.selectors.limits import list_waits, read_day
from campaigns.services.access import name_actor
from campaigns.services.accounts import check_account, find_credentials, save_account
from providers import registry, vault
from providers.contract import Dialect, Limits
from providers.fields import FieldSpec
from providers.forms import build_fields, merge_secrets
from providers.limits import list_limit_fields

FIELDS = ["workspace", "name", "is_enabled", "credentials_expire_on"]
CREDENTIAL, ADDRESS, OPTION, LIMIT = "credential_", "address_", "option_", "limit_"


class AccountForm(forms.ModelForm):
    """The plain fields; those of the dialect are added by `build_form`."""

    dialect_spoken: Dialect

    class Meta:
        model = Account
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = self.instance
        if account.pk is None:
            account.dialect = self.dialect_spoken.key
        for prefix, kept in (
            (ADDRESS, account.base_urls), (OPTION, account.options), (LIMIT, account.limits),
        ):  # fmt: skip
            for name, value in kept.items():
                if f"{prefix}{name}" in self.fields:
                    self.initial[f"{prefix}{name}"] = value

    def clean(self) -> dict[str, Any]:
        """A kept secret goes to no other address than the one it was entered for.

        Otherwise whoever may change an account could have its secrets sent to a host of theirs.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._judge_credentials()
        moved = any(name.startswith(ADDRESS) for name in self.changed_data)
        if self.instance.pk is None or not moved:
            return cleaned
        for spec in self.dialect_spoken.credentials:
            name = f"{CREDENTIAL}{spec.name}"
            if spec.kind == "secret" and name in self.fields and not cleaned.get(name):
                self.add_error(name, _("The address has changed, so enter this again."))
        return cleaned

    def _judge_credentials(self) -> None:
        """What the dialect finds wrong with what was typed, before the vendor is asked."""
        judge = self.dialect_spoken.find_credential_faults
        typed = self.read_values(self.dialect_spoken.credentials, CREDENTIAL)
        for name, fault in judge(typed).items() if judge and typed else ():
            self.add_error(f"{CREDENTIAL}{name}", fault)

    def read_values(self, specs: tuple[FieldSpec, ...], prefix: str) -> dict[str, Any]:
        """What was filled in for these fields, under their own names."""
        values = {spec.name: self.cleaned_data.get(f"{prefix}{spec.name}") for spec in specs}
        return {name: value for name, value in values.items() if value is not None}


def build_credential_fields(dialect: Dialect, kept: dict[str, str]) -> dict[str, forms.Field]:
    """A secret that is left empty stays; what is none is drawn as it is kept."""
    hidden = {spec.name for spec in dialect.credentials if spec.kind == "secret"}
    secrets = {name: value for name, value in kept.items() if name in hidden}
    fields = build_fields(dialect.credentials, secrets=secrets, prefix=CREDENTIAL)
    for name in secrets.keys() & {spec.name for spec in dialect.credentials}:
        hint = hint_at(dialect, name, secrets[name])
        fields[f"{CREDENTIAL}{name}"].widget.attrs["placeholder"] = hint
    for name in kept.keys() - hidden:
        if f"{CREDENTIAL}{name}" in fields:
            fields[f"{CREDENTIAL}{name}"].initial = kept[name]
    return fields


def build_limit_fields(dialect: Dialect) -> dict[str, forms.Field]:
    """Fields for limits, each telling the vendor's own."""
    specs = list_limit_fields(dialect.limits)
    fields = build_fields(specs, prefix=LIMIT)
    for spec in specs:
        own = getattr(dialect.limits, spec.name)
        if own is not None:
            fields[f"{LIMIT}{spec.name}"].help_text = _describe_limit(dialect.limits, spec.name)
    if dialect.fans_out:
        name_batches(fields[f"{LIMIT}in_flight"], dialect.limits)
    return fields


def _describe_limit(limits: Limits, name: str) -> str:
    words = (
        _("Empty: the usual limit, %(own)s. More only where the vendor has granted it.")
        if name in limits.granted
        else _("Empty: the vendor's own limit, %(own)s.")
    )
    return words % {"own": f"{getattr(limits, name):g}"}


def name_batches(field: forms.Field, limits: Limits) -> None:
    """A gateway is called for many devices of a batch at once: that limit counts batches there."""
    hint = {"own": limits.in_flight, "streams": limits.streams}
    field.label = _("Limit: batches at the same time")
    field.help_text = (
        _("Each with up to %(streams)s calls. Empty: the vendor's own limit, %(own)s.") % hint
    )


def build_form(dialect: Dialect, account: Account | None) -> type[AccountForm]:
    """The account form of one dialect; of secrets that are kept a hint is shown."""
    kept = (find_credentials(account) if account else None) or {}
    fields: dict[str, Any] = {
        **build_credential_fields(dialect, kept),
        **build_fields(dialect.base_urls, prefix=ADDRESS),
        **build_fields(dialect.account_options, prefix=OPTION),
        **build_limit_fields(dialect),
    }
    return type("DialectAccountForm", (AccountForm,), {**fields, "dialect_spoken": dialect})


def hint_at(dialect: Dialect, name: str, secret: str) -> str:
    """What a person tells a kept secret by: what its vendor says of it, else its last letters."""
    own = dialect.recognise_secret(name, secret) if secret and dialect.recognise_secret else ""
    return own or f"•••• {vault.last_four(secret)}".rstrip()


def list_secrets(account: Account) -> list[Fact]:
    """A hint at each secret, or that no credentials can be read."""
    kept = find_credentials(account)
    if kept is None:
        return [Fact(_("Credentials"), _("cannot be read; enter them again"), chip="bad")]
    dialect = registry.get(account.dialect)
    return [
        Fact(_(spec.label), hint_at(dialect, spec.name, kept[spec.name]), is_code=True)
        for spec in dialect.credentials
        if spec.name in kept and spec.kind == "secret"
    ]


def list_expiry(account: Account, now: datetime) -> list[Fact]:
    """When its credentials end, if they do."""
    day = find_last_day(account)
    if day is None:
        return []
    chip = "bad" if has_expired(account, now) else "warn" if expires_soon(account, now) else ""
    return [Fact(_("Credentials end"), date_format(day, "j F Y"), chip=chip)]


def list_use(account: Account, now: datetime) -> list[Fact]:
    """What is used of today's calls, and for which apps the vendor asked us to wait."""
    use = read_day(account, now)
    hint = {"used": use.used, "limit": use.limit, "at": f"{use.resets_at:%H:%M}"}
    words = _("%(used)s; counted anew at %(at)s UTC") % hint
    if use.limit is not None:
        words = _("%(used)s of %(limit)s; counted anew at %(at)s UTC") % hint
    chip = "bad" if use.limit is not None and use.used >= use.limit else ""
    facts = [Fact(_("Calls today"), words, chip=chip)]
    for app, until in list_waits(account, now):
        hint = {"app": app.name, "at": f"{until:%H:%M}"}
        words = _("%(app)s waits until %(at)s UTC, as the vendor asked") % hint
        facts.append(Fact(_("Paused"), words, chip="warn"))
    return facts


@admin.register(Account)
class AccountAdmin(StaffAdmin):
    """One login at one vendor; its secrets never reach a page."""

    list_display = ["name", "vendor", "show_health", "is_enabled", "checked_at"]
    list_filter = [("workspace", ScopedFilter), ("health", ChoicesDropdownFilter)]
    search_fields = ["name"]
    ordering = ["name"]
    fixed_fields: ClassVar[tuple[str, ...]] = ("workspace",)
    hidden_fields: ClassVar[tuple[str, ...]] = ("credentials",)
    also_seen: ClassVar[tuple[str, ...]] = ("credentials", "base_urls", "options", "limits")
    audits_itself = True
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb(name="try_out", label=gettext_lazy("Check at the vendor"), icon="network_check"),
    )

    @admin.display(description=gettext_lazy("vendor"))
    def vendor(self, account: Account) -> str:
        return registry.get(account.dialect).label

    @display(
        description=gettext_lazy("health"),
        label={"good": "success", "bad": "danger", "unknown": "info"},
    )
    def show_health(self, account: Account) -> tuple[str, str]:
        return account.health, account.get_health_display()

    def list_facts(self, request: HttpRequest, row: Account) -> list[Fact]:
        chip = {"good": "good", "bad": "bad"}.get(row.health, "info")
        facts = [
            Fact(_("Vendor"), registry.get(row.dialect).label),
            Fact(_("Health"), row.get_health_display(), chip=chip),
        ]
        if row.health_words:
            facts.append(Fact(_("The vendor said"), row.health_words, is_code=True))
        facts += [*list_expiry(row, timezone.now()), *list_use(row, timezone.now())]
        link = reverse("enable_tokens") + f"?account={row.pk}"
        facts.append(Fact(_("Tokens that it disabled wrongly"), _("Enable again"), link=link))
        if self.has_change_permission(request, row):
            facts += list_secrets(row)
        return facts

    def try_out(self, request: HttpRequest, row: Account) -> None:
        result = check_account(row, actor=name_actor(request.user), now=timezone.now())
        found = messages.SUCCESS if result.is_good else messages.ERROR
        messages.add_message(request, found if result.is_heard else messages.WARNING, result.words)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        known = {dialect.key for dialect in registry.all_dialects()}
        if request.GET.get("dialect") in known or not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        context = {"sorts": sort_vendors(registry.all_dialects())}
        return self.draw(request, "staff/vendors.html", _("Add account"), context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        dialect = registry.get(obj.dialect if obj else request.GET["dialect"])
        kwargs["form"] = build_form(dialect, obj)
        kwargs["fields"] = FIELDS
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        dialect = registry.get(obj.dialect if obj else request.GET["dialect"])
        if obj and not self.has_change_permission(request, obj):
            return FIELDS
        return [*FIELDS, *build_form(dialect, None).declared_fields]

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        dialect = form.dialect_spoken
        typed = form.read_values(dialect.credentials, CREDENTIAL)
        kept = find_credentials(obj) or {}
        obj.base_urls = form.read_values(dialect.base_urls, ADDRESS)
        obj.options = form.read_values(dialect.account_options, OPTION)
        obj.limits = form.read_values(list_limit_fields(dialect.limits), LIMIT)
        save_account(
            obj,
            merge_secrets(dialect.credentials, typed, kept),
            fields=form.changed_data,
            actor=name_actor(request.user),
            now=timezone.now(),
        )


@admin.register(Exchange)
class ExchangeAdmin(ReadOnlyAdmin):
    """One call as it went over the wire, scrubbed."""

    list_display = ["at", "account", "method", "url", "status", "reason", "show_seconds"]
    list_filter = [("account", ScopedFilter)]
    list_select_related = ["account"]
    fields = [
        "at", "account", "transfer_id", "method", "url", "request", "status", "response",
        "show_seconds", "reason",
    ]  # fmt: skip
    readonly_fields = ["show_seconds"]
    paginator = BoundedPaginator

    @display(description=gettext_lazy("seconds"), ordering="seconds")
    def show_seconds(self, row: Exchange) -> str:
        return f"{row.seconds:.3f}"
