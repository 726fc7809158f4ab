"""What a device or its person carries any number of, as conditions on Device: labels, tags, an
alias, ids of vendors. Each is one subquery that an index answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import Q

from campaigns.models import DeviceIdentifier, DeviceMark, LabelMember
from campaigns.models.audience import hash64
from campaigns.models.bulk import list_ids, list_texts
from campaigns.selectors.audience_fields import AudienceField
from campaigns.selectors.identifiers import identifier_kinds

Names = Sequence[str] | None  # None: any at all


def compile_carried(field: AudienceField, names: Names, app_id: int) -> Q:
    """Devices of the app that carry one of the names of this field."""
    return _FINDERS[field.column](app_id, field.attribute, names)


def _carry_label(app_id: int, attribute: str, names: Names) -> Q:
    members = LabelMember.objects.filter(label__app_id=app_id)
    if names is not None:
        members = members.filter(label__name__in=list_texts(names))
    return Q(person_id__in=members.values("person_id"))


def _carry_tag(app_id: int, attribute: str, names: Names) -> Q:
    return _carry_mark(app_id, DeviceMark.Kind.TAG, names)


def _carry_alias(app_id: int, attribute: str, names: Names) -> Q:
    return _carry_mark(app_id, DeviceMark.Kind.ALIAS, names)


def _carry_mark(app_id: int, kind: str, names: Names) -> Q:
    marks = DeviceMark.objects.filter(app_id=app_id, kind=kind)
    if names is not None:
        marks = marks.filter(name__in=list_texts(names))
    return Q(pk__in=marks.values("device_id"))


def _carry_identifier(app_id: int, attribute: str, names: Names) -> Q:
    kind = identifier_kinds()[attribute]
    if kind.is_token:
        has_token = Q(token_hash__isnull=False)
        is_named = has_token if names is None else _match_token(names)
        return is_named & Q(platform=kind.platform.value) if kind.platform else is_named
    ids = DeviceIdentifier.objects.filter(app_id=app_id, kind=attribute)
    if names is not None:
        # The hash has the index; two values may share one.
        hashes = list_ids([hash64(name) for name in names])
        ids = ids.filter(value_hash__in=hashes, value__in=list_texts(names))
    return Q(pk__in=ids.values("device_id"))


def _match_token(names: Sequence[str]) -> Q:
    hashes = list_ids([hash64(name) for name in names])
    return Q(token_hash__in=hashes, token__in=list_texts(names))


_FINDERS: dict[str, Callable[[int, str, Names], Q]] = {
    "label": _carry_label,
    "tag": _carry_tag,
    "alias": _carry_alias,
    "id": _carry_identifier,
}
