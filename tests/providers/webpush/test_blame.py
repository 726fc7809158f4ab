"""Whom a refusal of a service concerns that has taken pushes before: one browser, or everybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from providers.outbound import DeviceAnswer
from providers.outcomes import Reason
from providers.vendors.webpush.outbound import Calls
from providers.vendors.webpush.wire_auth import MOST_REFUSED
from tests.providers.webpush.browsers import Browser
from tests.providers.webpush.test_outbound import SERVICE, connect, write

MOZILLA = "https://updates.push.services.mozilla.com/wpush/v2"
FAULTS = [(401, Reason.CREDENTIAL), (403, Reason.CREDENTIAL), (413, Reason.PAYLOAD)]
MANY = MOST_REFUSED + 2


def open_calls(count: int, service: str = f"{SERVICE}/fcm/send") -> Calls:
    """A push to so many browsers of a service, of which the first was taken."""
    browsers = [Browser(f"{service}/{number}") for number in range(count)]
    calls = write(*(browser.token for browser in browsers), client=connect())
    calls.write(0)
    say(calls, 201)(0)
    return calls


def say(calls: Calls, status: int) -> Callable[[int], Reason | None]:
    """What such an answer means for the browser at a place."""
    return lambda place: calls.read(DeviceAnswer(place, status, {}, b"no")).reason


@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_what_a_service_refuses_to_everybody_is_not_the_browsers_fault(status, reason):
    calls = open_calls(MANY)

    reasons = [say(calls, status)(place) for place in range(1, MANY)]

    assert reasons == [Reason.NOT_ADDRESSABLE] * (MOST_REFUSED - 1) + [reason] * 2


@pytest.mark.parametrize(("status", "_reason"), FAULTS)
def test_one_browser_is_at_fault_however_often_it_is_refused(status, _reason):
    calls = open_calls(2)

    reasons = {say(calls, status)(1) for _time in range(3 * MOST_REFUSED)}

    assert reasons == {Reason.NOT_ADDRESSABLE}


@pytest.mark.parametrize(("status", "_reason"), FAULTS)
def test_who_is_refused_between_those_who_are_taken_is_at_fault(status, _reason):
    calls = open_calls(3 * MOST_REFUSED)

    reasons = set()
    for place in range(1, calls.count):
        reasons.add(say(calls, status)(place))
        say(calls, 201)(0)

    assert reasons == {Reason.NOT_ADDRESSABLE}


@pytest.mark.parametrize(("status", "reason"), FAULTS)
def test_a_service_that_takes_pushes_again_is_believed_again(status, reason):
    calls = open_calls(MANY)
    for place in range(1, MANY):
        say(calls, status)(place)
    refused = say(calls, status)(1)

    say(calls, 201)(0)

    assert (refused, say(calls, status)(1)) == (reason, Reason.NOT_ADDRESSABLE)


@pytest.mark.parametrize("service", ["https://wns2-par02p.notify.windows.com/w/?token=", MOZILLA])
def test_browsers_are_told_apart_where_a_service_tells_them_apart(service):
    calls = open_calls(MANY, service)

    reasons = [say(calls, 401)(place) for place in range(1, MANY)]

    assert reasons[-1] is Reason.CREDENTIAL
