"""What our client writes, our routes read, and the other way round."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.commands import (
    Accepted,
    CreateGroup,
    FetchStatus,
    GroupRow,
    GroupRows,
    ListGroups,
    TransferState,
    TransferStatus,
)
from providers.contract import Dialect
from providers.outcomes import Failure, Outcome, Reason, Refusal, RefusalKind, Result
from providers.receipts import FetchReceipts, ReceiptEvent, ReceiptKind, ReceiptPage
from providers.recipients import Targets
from tests.vendor_cases.accounts import (
    GROUPED,
    RECEIPTS,
    REPORTING,
    SIMULATED,
    TELLING,
    load_own_data,
    make_account,
)
from tests.vendor_cases.doors import entering_door
from tests.vendor_cases.strategies import make_push, normalize, sends

URL = "http://vendor.example"
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def each(dialects: list[Dialect]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("dialect", dialects, ids=lambda dialect: dialect.key)


def find_reference(dialect: Dialect) -> str:
    """What a call is known by that was answered with the id 9."""
    return "" if load_own_data(dialect).get("answers_no_id") else "9"


def is_told(dialect: Dialect, name: str) -> bool:
    """Whether a call says that of a push; some vendors have no place for it."""
    return name not in load_own_data(dialect).get("untold", [])


@each(SIMULATED)
@given(data=st.data())
def test_a_send_is_read_as_it_was_written(dialect, data):
    platform, push = data.draw(sends(dialect))
    client = dialect.connect(make_account(dialect, URL))
    with entering_door(dialect, lambda command: Accepted("9", command.client_key)) as door:
        receipt = client.send(client.write(push))

    [command] = door.commands
    [part] = command.parts
    assert receipt.outcome is Outcome.ACCEPTED
    # Some vendors take our id of a call for their own.
    assert receipt.reference in (find_reference(dialect), push.client_key)
    assert list(map(name_targets, part.targets)) == list(map(name_targets, push.parts[0].targets))
    assert normalize(part.message, platform) == normalize(push.parts[0].message, platform)
    for name in ("client_key", "tag", "group"):
        assert getattr(command, name) == (getattr(push, name) if is_told(dialect, name) else "")


def name_targets(targets: Targets) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Kind, values and ids: what is our receipt token here is the caller's own id there."""
    return targets.kind, targets.values, targets.references or targets.ids


@each(SIMULATED)
def test_a_send_is_written_to_its_last_byte_before_anybody_is_called(dialect):
    client = dialect.connect(make_account(dialect, URL))
    push = make_push(dialect, 3, group="5")
    with entering_door(dialect, lambda command: Accepted("9", command.client_key)) as door:
        request = client.write(push)
        before = list(door.bodies)
        client.send(request)

    assert before == []
    assert door.bodies == [request.body]
    assert request == client.write(push)
    assert "canary" not in repr(request)


@each(TELLING)
@given(
    results=st.lists(
        st.builds(
            Result,
            index=st.integers(0, 2),
            outcome=st.sampled_from(Outcome),
            reason=st.none() | st.sampled_from(Reason),
            # Neither is a text that PostgreSQL keeps; half a character comes back as a whole one.
            message=st.text(
                st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20
            ),
            retry_after=st.none() | st.floats(0, 3600),
        ),
        max_size=3,
        unique_by=lambda result: result.index,
    )
)
def test_results_per_recipient_come_back(dialect, results):
    client = dialect.connect(make_account(dialect, URL))
    with entering_door(dialect, lambda command: Accepted("9", "", tuple(results))):
        receipt = client.send(client.write(make_push(dialect, 3)))

    assert receipt.results == tuple(results)


@each(GROUPED)
def test_a_group_is_found_before_it_is_created(dialect):
    account = make_account(dialect, URL)
    app = str(account.options["app_id"])
    row = GroupRow("5", app, "News", 5000)

    def answer(command):
        return GroupRows((row,)) if isinstance(command, ListGroups) else None

    with entering_door(dialect, answer) as door:
        group = dialect.connect(account).ensure_group(CreateGroup(app, "News"))

    assert group == "5"
    assert [type(command) for command in door.commands] == [ListGroups]


@each(REPORTING)
@given(
    moment=MOMENTS,
    state=st.sampled_from([TransferState.ACCEPTED, TransferState.SENDING, TransferState.SENT]),
)
def test_a_status_is_read_as_it_was_written(dialect, moment, state):
    status = TransferStatus(
        transfer="9",
        group="5",
        tag="news",
        state=state,
        created_at=moment.replace(microsecond=0),
        client_key="17",
    )

    with entering_door(dialect, lambda command: status) as door:
        client = dialect.connect(make_account(dialect, URL))
        fetched = client.fetch_status(FetchStatus(group="5", client_key="17"))

    assert fetched == status
    assert door.commands == [FetchStatus(group="5", client_key="17")]


@each(RECEIPTS)
@given(
    events=st.lists(
        st.builds(ReceiptEvent, st.text("abc.1"), st.sampled_from(ReceiptKind), MOMENTS), max_size=5
    )
)
def test_receipts_are_read_as_they_were_written(dialect, events):
    page = ReceiptPage(tuple(events), "77")

    with entering_door(dialect, lambda command: page) as door:
        client = dialect.connect(make_account(dialect, URL))
        fetched = client.fetch_receipts(FetchReceipts("70", 10))

    assert fetched == page
    assert door.commands == [FetchReceipts("70", 10)]


@each(SIMULATED)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (RefusalKind.MALFORMED, Reason.PAYLOAD),
        (RefusalKind.MISSING, Reason.PAYLOAD),
        (RefusalKind.INVALID, Reason.PAYLOAD),
        (RefusalKind.UNAUTHENTICATED, Reason.CREDENTIAL),
        (RefusalKind.FORBIDDEN, Reason.CREDENTIAL),
        (RefusalKind.TOO_LARGE, Reason.PAYLOAD),
        (RefusalKind.THROTTLED, Reason.THROTTLED),
        (RefusalKind.INTERNAL, Reason.VENDOR),
        (RefusalKind.UNAVAILABLE, Reason.VENDOR),
    ],
)
def test_a_refusal_is_understood_as_what_it_means(dialect, kind, reason):
    def refuse(command):
        raise Refusal(kind, "Words of the vendor", retry_after=7)

    client = dialect.connect(make_account(dialect, URL))
    request = client.write(make_push(dialect, group="5"))
    with entering_door(dialect, refuse), pytest.raises(Failure) as caught:
        client.send(request)

    assert caught.value.reason is reason
    assert "Words of the vendor" in caught.value.message
    assert caught.value.was_sent is not False
    assert caught.value.is_permanent is (caught.value.retry_after is None)


@each(SIMULATED)
@pytest.mark.parametrize("kind", list(RefusalKind))
def test_every_refusal_has_a_form(dialect, kind):
    own = {route.write_refusal for route in dialect.routes if route.write_refusal}

    for write in (dialect.write_refusal, *own):
        reply = write(Refusal(kind, "No", field="a.b"))
        assert 400 <= reply.status < 600
        assert reply.body
