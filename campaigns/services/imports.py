"""Imports: a file is taken in, its columns are said, a dry run is begun, applied or cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import Conflict, Forbidden, Invalid, NotReady, Refused
from campaigns.models import ApiKey, App, Import, Job, JobPiece, Label, Workspace
from campaigns.models.audience import hash64
from campaigns.selectors.audience_fields import find_text_fault
from campaigns.services.access import Role, has_role, reaches_whole, record_audit
from campaigns.services.import_steps import APPLY, CHECK, UPLOAD, read_shape
from campaigns.services.import_targets import (
    Choice,
    check_choice,
    list_known_headings,
    propose_by_name,
    propose_mapping,
)
from campaigns.services.import_text import WINDOW, Shape, find_shape
from campaigns.services.jobs import (
    cancel_job,
    draft_job,
    keep_file,
    queue_job,
    read_file,
    start_job,
)
from providers.outcomes import RefusalKind

MAX_SOURCE = 255
MOST_FORMER = 20  # files of which it is remembered what their columns were


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a file: its name, and where its people come from and what they agreed to;
    and the label that its people are to get or to lose, where it was brought for that."""

    file_name: str
    source: str
    verb: str = Import.Verb.SAVE
    labels: tuple[int, ...] = ()


def begin_import(
    app: App, blocks: Iterable[bytes], told: Told, *, actor: str, now: datetime
) -> Import:
    """Take in a file, piece by piece. Raises Invalid, or Refused (TOO_LARGE).

    Whoever calls has asked for the role. Of a file that is refused nothing is kept.
    """
    told = replace(told, source=_check_source(told.source))
    check_labels(app, told.labels)
    job = draft_job(CHECK, app, {}, actor=actor, now=now)
    try:
        size = keep_file(job, UPLOAD, blocks, limit=settings.MAX_IMPORT_BYTES)
        if size is None:
            raise refuse_size()
        shape = find_shape(
            _read_head(job), is_all=size <= WINDOW, known=sorted(list_known_headings())
        )
    except BaseException as error:
        _drop(job, error, actor, now)
        raise
    return _create(app, job, shape, told, size)


