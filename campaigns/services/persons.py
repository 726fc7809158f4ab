"""One person or device changed by hand: what is known of them, whether they want anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.models import ApiKey, App, Device, Person
from campaigns.selectors.attributes import ATTRIBUTE_NAME
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.selectors.contacts import LENGTHS, find_contact_fault, write_contact
from campaigns.selectors.held import find_kept_to
from campaigns.selectors.seals import PERSON_KINDS
from campaigns.services.access import record_audit
from campaigns.services.device_rows import are_attributes_good, find_column_fault
from campaigns.services.permissions import may
from campaigns.services.tombstones import refuse_erased

PLACES = ("language", "country", "timezone")
MAX_REASON = 200
ENABLED = "enabled again by hand"


def may_change_person(principal: Any, person: Person) -> bool:
    """Whether somebody who sees a person may change what all apps know of them: an admin for all
    apps, or a key that reaches every app in which they have a device or a label."""
    if not isinstance(principal, ApiKey):
        return may(principal, "change", person)
    if principal.is_wide():
        return True
    reached = App.objects.filter(principal.reach()).values_list("pk", flat=True)
    return bool(find_kept_to([person.pk], set(reached)))


def change_person(
    person: Person,
    values: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    seen: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write columns (`email`, `phone`, `language`, `country`, `timezone`, `attributes` as a
    whole) and gives the names of what has changed, attributes as `attributes.plan`.

    `seen` is what stood in the columns when `values` were typed beside it: where both are the same
    what has been written meanwhile stays, of the attributes each by itself.
    Raises Invalid with the fields that hold nothing that can be stored.
    """
    values = write_contacts(person, values, find_person_faults(values))
    with transaction.atomic():
        held = hold_person(person)
        values = _leave_others(held, values, seen or {})
        refuse_erased(person.workspace_id, list_new_names(held, values))
        changed = _list_changes(held, values)
        for name, value in values.items():
            setattr(person, name, value)
        if changed:
            person.save(update_fields=[*values, "updated_at"])
            record_audit(
                actor, "update", person, workspace=person.workspace, fields=changed, now=now
            )
    return changed


def _leave_others(
    held: Person, values: Mapping[str, Any], seen: Mapping[str, Any]
) -> dict[str, Any]:
    """Only what was changed of what was seen. Raises Invalid for too many attributes together."""
    wanted = {name: value for name, value in values.items() if value != seen.get(name)}
    if "attributes" in seen and "attributes" in values:
        wanted["attributes"] = values["attributes"]  # 1 and true are equal, and not the same
        old, new = seen["attributes"], wanted["attributes"]
        gone = old.keys() - new.keys()
        typed = {name: value for name, value in new.items() if not _is_same(old.get(name), value)}
        kept = {name: value for name, value in held.attributes.items() if name not in gone}
        wanted["attributes"] = kept | typed
        faults = find_person_faults(wanted)
        if faults:
            raise Invalid(_("Some values are wrong; see fields."), fields=faults)
    return wanted


def hold_person(person: Person) -> Person:
    """The row as it is now, locked. Raises NotFound for somebody who has been erased meanwhile."""
    held = Person.objects.select_for_update().filter(pk=person.pk).first()
    if held is None:
        raise NotFound(_("There is no such person any more."))
    return held


def list_new_names(held: Person, values: Mapping[str, Any]) -> dict[str, str]:
    """Identifiers that the person does not have yet."""
    names = [name for name in values if name in PERSON_KINDS]
    return {
        name: values[name]
        for name in names
        if write_contact(name, getattr(held, name)) != values[name]
    }


def write_contacts(
    person: Person, values: Mapping[str, Any], faults: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`values` with the e-mail and the phone as they are stored.

    Raises Invalid for new ones that are none, and for `faults`; what was kept before may stay.
    """
    given = {name: values[name] for name in LENGTHS if name in values}
    new = {name: text for name, text in given.items() if text != getattr(person, name)}
    found = {name: find_contact_fault(name, text) for name, text in new.items()}
    wrong = {name: fault for name, fault in found.items() if fault} | dict(faults or {})
    if wrong:
        raise Invalid(_("Some values are wrong; see fields."), fields=wrong)
    return {**values, **{name: write_contact(name, text) for name, text in given.items()}}


def find_person_faults(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with other columns of a person, as sentences by column."""
    faults = {}
    for name in PLACES:
        if find_column_fault({name: values.get(name, "")}):
            faults[name] = _("This is no %(name)s that can be stored.") % {"name": name}
    attributes = values.get("attributes", {})
    if not are_attributes_good(attributes):
        bad = [name for name in attributes if not ATTRIBUTE_NAME.fullmatch(name)]
        faults["attributes"] = (
            _("%(names)s: a name is 1 to 128 letters, digits or signs, no quotes.")
            % {"names": ", ".join(bad)}
            if bad
            else _(
                "At most 100 attributes, each a text of at most 1024 letters, a number or a list."
            )
        )
    return faults


def _list_changes(held: Person, values: Mapping[str, Any]) -> list[str]:
    columns = [name for name in values if name != "attributes"]
    changed = [name for name in columns if getattr(held, name) != values[name]]
    old, new = held.attributes, values.get("attributes", held.attributes)
    names = [name for name in {**old, **new} if not _is_same(old.get(name), new.get(name))]
    return changed + [f"attributes.{name}" for name in names]


def _is_same(old: Any, new: Any) -> bool:
    """Whether two attributes are the same, 1 and true being different."""
    return type(old) is type(new) and bool(old == new)


def opt_out(person: Person, *, reason: str, actor: str, now: datetime) -> bool:
    """Nothing is sent to the person from now on; False when they were out already.

    Raises Invalid for a reason of more than 200 letters.
    """
    fault = find_text_fault(reason, MAX_REASON)
    if fault:
        raise Invalid(fault, fields={"reason": fault})
    columns = {"opted_out_at": now, "opt_out_reason": reason.strip()}
    return _switch(person, True, columns, "opt_out", actor, now)


def opt_in(person: Person, *, actor: str, now: datetime) -> bool:
    """Let the person get messages again; False when they were not out."""
    columns = {"opted_out_at": None, "opt_out_reason": ""}
    return _switch(person, False, columns, "opt_in", actor, now)


def _switch(
    person: Person, is_out: bool, columns: dict[str, Any], verb: str, actor: str, now: datetime
) -> bool:
    with transaction.atomic():
        unmoved = Person.objects.filter(pk=person.pk, opted_out_at__isnull=is_out)
        if not unmoved.update(**columns, updated_at=now):
            return False
        record_audit(actor, verb, person, workspace=person.workspace, fields=["opted_out"], now=now)
    person.refresh_from_db(fields=[*columns, "updated_at"])
    return True


def enable_token(device: Device, *, actor: str, now: datetime) -> None:
    """Let a token that a vendor called dead be sent to again. Raises Conflict for another one.

    The next vendor that calls it dead switches it off again.
    """
    off = Device.objects.filter(
        pk=device.pk, token_state=Device.TokenState.DISABLED, token_hash__isnull=False
    )
    with transaction.atomic():
        done = off.update(
            token_state=Device.TokenState.ACTIVE,
            token_evidence=ENABLED,
            token_state_at=now,
            updated_at=now,
        )
        if not done:
            raise Conflict(_("Only a token that is disabled can be enabled again."))
        record_audit(
            actor, "enable_token", device, workspace=device.app.workspace,
            fields=["token_state"], now=now,
        )  # fmt: skip
    device.refresh_from_db()
