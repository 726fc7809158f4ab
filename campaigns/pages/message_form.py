"""The message as a form: every field of every platform and vendor, derived from its FieldSpec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, cast

from django import forms
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.pages import left_out
from campaigns.pages.field_html import LeftText, draw_left_input
from campaigns.pages.fields import PageForm, draw_plain, shrink
from campaigns.pages.language_field import MessageLanguagesField
from providers.contract import Dialect
from providers.fields import FieldSpec
from providers.forms import SpecField, build_field
from providers.message_channels import OTHER_BLOCKS
from providers.message_faults import TOP_FIELDS
from providers.message_fields import COMMON_FIELDS, DELIVERY_FIELDS, LIQUID, SHARED_FIELDS, Platform
from providers.message_platforms import BLOCK_FIELDS

COUNTED = frozenset({"title", "body"})  # their length is told, and where screens cut them
DATA_FIELDS = frozenset(
    {"data", "extras", "defaults"}
)  # may be written as rows of a key and a value

# What most messages need stands open; the rest is folded under words for what it is about.
LOOKS = gettext_lazy("How it looks and sounds")
DELIVERY = gettext_lazy("How it is delivered")
BUTTONS = gettext_lazy("Other buttons than everywhere else")
PLATFORM_NAMES = {
    Platform.ANDROID: gettext_lazy("Android"),
    Platform.IOS: gettext_lazy("iOS"),
    Platform.WEB: gettext_lazy("Web"),
}
BLOCK_NAMES = {platform.value: label for platform, label in PLATFORM_NAMES.items()} | {
    "in_app": gettext_lazy("In the app"),
    "sms": gettext_lazy("SMS"),
    "email": gettext_lazy("E-mail"),
}
INBOX = gettext_lazy("Where and how long")
FOLDED: dict[str, dict[Any, tuple[str, ...]]] = {
    "android": {
        LOOKS: (
            "icon", "icon_background", "sound", "badge", "vibration", "led_color", "led_interval",
            "led_pause_interval", "visibility",
        ),
        DELIVERY: (
            "silent", "priority", "urgency", "time_to_live", "collapse_key", "collapse_id",
        ),
        BUTTONS: ("buttons",),
    },
    "ios": {
        LOOKS: ("badge", "sound", "sound_name", "category", "thread_id"),
        DELIVERY: (
            "silent", "mutable_content", "expiration", "collapse_id", "interruption_level",
            "relevance_score", "target_content_id",
        ),
        BUTTONS: ("buttons",),
    },
    "web": {
        LOOKS: ("badge", "require_interaction"),
        DELIVERY: ("tag", "time_to_live", "urgency"),
        BUTTONS: ("buttons",),
    },
    "in_app": {INBOX: ("channel", "only", "expires_in", "topic", "topic_expires_in")},
}  # fmt: skip
# What vendors' scripts said that no field shows: it goes through the page and back.
KEPT_EXTRAS = FieldSpec(name="kept_extras", kind="json_object", label="extras")
NOT_SET: tuple[Any, ...] = (None, "", False, [], {})


@dataclass(frozen=True, slots=True)
class Fold:
    """Fields under one heading, closed until something in them is set or wrong."""

    label: str
    fields: list[forms.BoundField]

    @property
    def is_used(self) -> bool:
        """Whether something is filled in there, or left where it is stored."""
        return any(
            field.value() not in NOT_SET or hasattr(field.field, "left") for field in self.fields
        )

    @property
    def has_errors(self) -> bool:
        """Whether something there is wrong."""
        return any(field.errors for field in self.fields)

    @property
    def is_open(self) -> bool:
        """Whether it is worth seeing at once."""
        return self.is_used or self.has_errors


@dataclass(frozen=True, slots=True)
class Tab(Fold):
    """One tab of the compose page: its fields, and whether one of them is set or wrong."""

    key: str
    is_platform: bool = False

    @property
    def folds(self) -> list[Fold]:
        """Its folded fields, heading by heading."""
        named = FOLDED.get(self.key, {})
        found = [(label, [self._find(name) for name in names]) for label, names in named.items()]
        return [
            Fold(str(label), [field for field in fields if field is not None])
            for label, fields in found
        ]

    @property
    def plain(self) -> list[forms.BoundField]:
        """The fields that stand open."""
        folded = {name for names in FOLDED.get(self.key, {}).values() for name in names}
        return [field for field in self.fields if field.name.rpartition("-")[2] not in folded]

    def _find(self, name: str) -> forms.BoundField | None:
        fields = (field for field in self.fields if field.name.rpartition("-")[2] == name)
        return next(fields, None)


class MessageForm(PageForm):
    """Common text, a block per platform, extras per vendor on the routes.

    Field names are paths with dashes: `android-priority`, `extras-<dialect>-<name>`.
    """

    def __init__(self, *args: Any, dialects: Iterable[Dialect] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dialects = tuple(dialects)
        self.gone: Set[str] = frozenset()  # fields that a page left where they are not stored so
        self._add_fields("", TOP_FIELDS)
        choices = [("", _("No: the text is as it is written")), (LIQUID, _("Yes"))]
        cast(forms.Select, self.fields["template"].widget).choices = choices
        self.fields["template"].label = _("Personalise")
        self.fields["template"].help_text = _("Titles, texts and addresses may hold variables.")
        for name, specs in OTHER_BLOCKS.items():
            self._add_fields(f"{name}-", specs)
        for platform, specs in BLOCK_FIELDS.items():
            self._add_fields(f"{platform.value}-", specs)
        for dialect in self.dialects:
            self._add_fields(f"extras-{dialect.key}-", dialect.message_options)
        for block in left_out.OWN:
            self.fields[f"{block}-{left_out.NAME}"] = left_out.build_left_out(block)
        kept = build_field(KEPT_EXTRAS)
        kept.widget = forms.HiddenInput()
        self.fields[KEPT_EXTRAS.name] = kept
        if self.is_bound and self.data.get("template") == LIQUID:
            self._admit_variables()

    def _admit_variables(self) -> None:
        """An address that holds a variable is none before it is rendered."""
        for name, field in self.fields.items():
            if isinstance(field, SpecField) and field.spec.kind in {"url", "link"}:
                is_open = "{" in str(self.data.get(name, ""))
                field.spec = replace(field.spec, kind="text") if is_open else field.spec

    def _add_fields(self, prefix: str, specs: tuple[FieldSpec, ...]) -> None:
        for spec in specs:
            is_chain = spec.name == "fallbacks"
            field = MessageLanguagesField(spec) if is_chain else build_field(spec)
            draw_plain(field)
            field.widget.attrs["data-pa-path"] = f"{prefix}{spec.name}".replace("-", ".")
            if spec.name in COUNTED:
                counted = prefix.rstrip("-") if prefix.rstrip("-") in set(Platform) else ""
                if counted or not prefix:
                    setattr(field, "counter", (spec.name, counted))  # noqa: B010 - draw_field
            if spec.name in DATA_FIELDS:
                field.widget.attrs["data-pa-rows"] = ""
            if spec.kind == "buttons":
                field.widget.attrs["data-pa-button-rows"] = spec.maximum
            if spec in DELIVERY_FIELDS:  # its choices are sentences
                field.widget.attrs["data-pa-wide"] = ""
            setattr(field, "is_kept", True)  # noqa: B010 - draw_field; a spec is all it is made of
            self.fields[prefix + spec.name] = field

    def clean(self) -> dict[str, Any]:
        """What a page left where it is not stored so any more must not be saved without it."""
        for name in self.gone & self.fields.keys():
            self.add_error(name, _("Somebody else has just changed this. Reload the page."))
        return self.cleaned_data

    def read_text(self, name: str) -> str:
        """What is in the input of a field; "" of one that takes no text."""
        widget = self.fields[name].widget
        if not isinstance(widget, forms.TextInput | forms.Textarea | forms.HiddenInput):
            return ""
        return str(widget.format_value(self[name].value()) or "").replace("\r\n", "\n")

    def keep_letters(self, names: Iterable[str]) -> None:
        """Blanks at the ends, too, of what a page left where it is stored."""
        for name in self.fields.keys() & set(names):
            setattr(self.fields[name], "strip", False)  # noqa: B010 - of texts

    def leave(self, name: str, left: LeftText) -> None:
        """Draw only that there is a text."""
        setattr(self.fields[name], "left", left)  # noqa: B010 - draw_field

    @property
    def hidden_extras(self) -> SafeString:
        """What no field shows, or that it is left where it is stored."""
        extras = self[KEPT_EXTRAS.name]
        is_left = hasattr(extras.field, "left")
        return draw_left_input(KEPT_EXTRAS.name) if is_left else mark_safe(str(extras))  # noqa: S308

    def platform_tabs(self) -> list[Tab]:
        """A tab per platform that has fields of its own."""
        return [
            Tab(
                key=platform.value,
                label=str(PLATFORM_NAMES[platform]),
                fields=self._bound_block(platform.value, specs),
                is_platform=True,
            )
            for platform, specs in BLOCK_FIELDS.items()
        ]

    def other_tabs(self) -> list[Tab]:
        """How it reaches the device and is shown inside the app, and what goes out by text."""
        tabs = [
            Tab(key=name, label=str(BLOCK_NAMES[name]), fields=self._bound_block(name, specs))
            for name, specs in OTHER_BLOCKS.items()
        ]
        tabs[0].fields[:0] = self._bound("", DELIVERY_FIELDS)
        return tabs

    def vendor_tabs(self) -> list[Tab]:
        """A tab per vendor on the routes; one without options of its own has no fields."""
        return [
            Tab(
                key=f"vendor-{dialect.key}",
                label=dialect.label,
                fields=self._bound(f"extras-{dialect.key}-", dialect.message_options),
            )
            for dialect in self.dialects
        ]

    def common_fields(self) -> list[forms.BoundField]:
        """Title and text for every platform."""
        return self._bound("", COMMON_FIELDS)

    def common_addresses(self) -> list[forms.BoundField]:
        """Link and image for every platform, the same in every language."""
        return [self[spec.name] for spec in SHARED_FIELDS if spec.kind != "buttons"]

    def button_fold(self) -> Fold:
        """Buttons for every platform that has none of its own."""
        return Fold(_("Buttons"), [self["buttons"]])

    def language_fold(self) -> Fold:
        """Which languages stand in for others."""
        return Fold(_("Languages instead"), [self["default_language"], self["fallbacks"]])

    def _bound(self, prefix: str, specs: tuple[FieldSpec, ...]) -> list[forms.BoundField]:
        return [self[prefix + spec.name] for spec in specs]

    def _bound_block(self, block: str, specs: tuple[FieldSpec, ...]) -> list[forms.BoundField]:
        boxes = [self[f"{block}-{left_out.NAME}"]] if block in left_out.OWN else []
        return [*self._bound(f"{block}-", specs), *boxes]

    def write_content(self) -> dict[str, Any]:
        """The message's JSON form without translations; what is not filled in is absent."""
        content = self._collect("", TOP_FIELDS)
        for name, specs in OTHER_BLOCKS.items():
            content[name] = self._collect_block(name, specs)
        for platform, specs in BLOCK_FIELDS.items():
            content[platform.value] = self._collect_block(platform.value, specs)
        content["extras"] = self._collect_extras()
        # Of languages instead an empty list says something: none, where the app may have some.
        none: dict[str, Any] = {"fallbacks": []} if self.cleaned_data.get("fallbacks") == [] else {}
        return shrink(content) | none

    def _collect_extras(self) -> dict[str, Any]:
        """What is filled in here, beside what no field here shows."""
        given = self.cleaned_data.get(KEPT_EXTRAS.name) or {}
        extras = {key: dict(values) for key, values in given.items() if isinstance(values, dict)}
        for dialect in self.dialects:
            own = self._collect(f"extras-{dialect.key}-", dialect.message_options)
            shown = {spec.name for spec in dialect.message_options}
            before = extras.get(dialect.key, {})
            hidden = {name: value for name, value in before.items() if name not in shown}
            extras[dialect.key] = hidden | own
        return {key: values for key, values in extras.items() if values}

    def _collect_block(self, block: str, specs: tuple[FieldSpec, ...]) -> dict[str, Any]:
        """What is filled in there, which wins over a box that it has none."""
        chosen = self.cleaned_data.get(f"{block}-{left_out.NAME}") or ()
        return left_out.write_left_out(block, chosen) | self._collect(f"{block}-", specs)

    def _collect(self, prefix: str, specs: tuple[FieldSpec, ...]) -> dict[str, Any]:
        named = {spec.name: self.cleaned_data.get(prefix + spec.name) for spec in specs}
        return shrink(named)


def read_initial(content: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values of a stored message."""
    initial = {spec.name: content.get(spec.name) for spec in TOP_FIELDS}
    for name in [*OTHER_BLOCKS, *BLOCK_FIELDS]:
        initial |= prefix_names(name, content.get(name))
    for name in left_out.OWN:
        initial[f"{name}-{left_out.NAME}"] = left_out.read_left_out(name, content.get(name))
    extras = content.get("extras") or {}
    for key, values in extras.items():
        initial |= prefix_names(f"extras-{key}", values)
    return initial | {KEPT_EXTRAS.name: extras or None}


def prefix_names(prefix: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values of a block by the names of their fields."""
    return {f"{prefix}-{name}": value for name, value in (values or {}).items()}
