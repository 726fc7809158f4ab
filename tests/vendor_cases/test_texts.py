"""Three recipients read three texts, whatever a vendor's call carries."""

from __future__ import annotations

from dataclasses import replace

from providers.message_fields import Platform
from providers.message_json import read_message
from tests.vendor_cases.accounts import SIMULATED
from tests.vendor_cases.reading import read_pushes
from tests.vendor_cases.strategies import is_kept, list_kinds, make_push
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


@each([one for one in SIMULATED if is_kept(one, "ios.subtitle")])
def test_a_subtitle_arrives_in_the_language_of_the_call(dialect, simulator):
    client = connect(dialect, simulator)
    push = make_push(dialect, group=find_group(dialect, client))
    (targets,) = push.parts[0].targets
    said = {"de": {"title": "Rabatt", "body": "Heute", "ios": {"subtitle": "Nur hier"}}}
    texts = {"title": "Sale", "body": "Today", "ios": {"subtitle": "Here"}, "translations": said}
    message = read_message(texts).resolve(Platform.IOS, "de")

    kind = list_kinds(dialect, Platform.IOS)[0]
    part = replace(push.parts[0], message=message, targets=(replace(targets, kind=kind),))
    request = client.write(replace(push, parts=(part,)))

    (read,) = read_pushes(dialect, request.method, request.url, request.body)
    assert read.parts[0].message.resolve(Platform.IOS).ios.subtitle == "Nur hier"
