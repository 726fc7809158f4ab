"""From the form to the socket: each field that a vendor carries arrives in the call to it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.http import QueryDict

from campaigns.pages.message_form import MessageForm
from providers import http
from providers.commands import CreateGroup
from providers.message import read_message
from providers.message_fields import BLOCK_FIELDS
from tests.pages.test_compose import type_value
from tests.vendor_cases.accounts import SIMULATED, make_account
from tests.vendor_cases.conftest import simulator  # noqa: F401
from tests.vendor_cases.strategies import is_kept, list_kinds, make_push

CARRIED = [
    pytest.param(dialect, platform, spec, id=f"{dialect.key}-{platform}.{spec.name}")
    for dialect in SIMULATED
    for platform, specs in BLOCK_FIELDS.items()
    if platform in dialect.platforms
    for spec in specs
    if is_kept(dialect, f"{platform}.{spec.name}")
]


def write_form(platform, spec) -> dict:
    """The message's JSON of a form in which that one field is filled in beside the text."""
    typed = QueryDict(mutable=True)
    typed.update({"title": "Title", "body": "Text"})
    typed[f"{platform}-{spec.name}"] = type_value(spec)[0]
    form = MessageForm(typed)
    assert form.is_valid(), form.errors
    return form.write_content()


def list_values(body) -> list:
    """Every plain value of a body, and the lists in it."""
    if isinstance(body, dict):
        return [value for item in body.values() for value in list_values(item)]
    if isinstance(body, list):
        return [body, *(value for item in body for value in list_values(item))]
    return [body]


@pytest.mark.parametrize(("dialect", "platform", "spec"), CARRIED)
def test_a_field_goes_from_the_form_to_the_socket(simulator, dialect, platform, spec):  # noqa: F811
    message = read_message(write_form(platform, spec)).resolve(platform)
    client = dialect.connect(make_account(dialect, simulator.url))
    group = client.ensure_group(CreateGroup("", "News")) if dialect.has_groups else ""
    kind = list_kinds(dialect, platform)[0]
    push = make_push(dialect, group=group)
    [part] = push.parts
    targets = tuple(replace(target, kind=kind) for target in part.targets)

    with http.recording() as exchanges:
        client.send(
            client.write(replace(push, parts=(replace(part, message=message, targets=targets),)))
        )

    sent = list_values(json.loads(exchanges[-1].request))
    values = list_values(type_value(spec)[1])
    assert [
        value for value in values if value not in sent and not isinstance(value, dict | list)
    ] == []
