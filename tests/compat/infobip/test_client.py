"""The vendor's own client, unmodified, over a socket: every call that it has and that we serve.

It builds its 800 models when it is imported, so that is done by the process that runs these
tests, not by each one that looks for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.compat.conftest import make_key
from tests.compat.infobip.test_failover import drain, mails, now, routed, simulator

if TYPE_CHECKING:
    from infobip_api_client import models
    from infobip_api_client.api.sms_api import SmsApi

__all__ = ["mails", "now", "routed", "simulator"]

pytestmark = pytest.mark.django_db(transaction=True)
NUMBERS = ("41793026727", "41793026834")
OpenApi = Callable[[str], AbstractContextManager["SmsApi"]]


@pytest.fixture
def url(live_server: Any) -> str:
    return f"{live_server.url}/compat/infobip"


@pytest.fixture
def open_api(url: str) -> OpenApi:
    """The client, with a key."""
    from infobip_api_client.api.sms_api import SmsApi
    from infobip_api_client.api_client import ApiClient, Configuration

    @contextmanager
    def open_api(key: str) -> Iterator[SmsApi]:
        with ApiClient(Configuration(host=url, api_key=key)) as api:
            yield SmsApi(api)

    return open_api


@pytest.fixture
def client(open_api: OpenApi, routed: Any) -> Iterator[SmsApi]:
    with open_api(make_key(routed)[1]) as api:
        yield api


def make_request(*numbers: str) -> models.SmsRequest:
    from infobip_api_client import models

    message = models.SmsMessage(
        sender="Shop",
        destinations=[models.SmsDestination(to=number) for number in numbers],
        content=models.SmsMessageContent(models.SmsTextContent(text="Hi")),
    )
    return models.SmsRequest(messages=[message])


def test_texts_are_sent_and_reported(client: SmsApi, now: Any) -> None:
    sent = client.send_sms_messages(make_request(*NUMBERS))
    drain(now)
    logs = client.get_outbound_sms_message_logs(bulk_id=[sent.bulk_id])
    reports = client.get_outbound_sms_message_delivery_reports(bulk_id=sent.bulk_id)
    again = client.get_outbound_sms_message_delivery_reports(bulk_id=sent.bulk_id)

    ids = {message.message_id for message in sent.messages}
    assert [message.destination for message in sent.messages] == list(NUMBERS)
    assert {message.status.group_name for message in sent.messages} == {"PENDING"}
    assert {row.message_id for row in logs.results} == ids
    assert {row.destination for row in logs.results} == set(NUMBERS)
    assert {row.message_id for row in reports.results} <= ids
    assert again.results == []


def test_a_wrong_key_is_told_so(open_api: OpenApi, routed: Any) -> None:
    from infobip_api_client.exceptions import UnauthorizedException

    with open_api("wrong") as api, pytest.raises(UnauthorizedException) as refused:
        api.send_sms_messages(make_request(*NUMBERS))

    assert refused.value.status == 401
