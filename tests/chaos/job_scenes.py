"""For each kind of long work, a job with many steps to go, begun in a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from tests.campaigns.importing import NOW, Choice, Root

ACTOR = "me"
LINES = 14_000
DEVICES = 7_500  # of them those whose number is even are switched off, by a vendor's word
RECIPIENTS = 60_000
COUNTRIES = ("DE", "FR", "ES", "MX")


def begin(kind: str) -> int:
    """Begin a job of that kind; gives its id."""
    from tests import builders

    app = builders.make_app(builders.make_workspace())
    job: int = SCENES[kind](app).pk
    return job


def list_lines(count: int, word: str = "u") -> list[bytes]:
    """A list of so many identifiers, some of them twice."""
    return ["".join(f"{word}{number - number % 50 // 49}\n" for number in range(count)).encode()]


def make_people(app: Any, count: int, **fields: Any) -> list[Any]:
    """People with a phone each, in the order of their numbers."""
    from campaigns.models import Device, Person
    from campaigns.models.audience import hash64

    people = Person.objects.bulk_create(
        Person(workspace=app.workspace, external_user_id=f"u{number}", attributes={"n": number})
        for number in range(count)
    )
    return list(
        Device.objects.bulk_create(
            Device(
                app=app, person=person, platform="android", token=token, token_hash=hash64(token),
                country=COUNTRIES[number % 4], attributes={"n": number}, **fields,
            )
            for number, person in enumerate(people)
            for token in [f"token-{number}"]
        )
    )  # fmt: skip


def make_books(app: Any, recipients: Iterable[int], outcome: str, reason: str = "") -> Any:
    """A transfer that settled so for these."""
    from campaigns.models import Cohort, Delivery, Message, Part, Transfer
    from campaigns.models.bulk import append_rows
    from tests import builders

    account = builders.make_route(app, "android").account
    numbers = list(recipients)
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), audience=len(numbers), status="sent", status_since=NOW,
        due_at=NOW, created_at=NOW,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"body": "Hi"})
    part = Part.objects.create(transfer=transfer, message=message)
    cohorts = [
        Cohort.objects.create(app=app, platform="android", country=name) for name in COUNTRIES
    ]
    rows = [
        (part.pk, number, 0, cohorts[number % 4].pk, account.pk, outcome, reason, NOW)
        for number in numbers
    ]  # fmt: skip
    columns = (
        "part",
        "recipient",
        "attempt_id",
        "cohort_id",
        "account_id",
        "outcome",
        "reason",
        "at",
    )
    append_rows(Delivery, columns, rows)
    return transfer


def erase(app: Any) -> Any:
    from campaigns.models import Message
    from campaigns.services.erase import start_erasure
    from tests import builders

    make_people(app, 3_000)
    Message.objects.bulk_create(
        Message(app=app, content={"body": f"Hi u{number}000!"}) for number in range(3_000)
    )
    admin = builders.make_member("admin", app.workspace, role="admin")
    lines = list_lines(2_500)
    return start_erasure(admin, app.workspace, lines, kind="external_user_id", actor=ACTOR, now=NOW)


def export(app: Any) -> Any:
    from campaigns.services.exports import What, start_export

    make_people(app, 15_000)
    return start_export(What.DEVICES, app, actor=ACTOR, now=NOW)


def check(app: Any) -> Any:
    """The dry run of an import."""
    return check_import(app).check_job


def check_import(app: Any) -> Any:
    from campaigns.models import Label
    from campaigns.services import imports
    from tests.chaos.importing import write_file

    Label.objects.create(app=app, name="vip")
    told = imports.Told("people.csv", "test")
    one = imports.begin_import(app, write_file(LINES), told, actor=ACTOR, now=NOW)
    choice = Choice(imports.propose(one))
    return imports.check_import(one, choice, principal=Root(), actor=ACTOR, now=NOW)


def apply(app: Any) -> Any:
    """What a dry run has shown."""
    from campaigns.dispatch.engine import name_worker
    from campaigns.models import Import
    from campaigns.services import imports
    from campaigns.services.job_work import drain_jobs

    one = check_import(app)
    drain_jobs(name_worker("jobs"))
    return imports.apply_import(
        Import.objects.get(pk=one.pk), principal=Root(), actor=ACTOR, now=NOW
    ).apply_job  # fmt: skip


def add_to_label(app: Any) -> Any:
    return change_label(app, "add", [])


def remove_from_label(app: Any) -> Any:
    return change_label(app, "remove", range(0, LINES, 2))


def change_label(app: Any, verb: str, members: Iterable[int]) -> Any:
    from campaigns.models import Label, LabelMember
    from campaigns.services.labels import BulkVerb, IdLines, change_by_list
    from tests import builders

    devices = make_people(app, LINES - 500)
    label = Label.objects.create(app=app, name="vip")
    inside = [devices[place].person_id for place in members if place < len(devices)]
    LabelMember.objects.bulk_create(
        LabelMember(label=label, person_id=person, added_at=NOW) for person in inside
    )
    Label.objects.update(member_count=len(inside))
    admin = builders.make_member("admin", app.workspace, role="admin")
    given = IdLines(list_lines(LINES), kind="external_user_id")
    return change_by_list(
        label, BulkVerb(verb), given, principal=admin, actor=ACTOR, now=NOW
    )  # fmt: skip


def index(app: Any) -> Any:
    from campaigns.models import Job
    from campaigns.services.promoted import promote_attribute

    make_people(app, 30_000)
    promote_attribute(app, "device", "n", actor=ACTOR, now=NOW)
    return Job.objects.get()


def report(app: Any) -> Any:
    from campaigns.services.report_jobs import Wanted, start_report

    make_books(app, range(1, RECIPIENTS + 1), "sent")
    wanted = Wanted((app,), "country", NOW - timedelta(days=1), NOW + timedelta(days=1), {})
    return start_report(app, wanted, actor=ACTOR, now=NOW)


def suppress(app: Any) -> Any:
    from campaigns.services.suppression_jobs import upload_suppressions
    from campaigns.services.suppressions import Place, Terms

    place, terms = Place(app.workspace, app), Terms(reason="complaint")
    return upload_suppressions(
        place, list_lines(LINES), terms, kind="external_user_id", actor=ACTOR, now=NOW
    )


def unsuppress(app: Any) -> Any:
    from campaigns.services.suppression_jobs import Removal, upload_suppressions
    from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions

    place = Place(app.workspace, app)
    entries = [Entry("external_user_id", f"u{number}") for number in range(0, LINES, 2)]
    add_suppressions(place, entries, Terms(reason="complaint"), actor=ACTOR, now=NOW)
    return upload_suppressions(
        place, list_lines(LINES), Removal("mistake"), kind="external_user_id", actor=ACTOR, now=NOW
    )


def enable(app: Any) -> Any:
    from campaigns.services.token_jobs import Doubted, start_enabling

    devices = make_people(app, DEVICES, token_state="disabled", token_state_at=NOW)
    bad = [device.pk for device in devices if device.pk % 10]
    transfer = make_books(app, bad, "failed", "token")
    return start_enabling(app, Doubted(since=NOW, transfer=transfer), actor=ACTOR, now=NOW)


SCENES: dict[str, Callable[[Any], Any]] = {
    "erase": erase,
    "export": export,
    "import_check": check,
    "import_apply": apply,
    "label_add": add_to_label,
    "label_remove": remove_from_label,
    "index_attribute": index,
    "report": report,
    "suppress": suppress,
    "unsuppress": unsuppress,
    "enable_tokens": enable,
}
