"""From the form to the socket: each field that a vendor carries arrives in the call to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.http import QueryDict

from campaigns.pages.message_form import MessageForm
from providers.commands import CreateGroup, SendPush
from providers.message import PushMessage
from providers.message_json import read_message
from providers.message_platforms import BLOCK_FIELDS
from providers.outcomes import Outcome
from tests.pages.test_compose import type_value
from tests.vendor_cases.accounts import OUTBOUND, make_account, names_recipients
from tests.vendor_cases.conftest import simulator  # noqa: F401
from tests.vendor_cases.reading import read_pushes
from tests.vendor_cases.strategies import is_kept, list_kinds, make_push

CARRIED = [
    pytest.param(dialect, platform, spec, id=f"{dialect.key}-{platform}.{spec.name}")
    for dialect in OUTBOUND
    if dialect.routes and not dialect.fans_out
    for platform, specs in BLOCK_FIELDS.items()
    if platform in dialect.platforms
    for spec in specs
    if is_kept(dialect, f"{platform}.{spec.name}")
]


def write_form(platform, spec) -> dict:
    """The message's JSON of a form in which that one field is filled in beside the text."""
    typed = QueryDict(mutable=True)
    typed.update({"title": "Title", "body": "Text"})
    # Some vendors take only a few letters of a text.
    typed[f"{platform}-{spec.name}"] = spec.name if spec.kind == "text" else type_value(spec)[0]
    form = MessageForm(typed)
    assert form.is_valid(), form.errors
    return form.write_content()


def write_push(dialect, client, message, platform) -> SendPush:
    """The call that the engine would make for one recipient of that platform."""
    group = client.ensure_group(CreateGroup("", "News")) if dialect.has_groups else ""
    push = make_push(dialect, group=group)
    [part] = push.parts
    kind = list_kinds(dialect, platform)[0]
    targets = tuple(replace(target, kind=kind) for target in part.targets)
    return replace(push, parts=(replace(part, message=message, targets=targets),))


def find_value(message: PushMessage, platform, name: str):
    return getattr(getattr(message.resolve(platform), platform.value), name)


@pytest.mark.parametrize(("dialect", "platform", "spec"), CARRIED)
def test_a_field_goes_from_the_form_to_the_socket(simulator, dialect, platform, spec):  # noqa: F811
    message = read_message(write_form(platform, spec)).resolve(platform)
    client = dialect.connect(make_account(dialect, simulator.url))

    request = client.write(write_push(dialect, client, message, platform))
    receipt = client.send(request)

    [push] = read_pushes(dialect, request.method, request.url, request.body)
    [part] = push.parts
    assert receipt.outcome is Outcome.ACCEPTED
    assert bool(part.targets) is names_recipients(dialect)
    assert find_value(message, platform, spec.name) is not None
    assert find_value(part.message, platform, spec.name) == find_value(message, platform, spec.name)
