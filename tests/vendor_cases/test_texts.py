"""Three recipients read three texts, whatever a vendor's call carries."""

from __future__ import annotations

from dataclasses import replace

from providers.message_fields import Platform
from tests.vendor_cases.accounts import SIMULATED
from tests.vendor_cases.reading import read_pushes
from tests.vendor_cases.strategies import make_push
from tests.vendor_cases.test_sockets import connect, find_group, summarize
from tests.vendor_cases.test_wire import each

TEXTS = ("Hi Ann", "Hi {{ Bo }}", "Hi \u202eCy 👩‍👧")


def split_calls(dialect, group):
    """As the engine makes them: as many texts together as a call carries."""
    pushes = [make_push(dialect, 1, str(17 + n), group, body=text) for n, text in enumerate(TEXTS)]
    if dialect.limits.texts_per_call < len(TEXTS):
        return pushes
    return [replace(pushes[0], parts=tuple(push.parts[0] for push in pushes))]


def list_read(dialect, request):
    """By recipient, the text that the vendor finds in a call."""
    platform = Platform(min(dialect.platforms))
    return {
        value: part.message.resolve(platform).body
        for push in read_pushes(dialect, request.method, request.url, request.body)
        for part in push.parts
        for targets in part.targets
        for value in targets.values
    }


@each(SIMULATED)
def test_three_recipients_get_three_texts(dialect, simulator):
    client = connect(dialect, simulator)
    requests = [client.write(push) for push in split_calls(dialect, find_group(dialect, client))]

    receipts = [client.send(request) for request in requests]

    read = {}
    for request in requests:
        read |= list_read(dialect, request)
    assert read == {f"recipient-canary-{17 + n}-0": text for n, text in enumerate(TEXTS)}
    assert [result for receipt in receipts for result in receipt.results] == []
    assert summarize(simulator, dialect)["accepted_recipients"] == len(TEXTS)
