"""Which calls suffer which faults: by share, by count, by recipient; the same ones every time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.simulator import FAULTS, FaultPlan, read_plan
from providers.simulator.faults import CallKind
from providers.simulator.plan import Seen

NOW = datetime(2026, 11, 20, 12, 0, 17, tzinfo=UTC)


def plan(*faults: Any, seed: int = 7) -> FaultPlan:
    return read_plan({"seed": seed, "faults": list(faults)})


def see(number: int, *recipients: str, kind: CallKind = CallKind.SEND, **fields: Any) -> Seen:
    digest = fields.pop("digest", f"call {number}")
    return Seen(number=number, kind=kind, digest=digest, recipients=recipients, **fields)


def list_given(of: FaultPlan, calls: int = 1000) -> list[int]:
    """Numbers of the calls that suffer anything."""
    return [number for number in range(1, calls + 1) if of.choose(see(number), NOW)]


def test_a_share_of_all_calls_suffers():
    given = list_given(plan("error_503:p=0.1"))

    assert 70 < len(given) < 130


def test_the_same_seed_and_calls_give_the_same_fates_in_any_order():
    forth, back = plan("error_503:p=0.3"), plan("error_503:p=0.3")

    first = {number: bool(forth.choose(see(number), NOW)) for number in range(200)}
    second = {number: bool(back.choose(see(number), NOW)) for number in reversed(range(200))}

    assert first == second
    assert list_given(plan("error_503:p=0.3", seed=8)) != list_given(plan("error_503:p=0.3"))


def test_another_try_of_the_same_call_may_pass():
    tries = plan("error_503:p=0.5")

    fates = [bool(tries.choose(see(number, digest="same"), NOW)) for number in range(40)]

    assert {True, False} == set(fates)


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ("html:nth=3", [3]),
        ("html:nth=3-5", [3, 4, 5]),
        ("html:every=4", [4, 8]),
        ("html:times=2", [1, 2]),
        ("html", list(range(1, 11))),
        ("html:every=2,times=2", [2, 4]),
        ({"fault": "html", "nth": 9}, [9]),
    ],
)
def test_calls_are_counted(rule, numbers):
    assert list_given(plan(rule), 10) == numbers


def test_a_rule_counts_only_the_calls_that_it_concerns():
    second = plan("error_500:nth=2,on=status,dialect=acme")
    calls = [
        see(1, dialect="acme", kind=CallKind.STATUS),
        see(2, dialect="acme", kind=CallKind.SEND),
        see(3, dialect="other", kind=CallKind.STATUS),
        see(4, dialect="acme", kind=CallKind.STATUS),
    ]

    given = [bool(second.choose(seen, NOW)) for seen in calls]

    assert given == [False, False, False, True]


def test_a_share_of_recipients_suffers_and_always_the_same_ones():
    tenth = plan("unregistered:recipient=0.1")
    everybody = [f"t{number}" for number in range(1000)]

    [one] = tenth.choose(see(1, *everybody), NOW)
    [other] = tenth.choose(see(2, *reversed(everybody)), NOW)

    concerned = {name for name in everybody if one.concerns(name)}
    assert 70 < len(concerned) < 130
    assert concerned == {name for name in everybody if other.concerns(name)}


def test_a_call_without_a_chosen_recipient_does_not_suffer():
    one = plan("error_400:id=t7")

    assert one.choose(see(1, "t1", "t2"), NOW) == ()
    assert [item.name for item in one.choose(see(2, "t1", "t7"), NOW)] == ["error_400"]


def test_a_storm_lasts_for_its_time_and_for_every_call():
    storm = plan("error_503:nth=2,lasting=60")
    moments = (0, 1, 30, 60.9, 61.1)

    given = [
        bool(storm.choose(see(number), NOW + timedelta(seconds=second)))
        for number, second in enumerate(moments, 1)
    ]

    assert given == [False, True, True, True, False]


def test_a_used_up_quota_is_back_with_the_next_full_minute():
    quota = plan("quota_exhausted:nth=1")

    [given] = quota.choose(see(1), NOW)

    assert given.until == NOW.replace(minute=1, second=0)
    assert quota.choose(see(2), NOW + timedelta(seconds=42))
    assert not quota.choose(see(3), NOW + timedelta(seconds=43))


def test_one_fault_of_a_stage_is_given_and_several_stages_combine():
    many = plan("error_503", "error_500", "html", "latency", "latency:low=9", "half_body")

    given = [item.name for item in many.choose(see(1), NOW)]

    assert given == ["error_503", "html", "latency", "latency", "half_body"]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_written_and_read_again(name):
    fault = FAULTS[name]
    shares = "" if not fault.knows_call else ",recipient=0.5" * (fault.on is CallKind.SEND)
    settings = "".join(f",{option}={value}" for option, value in fault.options.items())
    whole = plan(f"{name}:p=0,nth=2-3,every=2,times=4,lasting=1.5{shares}{settings}")

    again = read_plan(json.loads(json.dumps(whole.write())))

    assert again.rules == whole.rules
    assert again.seed == 7


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("error_999", "There is no fault 'error_999'. Known are: accepted_500, "),
        ({"fault": []}, "There is no fault []. Known are: "),
        ({}, "There is no fault ''. Known are: "),
        (7, "A fault is a text or an object, not 7."),
        ("html:p", "'p' in 'html:p' is no name=value."),
        ("html:p=2", "html: p=2 is no share from 0 to 1."),
        ("html:p=nan", "html: p=nan is no share from 0 to 1."),
        ("html:nth=0", "html: nth=0 is no number from 1 or range such as 3-7."),
        ("html:nth=5-3", "html: nth=5-3 is no number from 1 or range such as 3-7."),
        ("html:every=-1", "html: every=-1 is no number from 1."),
        ("html:lasting=-1", "html: lasting=-1 is no number of seconds."),
        ("html:on=lunch", "html: on=lunch is no kind of call (send, status, receipts, report, "),
        (
            "html:seconds=3",
            "html has no 'seconds'. It takes: p, nth, every, recipient, id, times, ",
        ),
        ("html:accepted=maybe", "html: accepted=maybe is not yes or no."),
        ("error_429:retry_after=soon", "is not a number of seconds, date:30, huge or garbage"),
        ("error_429:retry_after=date:x", "is not a number of seconds, date:30, huge or garbage"),
        ("clock_skew:seconds=1e300", "clock_skew: seconds=1e300 is not a number."),
        ("silence:seconds=long", "silence: seconds=long is not a number."),
        ("close_before_reading:recipient=0.1", "is decided before the call is read"),
        ("tls_error:on=send", "is decided before the call is read"),
        ("unregistered:on=status", "unregistered befalls calls on=send and no others."),
        ("html:on=report,recipient=0.1", "only calls on=send and on=status have recipients"),
    ],
)
def test_a_malformed_fault_is_refused_in_words(fault, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        plan(fault)


@pytest.mark.parametrize(
    "wish", [None, [], {"fault": "html"}, {"faults": "html"}, {"seed": 1.5}, {"seed": True}]
)
def test_what_is_no_plan_is_refused(wish):
    with pytest.raises(ValueError, match=r"plan|list|number"):
        read_plan(wish)