def refuse_size() -> Refused:
    """What is said of a file over the cap."""
    words = _("A file has at most %(most)s MB here. Cut it into several.")
    return Refused(
        words % {"most": settings.MAX_IMPORT_BYTES // 1_000_000},
        kind=RefusalKind.TOO_LARGE,
        code="too_large",
    )


def _check_source(text: str) -> str:
    source = text.strip()
    fault = find_text_fault(source, MAX_SOURCE)
    if not source:
        fault = _("Say where these people come from and what they agreed to.")
    if fault:
        raise Invalid(fault, fields={"source": fault})
    return source


def _read_head(job: Job) -> bytes:
    head = b""
    for piece in read_file(job, UPLOAD):
        head += piece
        if len(head) >= WINDOW:
            break
    return head[:WINDOW]


def _drop(job: Job, error: BaseException, actor: str, now: datetime) -> None:
    JobPiece.objects.filter(job=job).delete()
    words = error.message if isinstance(error, Refused) else _("The upload broke off.")
    job.move_to(Job.Status.FAILED, actor=actor, now=now, note=words[:500], finished_at=now)


@transaction.atomic
def _create(app: App, job: Job, shape: Shape, told: Told, size: int) -> Import:
    one = Import.objects.create(
        app=app,
        file_name=told.file_name.replace("\0", "").strip()[:255],
        source=told.source,
        verb=told.verb,
        labels=list(told.labels),
        size=size,
        shape={
            "format": shape.format, "delimiter": shape.delimiter, "columns": shape.columns,
            "start": shape.start, "line": shape.line,
        },
        columns_hash=hash64("\0".join([shape.format, *shape.columns])),
        upload=job,
        created_at=job.created_at,
        created_by=job.created_by,
    )  # fmt: skip
    record_audit(job.created_by, "upload", one, workspace=app.workspace, now=job.created_at)
    return one


def propose(one: Import) -> dict[str, str]:
    """The mapping as it is, else as it was for the last file with this heading, else a guess."""
    if one.mapping:
        return dict(one.mapping)
    alike = Import.objects.filter(app=one.app_id, columns_hash=one.columns_hash)
    last = alike.exclude(mapping={}).order_by("-created_at").first()
    return propose_mapping(read_shape(one).columns, last.mapping if last else None)


def suggest_mapping(one: Import, attributes: Mapping[str, str]) -> dict[str, str]:
    """As `propose`, for a person who looks at it: a column of a new heading is what one of its name
    was in former files of the app, else what its name says, or an attribute that is known.

    `attributes` are types by names such as `person.custom.plan`.
    """
    alike = Import.objects.filter(app=one.app_id, columns_hash=one.columns_hash)
    if one.mapping or alike.exclude(mapping={}).exists():
        return propose(one)
    former = Import.objects.filter(app=one.app_id).exclude(mapping={}).order_by("-pk")
    remembered: dict[str, str] = {}
    for mapping in former.values_list("mapping", flat=True)[:MOST_FORMER]:
        remembered = {**mapping, **remembered}
    return propose_by_name(read_shape(one).columns, remembered, attributes)


def list_unread_columns(one: Import) -> list[str]:
    """Columns of the file that say nothing, as nobody has said what they are; none before the
    first dry run."""
    if one.check_job is None:
        return []
    columns = [*read_shape(one).columns, *one.check_job.cursor.get("others", ())]
    return [name for name in columns if name not in one.mapping]


def check_import(
    one: Import, choice: Choice, *, principal: Any, actor: str, now: datetime
) -> Import:
    """Say what the columns are and begin a dry run. Raises Invalid, Conflict."""
    check_choice(read_shape(one).columns, choice)
    check_labels(one.app, choice.labels)
    with transaction.atomic():
        _hold(one)
        refuse_running(one)
        if one.upload is None:
            raise NotReady(_("The file is no longer kept. Upload it again."))
        _keep_choice(one, choice, reaches_everybody(principal, one.app.workspace))
        if one.upload.status == Job.Status.DRAFT:
            one.check_job = one.upload
            queue_job(one.upload, actor=actor, now=now)
        else:
            one.check_job = start_job(CHECK, one.app, {}, actor=actor, now=now, total=one.size)
        one.save()
        record_audit(
            actor,
            "check",
            one,
            workspace=one.app.workspace,
            fields=choice.mapping.values(),
            now=now,
        )
    return one


def _hold(one: Import) -> None:
    """Wait for whoever begins something with it at this moment, and see what they have begun."""
    one.refresh_from_db(from_queryset=Import.objects.select_for_update(of=("self",)))


def reaches_everybody(principal: Any, workspace: Workspace) -> bool:
    """Whether somebody's imports change persons who are known in other apps alone."""
    if isinstance(principal, ApiKey):
        return reaches_whole(principal, workspace, ApiKey.Scope.AUDIENCE)
    return has_role(principal, workspace, Role.COMPOSER)


def reaches_all_of(principal: Any, one: Import) -> bool:
    """Whether somebody may be shown and may do all that the dry run of an import has found."""
    return not one.is_wide or reaches_everybody(principal, one.app.workspace)


def _keep_choice(one: Import, choice: Choice, is_wide: bool) -> None:
    one.mapping, one.verb, one.platform = dict(choice.mapping), choice.verb, choice.platform
    one.labels, one.moves_devices = list(choice.labels), choice.moves_devices
    one.is_wide, one.apply_job = is_wide, None


def check_labels(app: App, labels: Sequence[int]) -> None:
    """Raise Invalid unless the app has them all."""
    known = set(Label.objects.filter(app=app, pk__in=labels).values_list("pk", flat=True))
    if set(labels) - known:
        fault = _("The app has no such label.")
        raise Invalid(fault, fields={"labels": fault})


def find_running(one: Import) -> Job | None:
    """The dry run or the import that is not over."""
    jobs = (one.apply_job, one.check_job)
    return next((job for job in jobs if job is not None and job.status in Job.OPEN), None)


def refuse_running(one: Import) -> None:
    """Raise Conflict while it is worked on."""
    if find_running(one) is not None:
        raise Conflict(_("It is being worked on. Wait for its end, or cancel it first."))


def apply_import(one: Import, *, principal: Any, actor: str, now: datetime) -> Import:
    """Do what the dry run showed. Raises NotReady, Conflict, Forbidden.

    An import that was cancelled or broke off may be applied again: what is written already is
    unchanged then.
    """
    with transaction.atomic():
        _hold(one)
        checked = _find_checked(one)
        if not reaches_all_of(principal, one):
            raise Forbidden(
                _("This dry run changes people of other apps, too. Make one of your own first.")
            )
        total = checked.counts.get("rows", 0)
        one.apply_job = start_job(APPLY, one.app, {}, actor=actor, now=now, total=total)
        one.save(update_fields=["apply_job"])
        record_audit(actor, "apply", one, workspace=one.app.workspace, now=now)
    return one


def _find_checked(one: Import) -> Job:
    """The dry run that may be applied now. Raises NotReady, Conflict."""
    refuse_running(one)
    if one.check_job is None or one.check_job.status != Job.Status.DONE:
        raise NotReady(_("Let a dry run come to its end first."))
    if one.apply_job is not None and one.apply_job.status == Job.Status.DONE:
        raise Conflict(_("It is imported already."))
    return one.check_job


def cancel_import(one: Import, *, actor: str, now: datetime) -> Import:
    """Stop what is running; what is written stays. Raises Conflict where nothing runs."""
    job = find_running(one)
    if job is None:
        raise Conflict(_("Nothing of it is running."))
    cancel_job(job, actor=actor, now=now)
    return one


def name_state(one: Import) -> str:
    """Where it stands: uploaded, checking, checked, applying, applied, failed or cancelled."""
    job = one.apply_job or one.check_job
    if job is None:
        return "uploaded" if one.upload is not None else "failed"
    if job.status in Job.OPEN:
        return "applying" if one.apply_job else "checking"
    if job.status == Job.Status.DONE:
        return "applied" if one.apply_job else "checked"
    return str(job.status)
