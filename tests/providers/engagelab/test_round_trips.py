"""What scripts write comes back as they wrote it, and what we write as we meant it."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from providers.audience_calls import ChangeTag
from providers.commands import Accepted, AcceptedMany, SendPush
from providers.inbound import Call
from providers.json_values import apply_patch, find_patch, strip_nulls
from providers.message_fields import Platform
from providers.outcomes import Refusal
from providers.receipts import ReceiptKind
from providers.recipients import Audience
from providers.reports import Metric, Totals, TotalsRows, TransferTotals, VendorTotal
from providers.vendors.engagelab import (
    wire,
    wire_groups,
    wire_schedules,
    wire_sends,
    wire_stats,
    wire_tags,
    wire_targets,
)
from providers.vendors.engagelab.wire_errors import STATUSES, Code, Refused, write_refusal
from providers.vendors.engagelab.wire_values import Block
from tests.providers.engagelab import strategies

NUMBERS = st.integers(1, 2**53).map(str)
COUNTS = st.integers(0, 10**6)


def travel(body: Any) -> Any:
    return json.loads(json.dumps(body))


def read(body: Any) -> SendPush:
    """The push of a call, if the vendor takes such a one."""
    try:
        return wire_sends.read_push(Call(body=travel(body)))
    except Refusal:
        assume(False)
        raise


def normalize(body: dict[str, Any]) -> dict[str, Any]:
    """What differs although nothing is lost: an empty object of options, an empty language."""
    known = strip_nulls(copy.deepcopy(body))
    if known["body"].get("options") == {}:
        del known["body"]["options"]
    if isinstance(known["to"], dict):
        known["to"] = {name: value for name, value in known["to"].items() if value != []}
    return known


@given(strategies.CALLS)
def test_a_call_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    push = read(body)

    assert normalize(wire_sends.write_push(push)) == normalize(body)


@given(strategies.CALLS)
def test_a_push_comes_back_from_its_own_call(body: dict[str, Any]) -> None:
    push = read(body)

    assert read(wire_sends.write_push(push)) == push


@given(strategies.AUDIENCES)
def test_an_audience_comes_back(audience: Audience) -> None:
    to = wire_targets.write_targets((), audience)

    assert wire_targets.read_targets(Block({"to": travel(to)}), ()) == ((), audience)


@given(strategies.JSON, strategies.JSON)
def test_a_patch_makes_of_one_object_the_other(one: Any, other: Any) -> None:
    base, wanted = {"a": one, "b": 1}, {"a": other, "c": True}

    patched = apply_patch(base, travel(find_patch(base, wanted)))

    assert json.dumps(patched, sort_keys=True) == json.dumps(wanted, sort_keys=True)


@given(NUMBERS, st.none() | strategies.TEXT)
def test_an_answer_comes_back(number: str, request_id: str | None) -> None:
    body = travel(wire_sends.write_accepted(Accepted(number), request_id))

    assert wire_sends.read_accepted(body) == Accepted(number)
    assert body.get("request_id") == request_id


@given(st.lists(NUMBERS, min_size=1, max_size=4), st.sampled_from(Code))
def test_a_groups_answer_comes_back(numbers: list[str], code: Code) -> None:
    entries = (*map(Accepted, numbers), Refused(code, "No."))
    names = tuple(f"{place:024d}" for place in range(len(entries)))
    body = travel(wire_groups.write_group_accepted(AcceptedMany(
        entries=entries, reference="cbou2uum98lps87rtic0", names=names
    )))  # fmt: skip

    found = wire_groups.read_group_accepted(body)

    refused = found.entries[-1]
    assert (found.names, found.reference) == (names, "cbou2uum98lps87rtic0")
    assert found.entries[:-1] == entries[:-1]
    assert isinstance(refused, Refused)
    assert (refused.number, refused.status) == (code, STATUSES[code])


@given(COUNTS, COUNTS, COUNTS | st.none(), COUNTS | st.none())
def test_totals_come_back(sent: int, targets: int, shown: int | None, opened: int | None) -> None:
    total = Totals(
        targets=targets,
        sent=sent,
        receipts={ReceiptKind.SHOWN: shown, ReceiptKind.OPENED: opened},
    )
    row = TransferTotals(
        transfer="17", app="1", tag="spring", name="", state="sent", created_at=None, total=total
    )

    found = wire_stats.read_totals("17", travel(wire_stats.write_detail(TotalsRows((row,)))))

    assert found == (
        VendorTotal(Metric.SENT, sent),
        VendorTotal(Metric.DELIVERED, None),
        VendorTotal(Metric.SHOWN, shown),
        VendorTotal(Metric.OPENED, opened),
    )


@given(strategies.IDS, strategies.IDS, strategies.NAMES)
def test_a_change_of_a_tag_comes_back(add: list[str], remove: list[str], tag: str) -> None:
    change = ChangeTag(
        app="", tag=tag, kind="registration_id", add=tuple(add), remove=tuple(remove)
    )

    call = Call(body=travel(wire_tags.write_change_tag(change)), path={"tag": tag})

    assert wire_tags.read_change_tag(call) == change


@given(strategies.NAMES, strategies.TEXT.filter(lambda text: "\0" not in text))
def test_credentials_come_back(key: str, secret: str) -> None:
    headers = {"authorization": wire.write_headers(key, secret)["Authorization"]}

    shown = wire.read_authorization(Call(headers=headers))

    assert (shown.key, shown.secret, shown.is_group) == (key, secret, False)


@given(st.sampled_from(Code))
def test_an_error_comes_back(code: Code) -> None:
    reply = write_refusal(Refused(code, "No."))

    assert reply.status == STATUSES[code]
    assert travel(reply.body) == {"error": {"code": int(code), "message": "No."}}


TIMES = st.datetimes().map(lambda moment: moment.replace(microsecond=0, year=2027))


@given(strategies.CALLS, TIMES, st.sampled_from([0, 1, 2]))
def test_a_kept_schedule_plans_what_was_asked(body: Any, moment: Any, zone: int) -> None:
    push = read(body)
    single = {"time": moment.strftime(wire_schedules.TIME_FORM), "zone_type": zone}
    call = {"name": "Once", "enabled": True, "trigger": {"single": single}, "push": body}

    plan = wire_schedules.read_schedule_body(Block(travel(call)))

    assert plan.push is not None
    assert plan.push.parts == push.parts
    assert plan.push.wall_clock == moment.isoformat()
    assert plan.recurrence == (None if zone == 2 else {"unit": "day", "runs": 1})


@given(st.integers(1, 60), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_days_of_users_are_those_that_were_asked_for(duration: int, start: date) -> None:
    query = {"time_unit": "DAY", "start": start.isoformat(), "duration": str(duration)}

    command = wire_stats.read_users(Call(query=query))

    assert command.date_from == start
    assert command.date_to == start + timedelta(days=duration - 1)


def test_every_platform_has_a_channel_of_the_vendors_own() -> None:
    assert set(wire_stats.OWN_CHANNELS) == set(Platform)
