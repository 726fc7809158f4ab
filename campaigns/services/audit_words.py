"""The audit log in words: what was done, to which kind of row, which fields. The log itself, its
filters and its file keep the codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign
from campaigns.services.job_kinds import JOBS, KINDS

VERBS: Mapping[str, str | Promise] = {
    "accept_invitation": gettext_lazy("Invitation accepted"),
    "add": gettext_lazy("Added"),
    "add_members": gettext_lazy("People labelled"),
    "apply": gettext_lazy("Import begun"),
    "approve_campaign": gettext_lazy("Campaign approved"),
    "archive": gettext_lazy("Archived"),
    "archive_template": gettext_lazy("Template archived"),
    "bind": gettext_lazy("Bound"),
    "bypass_approval": gettext_lazy("Sent without approval"),
    "cancel_job": gettext_lazy("Job cancelled"),
    "cancel_transfer": gettext_lazy("Transfer cancelled"),
    "cancelled_campaign": gettext_lazy("Campaign cancelled"),
    "change": gettext_lazy("Changed"),
    "change_campaign_rate": gettext_lazy("Rate of a campaign changed"),
    "change_role": gettext_lazy("Role changed"),
    "change_tag": gettext_lazy("Tag of devices changed"),
    "change_transfer_rate": gettext_lazy("Rate of a transfer changed"),
    "check": gettext_lazy("Checked"),
    "close_device_door": gettext_lazy("Device door closed"),
    "create": gettext_lazy("Created"),
    "create_campaign": gettext_lazy("Campaign created"),
    "create_template": gettext_lazy("Template created"),
    "create_test_group": gettext_lazy("Test group created"),
    "delete": gettext_lazy("Deleted"),
    "delete_test_group": gettext_lazy("Test group deleted"),
    "download_audit": gettext_lazy("Audit log downloaded"),
    "download_rejected": gettext_lazy("Rows left out downloaded"),
    "download_recipients": gettext_lazy("List of recipients downloaded"),
    "drop_marks": gettext_lazy("Tag taken from devices"),
    "duplicate_campaign": gettext_lazy("Campaign copied"),
    "enable_token": gettext_lazy("Token enabled again"),
    "erase": gettext_lazy("Erased"),
    "export_data": gettext_lazy("All data of a person taken"),
    "forget_attribute": gettext_lazy("Index of an attribute given up"),
    "grant_role": gettext_lazy("Role given"),
    "index_attribute": gettext_lazy("Attribute indexed"),
    "invite": gettext_lazy("Invited"),
    "issue": gettext_lazy("Key issued"),
    "launch_campaign": gettext_lazy("Campaign launched"),
    "lift_tombstone": gettext_lazy("Erased person let come back"),
    "merge": gettext_lazy("Merged"),
    "move": gettext_lazy("Given to another person"),
    "open_device_door": gettext_lazy("Device door opened"),
    "opt_in": gettext_lazy("Opted in"),
    "opt_out": gettext_lazy("Opted out"),
    "paused_campaign": gettext_lazy("Campaign paused"),
    "pause_transfer": gettext_lazy("Transfer paused"),
    "plan_resend": gettext_lazy("Sending again planned"),
    "recall_transfer": gettext_lazy("Transfer taken back"),
    "recurring_campaign": gettext_lazy("Series resumed"),
    "regenerate_secret": gettext_lazy("New secret made"),
    "register_devices": gettext_lazy("Devices registered"),
    "remove_members": gettext_lazy("Label taken from people"),
    "repeat_unknown": gettext_lazy("Sent again to whom nobody knows about"),
    "request_approval": gettext_lazy("Approval asked for"),
    "reschedule_campaign": gettext_lazy("Campaign put off"),
    "restore": gettext_lazy("Restored"),
    "restore_template": gettext_lazy("Template restored"),
    "resume_transfer": gettext_lazy("Transfer resumed"),
    "revoke": gettext_lazy("Key revoked"),
    "send_back_campaign": gettext_lazy("Campaign sent back"),
    "sending_campaign": gettext_lazy("Campaign resumed"),
    "set": gettext_lazy("Set up"),
    "start_campaign": gettext_lazy("Campaign started at once"),
    "suppress": gettext_lazy("Suppressed"),
    "take_role": gettext_lazy("Role taken away"),
    "test_campaign": gettext_lazy("Test sent"),
    "unmerge": gettext_lazy("Merge taken back"),
    "unschedule_campaign": gettext_lazy("Campaign made a draft again"),
    "unsuppress": gettext_lazy("Taken off the suppression list"),
    "update": gettext_lazy("Updated"),
    "update_campaign": gettext_lazy("Campaign edited"),
    "update_template": gettext_lazy("Template edited"),
    "update_test_group": gettext_lazy("Test group edited"),
    "upload": gettext_lazy("File uploaded"),
    "void_approval": gettext_lazy("Approval voided"),
    "withdraw": gettext_lazy("Withdrawn"),
    "withdraw_invitation": gettext_lazy("Invitation withdrawn"),
}
# Kinds of rows that the log tells of, by the names of their models.
TARGETS = (
    "account", "apikey", "app", "appgroup", "campaign", "device", "door", "group", "import",
    "invitation", "job", "label", "membership", "messagetemplate", "person", "route", "scenario",
    "scriptrecord", "scriptschedule", "segment", "suppression", "testgroup", "transfer", "user",
    "workspace",
)  # fmt: skip
# Fields that are no columns, or whose columns are called by other words.
FIELDS: Mapping[str, str | Promise] = {
    "members": gettext_lazy("members"),
    "opted_out": gettext_lazy("opt-out"),
    "secrets": gettext_lazy("secrets"),
    "tags": gettext_lazy("tags"),
}


def name_verb(verb: str) -> str:
    """What was done; one that a later version has is told as it can be read."""
    for beginning, say in _COMPOSED.items():
        if verb not in VERBS and verb.startswith(beginning):
            return say(verb.removeprefix(beginning))
    status = verb.removesuffix("_campaign")
    if verb not in VERBS and status in Campaign.Status.values:
        return _("Campaign: %(status)s") % {"status": Campaign.Status(status).label}
    return str(VERBS.get(verb, verb.replace("_", " ")))


def _say_start(kind: str) -> str:
    label = KINDS[kind].label if kind in KINDS else kind.replace("_", " ")
    return _("Job begun: %(kind)s") % {"kind": label}


def _say_download(role: str) -> str:
    label = _list_files().get(role, role.replace("_", " "))
    return _("Downloaded: %(file)s") % {"file": label}


_COMPOSED: Mapping[str, Callable[[str], str]] = {"start_": _say_start, "download_": _say_download}


def _list_files() -> dict[str, str | Promise]:
    """Files of jobs by their roles; several kinds of jobs share one."""
    return {file.role: file.label for kind in JOBS for file in kind.files}


def list_verbs() -> list[tuple[str, str]]:
    """All that is ever done, by its words."""
    composed = {f"start_{kind}" for kind in KINDS} | {f"download_{role}" for role in _list_files()}
    return _sort((verb, name_verb(verb)) for verb in {*VERBS, *composed})


def list_kinds() -> list[tuple[str, str]]:
    """All kinds of rows, by their words."""
    return _sort((kind, name_kind(kind)) for kind in TARGETS)


def _sort(named: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(named, key=lambda one: one[1].casefold())


def name_kind(kind: str) -> str:
    """What kind of row it was done to."""
    model = _find_model(kind)
    return str(model._meta.verbose_name) if model else kind.replace("_", " ")


def name_fields(kind: str, fields: Iterable[str]) -> str:
    """The fields that were changed, in their order."""
    model = _find_model(kind)
    return ", ".join(_name_field(model, field) for field in fields)


def _name_field(model: type[Model] | None, field: str) -> str:
    if field in FIELDS:
        return str(FIELDS[field])
    side, _dot, name = field.partition(".")
    if name and side in ("attributes", "custom"):  # whose names people have given
        return _("attribute %(name)s") % {"name": name}
    if name and (own := _find_model(side)):  # what an import may change: `person.email`
        return f"{own._meta.verbose_name}: {_name_field(own, name)}"
    try:
        column = model._meta.get_field(field) if model else None
    except FieldDoesNotExist:
        column = None
    return str(getattr(column, "verbose_name", "") or field.replace("_", " "))


@cache
def _find_model(kind: str) -> type[Model] | None:
    for label in ("campaigns", "auth"):
        if kind in apps.all_models[label]:
            return apps.all_models[label][kind]
    return None
