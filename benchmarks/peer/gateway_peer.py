"""Other libraries, sending to a sink on loopback: `gateway_peer.py NAME URL COUNT`.

Runs in an environment of its own (`gateways.py` makes it) and prints what it took as JSON:
`{"sent": 5000, "seconds": 4.8, "cpu": 5.1}`. Connections are warm when the clock starts, and each
library is used as its README shows, with what it offers for speed: a session that is kept, its own
bulk call, as many at once as it allows.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

PROJECT = "bench"
BULK = 500  # the most that firebase-admin takes in a call
WARM = 500
AT_ONCE = 1000  # coroutines
TOKENS = (f"{number:012d}:APA91b{'x' * 133}" for number in range(10**9))
HEX_TOKENS = (f"{number:064x}" for number in range(10**9))
Send = Callable[[int], int]


def main() -> None:
    name, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    send = PEERS[name](url)
    send(WARM)
    began, cpu = time.monotonic(), time.process_time()
    sent = send(count)
    print(
        json.dumps(
            {
                "sent": sent,
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - cpu,
            }
        ),
        flush=True,
    )
    os._exit(0)  # what clients say of connections that are still open is nobody's business


def chunk(count: int) -> Iterator[list[str]]:
    tokens = islice(TOKENS, count)
    while some := list(islice(tokens, BULK)):
        yield some


def open_firebase(url: str) -> Any:
    import firebase_admin
    from firebase_admin import credentials, messaging

    class Granted(credentials.Base):
        """A key whose access token is at hand: fetching it is not what is measured."""

        def get_credential(self) -> Any:
            from google.oauth2.credentials import Credentials

            return Credentials(token="bench")

    messaging._MessagingService.FCM_URL = f"{url}/v1/projects/{{0}}/messages:send"
    firebase_admin.initialize_app(Granted(), {"projectId": PROJECT})
    return messaging


def prepare_django_push_notifications(url: str) -> Send:
    """Its bulk call, in the largest chunks that firebase-admin takes; it keeps no outcomes."""
    open_firebase(url)
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "push_notifications",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PUSH_NOTIFICATIONS_SETTINGS={"FCM_MAX_RECIPIENTS": BULK},
    )
    django.setup()
    from django.core.management import call_command
    from push_notifications.gcm import dict_to_fcm_message, send_message

    call_command("migrate", verbosity=0)

    def send(count: int) -> int:
        message = dict_to_fcm_message({"title": "Hi", "message": "There"})
        answered = [send_message(some, message) for some in chunk(count)]
        return sum(one.success_count for one in answered)

    return send


def prepare_firebase(url: str) -> Send:
    messaging = open_firebase(url)

    def send(count: int) -> int:
        return sum(messaging.send_each(write(messaging, some)).success_count
                   for some in chunk(count))  # fmt: skip

    return send


def prepare_firebase_async(url: str) -> Send:
    messaging = open_firebase(url)
    loop = asyncio.new_event_loop()

    async def run(count: int) -> int:
        answered = [
            await messaging.send_each_async(write(messaging, some), dry_run=False)
            for some in chunk(count)
        ]
        return sum(one.success_count for one in answered)

    return lambda count: loop.run_until_complete(run(count))


def write(messaging: Any, tokens: list[str]) -> list[Any]:
    notification = messaging.Notification(title="Hi", body="There")
    return [messaging.Message(token=token, notification=notification) for token in tokens]


def prepare_aioapns(url: str) -> Send:
    from aioapns import APNs, NotificationRequest
    from aioapns.connection import APNsProductionClientProtocol as Protocol
    from cryptography.hazmat.primitives.asymmetric import ec

    _scheme, _slashes, address = url.partition("//")
    Protocol.APNS_SERVER, port = address.split(":")
    Protocol.APNS_PORT = int(port)
    key = write_pem(ec.generate_private_key(ec.SECP256R1()))
    context, loop = ssl.create_default_context(), asyncio.new_event_loop()
    context.set_alpn_protocols(["h2"])  # which it leaves out; nginx wants to be asked

    async def connect() -> Any:
        return APNs(
            key=key,
            key_id="ABCDE12345",
            team_id="ABCDE12345",
            topic="org.example.app",
            ssl_context=context,
        )

    client = loop.run_until_complete(connect())
    message = {"aps": {"alert": {"title": "Hi", "body": "There"}}}

    async def push(token: str) -> bool:
        request = NotificationRequest(device_token=token, message=message)
        answer = await client.send_notification(request)
        return bool(answer.is_successful)

    return lambda count: loop.run_until_complete(gather(push, islice(HEX_TOKENS, count)))


def write_pem(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


async def gather(push: Callable[[Any], Any], values: Iterator[Any]) -> int:
    """As many at once as AT_ONCE; gives how many were taken."""
    answered = 0
    while some := list(islice(values, AT_ONCE)):
        answered += sum(await asyncio.gather(*map(push, some)))
    return answered


def open_subscription(url: str) -> dict[str, Any]:
    """What every call says: a browser's subscription, a text and an application server's key."""
    import base64

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from py_vapid import Vapid

    def encode(some: bytes) -> str:
        return base64.urlsafe_b64encode(some).rstrip(b"=").decode()

    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    vapid = Vapid()
    vapid.generate_keys()
    keys = {"p256dh": encode(point), "auth": encode(os.urandom(16))}
    return {
        "subscription_info": {"endpoint": f"{url}/push/subscription", "keys": keys},
        "data": json.dumps({"title": "Hi", "body": "There", "data": "x" * 150}),
        "vapid_private_key": vapid,
        "ttl": 60,
    }


def make_claims() -> dict[str, str]:
    """The peer writes the audience and the end into them, so each call has its own."""
    return {"sub": "mailto:bench@example.org"}


def prepare_pywebpush(url: str) -> Send:
    import requests
    from pywebpush import webpush

    call, session = open_subscription(url), requests.Session()

    def push() -> bool:
        answer = webpush(**call, vapid_claims=make_claims(), requests_session=session)
        return bool(answer.ok)

    return lambda count: sum(push() for _ in range(count))


def prepare_pywebpush_async(url: str) -> Send:
    import aiohttp
    from pywebpush import webpush_async

    call, loop = open_subscription(url), asyncio.new_event_loop()

    async def connect() -> Any:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=100)
        return aiohttp.ClientSession(connector=connector)

    session = loop.run_until_complete(connect())

    async def push(_number: int) -> bool:
        answer = await webpush_async(**call, vapid_claims=make_claims(), aiohttp_session=session)
        return bool(answer.status < 300)

    return lambda count: loop.run_until_complete(gather(push, iter(range(count))))


PEERS: dict[str, Callable[[str], Send]] = {
    "django-push-notifications": prepare_django_push_notifications,
    "firebase-admin": prepare_firebase,
    "firebase-admin async": prepare_firebase_async,
    "aioapns": prepare_aioapns,
    "pywebpush": prepare_pywebpush,
    "pywebpush async": prepare_pywebpush_async,
}

if __name__ == "__main__":
    main()
