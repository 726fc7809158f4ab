"""What calls about single persons do."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App, Person
from campaigns.selectors.aliases import find_aliases
from campaigns.services.audience import update_person
from campaigns.services.callers import Acts, Caller, find_app
from providers.audience_calls import FetchPerson, PersonRow, SavePerson, merge_patch
from providers.fields import FieldSpec

Scope = ApiKey.Scope
COLUMNS = ("language", "country", "timezone")
MAX_BYTES = 65_536  # of a person's attributes
ATTRIBUTES = FieldSpec(name="attributes", kind="json_object", label="attributes")


def _save(command: SavePerson, caller: Caller) -> PersonRow:
    app = find_app(command.app, caller)
    with transaction.atomic():
        person = _find(_list(app, caller).select_for_update(of=("self",)), command.person, app)
        attributes = merge_patch(person.attributes, command.attributes)
        _refuse_unstorable(attributes)
        values = {**command.values, "attributes": attributes}
        person = update_person(person, values, actor=caller.actor, now=caller.now)
    return _describe(person)


def _refuse_unstorable(attributes: Any) -> None:
    fault = ATTRIBUTES.find_fault(attributes)
    if fault:
        raise Invalid(_("The attributes: %(fault)s.") % {"fault": fault})
    if len(json.dumps(attributes)) > MAX_BYTES:
        raise Invalid(_("At most %(most)d bytes can be kept.") % {"most": MAX_BYTES})


def _fetch(command: FetchPerson, caller: Caller) -> PersonRow:
    app = find_app(command.app, caller)
    return _describe(_find(_list(app, caller), command.person, app))


def _list(app: App, caller: Caller) -> QuerySet[Any]:
    return Person.objects.for_user(caller.key).filter(workspace_id=app.workspace_id)


def _find(rows: QuerySet[Any], name: str, app: App) -> Person:
    person: Person | None = rows.filter(external_user_id=name).first() if name else None
    if person is None:
        merged = find_aliases(app.workspace_id, [name])
        person = rows.filter(pk__in=set(merged.values())).first()
    if person is None:
        words = _("There is nobody of that id.")
        raise NotFound(words, subject=name)
    return person


def _describe(person: Person) -> PersonRow:
    return PersonRow(
        id=person.pk,
        person=person.external_user_id,
        created_at=person.created_at,
        updated_at=person.updated_at,
        values={name: getattr(person, name) for name in COLUMNS},
        attributes=person.attributes,
    )


ACTS: Acts = {
    SavePerson: (Scope.AUDIENCE, _save),
    FetchPerson: (Scope.READ, _fetch),
}
