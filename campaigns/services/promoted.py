"""Custom attributes with an index of their own: wanted, made in the background, given up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import Conflict, Invalid
from campaigns.models import App, Job, Membership, PromotedAttribute
from campaigns.models.attribute_indexes import (
    alone,
    build_index,
    drop_index,
    learn_values,
    name_index,
)
from campaigns.selectors.attributes import (
    ATTRIBUTE_NAME,
    Attribute,
    NumberAttribute,
    TextAttribute,
    quote,
)
from campaigns.services.access import record_audit
from campaigns.services.jobs import JobKind, Step, start_job
from campaigns.services.locks import Lock, lock_app

BUSY_SECONDS = 2  # between two looks whether another index is made
MAX_PROMOTED = 10  # of an app: each makes every write of a device or person dearer
SEEN_AS: Mapping[str, type[Attribute]] = {"text": TextAttribute, "number": NumberAttribute}


def promote_attribute(
    app: App, owner: str, name: str, *, actor: str, now: datetime
) -> PromotedAttribute:
    """Want an index; a job makes it. Raises Invalid, or Conflict when there are 10 already."""
    if owner not in PromotedAttribute.Owner.values or not ATTRIBUTE_NAME.fullmatch(name):
        raise Invalid(_("There is no such attribute."))
    with transaction.atomic():
        lock_app(app, Lock.ATTRIBUTES)
        kept = PromotedAttribute.objects.filter(app=app)
        known = kept.filter(owner=owner, name=name).first()
        if known is not None:
            return known
        if kept.count() >= MAX_PROMOTED:
            words = _("At most %(most)d attributes can be indexed; stop indexing one first.")
            raise Conflict(words % {"most": MAX_PROMOTED})
        promoted = PromotedAttribute.objects.create(
            app=app, owner=owner, name=name, created_at=now, created_by=actor
        )
        _change(promoted, "index_attribute", actor, now)
    return promoted


def demote_attribute(promoted: PromotedAttribute, *, actor: str, now: datetime) -> None:
    """Do without; the index goes once no app wants it."""
    with transaction.atomic():
        _change(promoted, "forget_attribute", actor, now)
        promoted.delete()


def _change(promoted: PromotedAttribute, verb: str, actor: str, now: datetime) -> None:
    app = promoted.app
    record_audit(actor, verb, app, workspace=app.workspace, fields=["attributes"], now=now)
    params = {"owner": promoted.owner, "name": promoted.name}
    start_job(INDEX, app, params, actor=actor, now=now, total=len(SEEN_AS))


def write_expression(kind: str, name: str) -> str:
    """What the index is on: as a query would write it, of a plain column."""
    seen = SEEN_AS[kind]
    if connection.vendor == "postgresql":
        return seen.on_postgresql.format(column="attributes", name=quote(name))
    return seen.on_sqlite.format(column="attributes", name=quote(f'$."{name}"'))


def _index(job: Job, now: datetime) -> Step:
    """One index made or dropped, as is wanted by now; doing it again does nothing."""
    owner, name = job.params["owner"], job.params["name"]
    wanted = PromotedAttribute.objects.filter(owner=owner, name=name)
    kind = list(SEEN_AS)[job.done]
    with alone() as is_ours:
        if not is_ours:  # another worker makes one, which may take minutes
            return Step(cursor=job.cursor, done=job.done, wait=BUSY_SECONDS)
        if wanted.exists():
            build_index(owner, name_index(owner, name, kind), write_expression(kind, name))
        else:
            drop_index(name_index(owner, name, kind))
    is_last = job.done + 1 == len(SEEN_AS)
    if is_last and wanted.exists():
        learn_values(owner)
        wanted.update(is_ready=True)
    return Step(cursor={}, done=job.done + 1, is_last=is_last)


def list_promoted(app: App) -> list[Any]:
    """By owner and name."""
    return list(PromotedAttribute.objects.filter(app=app).order_by("owner", "name"))


INDEX = JobKind(
    key="index_attribute",
    label=gettext_lazy("Index an attribute"),
    step=_index,
    role=Membership.Role.ADMIN,
    is_atomic=False,
)
JOBS: tuple[JobKind, ...] = (INDEX,)
