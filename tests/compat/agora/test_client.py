"""Our own client, led through our own door with each of its credentials, for each of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rest_framework.test import RequestsClient

from campaigns.models import LabelMember, Transfer
from campaigns.services.messages import find_message_problems
from providers import http
from providers.commands import PushPart, SendPush
from providers.message import AndroidContent, IosContent, PushMessage, Text
from providers.outbound import AccountConfig
from providers.outcomes import Failure, Outcome, Reason
from providers.recipients import Audience, PersonKind, Targets
from providers.vendors.agora.outbound import Agora, TokenCache
from tests import builders
from tests.compat.agora.conftest import Script

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MESSAGE = PushMessage(
    title="Hello",
    body="World",
    channel="vendor",
    android=AndroidContent(badge=3, data='{"a":1}', channel_id="news"),
    ios=IosContent(badge=3, data='{"a":1}', subtitle="Sub", sound_name="ring.caf"),
    extras={"agora": {"vivo": {"pushMode": 1}}},
)
WAYS = ("token", "client", "certificate")


def make_push(*names: str, audience: Audience | None = None, **fields: Any) -> SendPush:
    targets = (Targets(PersonKind.EXTERNAL_USER_ID, names),) if names else ()
    return SendPush(parts=(PushPart(MESSAGE, targets, audience),), **fields)


@contextmanager
def lead(script: Script, way: str = "token", by_app_id: bool = False) -> Iterator[Agora]:
    """Our client at the script's door; vendor calls made inside end there."""
    public_id, _dot, secret = script.text.partition(".")
    credentials = {
        "token": {"token": script.text},
        "client": {"client_id": public_id, "client_secret": secret},
        "certificate": script.secrets,
    }
    names = dict(script.door.identifiers)
    if by_app_id:
        names["org_name"] = ""
    account = AccountConfig(
        public_id="acc-1",
        credentials=credentials[way],
        base_urls={"api": "http://testserver/compat/agora"},
        options=names,
    )
    with RequestsClient() as session, http.using_session(session):
        yield Agora(account, tokens=TokenCache())


@pytest.fixture
def real_time(script: Script, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are built at the time at which the door stands still."""

    class Moment:
        @staticmethod
        def now(zone: Any) -> Any:
            return clock.now.astimezone(zone)

    monkeypatch.setattr("providers.vendors.agora.outbound.datetime", Moment)


@pytest.mark.parametrize("by_app_id", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_named_users_are_sent_to(
    script: Script, people: Any, real_time: None, way: str, by_app_id: bool
) -> None:
    with lead(script, way, by_app_id) as client:
        receipt = client.send(client.write(make_push("test1", "test2")))

    kept = Transfer.objects.get().parts.get().message.read()
    assert (receipt.outcome, receipt.results) == (Outcome.ACCEPTED, ())
    assert kept == MESSAGE


def test_a_label_is_synchronised_and_sent_to(script: Script, people: Any) -> None:
    with lead(script) as client:
        client.ensure_label("vip", ("test1", "test2"), ())
        client.ensure_label("vip", (), ("test2",))
        receipt = client.send(client.write(make_push(audience=Audience(labels=("vip",)))))
        words = client.check().words

    (member,) = LabelMember.objects.filter(label__name="vip").select_related("person")
    assert member.person.external_user_id == "test1"
    assert Transfer.objects.get().pk == int(receipt.reference)
    assert "vip" in words


def test_everyone_is_sent_to(script: Script, people: Any) -> None:
    with lead(script) as client:
        receipt = client.send(client.write(make_push(audience=Audience())))

    assert Transfer.objects.get().pk == int(receipt.reference)


def test_one_users_outcome_is_waited_for(script: Script, people: Any, naps: Any) -> None:
    with lead(script) as client:
        receipt = client.send(client.write(make_push("test3", wait=20.0)))

    assert [(result.outcome, result.reason) for result in receipt.results] == [
        (Outcome.FAILED, Reason.NO_TOKEN)
    ]


def test_a_fourth_task_is_put_off(script: Script, people: Any) -> None:
    with lead(script) as client:
        request = client.write(make_push(audience=Audience()))
        for _call in range(3):
            client.send(request)
        with pytest.raises(Failure) as caught:
            client.send(request)

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.THROTTLED, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_credential_is_a_fault_of_the_account(
    script: Script, real_time: None, way: str
) -> None:
    script.text = script.text[:-4] + "abcd"
    with lead(script, way) as client:
        if way == "certificate":
            client.account.credentials["app_certificate"] = "0" * 32
        with pytest.raises(Failure) as caught:
            client.check()

    assert (caught.value.reason, caught.value.is_permanent) == (Reason.CREDENTIAL, True)


def test_compose_refuses_what_the_vendor_would_not_take(script: Script) -> None:
    builders.make_route(script.app, "android", dialect="agora")
    long = PushMessage(title="Hi", body="Hi", translations={"de": Text("a" * 33, "Hallo")})

    problems = find_message_problems(script.app, long, {"android": 1})

    assert [(problem.code, problem.field, problem.is_blocking) for problem in problems] == [
        ("vendor_refuses", "message.title", True)
    ]
    assert "at most 32 characters" in problems[0].sentence
