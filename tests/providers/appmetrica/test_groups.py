"""Groups, keys and paths at the wire."""

from __future__ import annotations

from typing import Any

import pytest

from providers.commands import (
    ArchiveGroup,
    CreateGroup,
    Done,
    FetchGroup,
    GroupRow,
    ListGroups,
    RestoreGroup,
)
from providers.inbound import Call
from providers.outcomes import Refusal, RefusalKind
from providers.vendors.appmetrica import DIALECT, wire, wire_status

ROUTES = {f"{route.method} {route.path}": route for route in DIALECT.routes}
GROUP = "push/v1/management/group/{group}"


def make_group(**values: Any) -> Call:
    return Call(body={"group": {"app_id": 1, "name": "News", **values}})


@pytest.mark.parametrize("rate", [None, "", 0])
def test_a_rate_that_is_not_set_is_absent(rate: Any) -> None:
    assert wire.read_create_group(make_group(send_rate=rate)) == CreateGroup("1", "News", None)


@pytest.mark.parametrize("rate", [100, 5000])
def test_a_rate_within_its_bounds_is_read(rate: int) -> None:
    assert wire.read_create_group(make_group(send_rate=rate)).send_rate == rate


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("send_rate", 99),
        ("send_rate", 5001),
        ("send_rate", "500"),
        ("send_rate", True),
        ("app_id", "1"),
        ("app_id", -1),
        ("app_id", 2**63),
        ("name", 5),
        ("name", "x" * 256),
        ("name", "a\x00b"),
    ],
)
def test_a_wrong_value_of_a_group_is_named(name: str, value: Any) -> None:
    with pytest.raises(Refusal) as caught:
        wire.read_create_group(make_group(**{name: value}))

    assert (caught.value.kind, caught.value.field) == (RefusalKind.INVALID, f"group.{name}")


@pytest.mark.parametrize("name", ["app_id", "name"])
def test_a_group_needs_an_app_and_a_name(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        wire.read_create_group(make_group(**{name: None}))

    assert (caught.value.kind, caught.value.field) == (RefusalKind.MISSING, f"group.{name}")


@pytest.mark.parametrize(
    ("route", "command"),
    [
        (f"GET {GROUP}", FetchGroup("12")),
        (f"DELETE {GROUP}", ArchiveGroup("12")),
        (f"POST {GROUP}/restore", RestoreGroup("12")),
    ],
)
def test_a_group_is_named_by_its_path(route: str, command: Any) -> None:
    assert ROUTES[route].read(Call(path={"group": "12"})) == command


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", "", "٣", str(2**63), "9" * 400])
def test_a_path_that_holds_no_number_names_nothing(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        wire.read_fetch_group(Call(path={"group": text}))

    assert caught.value.kind is RefusalKind.NOT_FOUND


@pytest.mark.parametrize("text", ["abc", "0", "9" * 400])
def test_a_client_id_that_is_no_number_names_nothing(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        wire_status.read_fetch_client_status(Call(path={"group": "1", "client_transfer": text}))

    assert caught.value.kind is RefusalKind.NOT_FOUND


def test_the_list_needs_an_app() -> None:
    with pytest.raises(Refusal) as caught:
        wire.read_list_groups(Call())

    assert (caught.value.kind, caught.value.field) == (RefusalKind.MISSING, "app_id")


@pytest.mark.parametrize("text", ["abc", "-1", "0", "1,2"])
def test_the_list_wants_one_number_as_app(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        wire.read_list_groups(Call(query={"app_id": text}))

    assert caught.value.message == f"Wrong parameter: 'app_id', value: {text}"


def test_the_list_is_asked_by_app() -> None:
    assert wire.read_list_groups(Call(query={"app_id": "7"})) == ListGroups("7")


@pytest.mark.parametrize("route", [f"DELETE {GROUP}", f"POST {GROUP}/restore"])
def test_archive_and_restore_answer_200_with_json(route: str) -> None:
    reply = ROUTES[route].write(Done(), Call())

    assert (reply.status, reply.body) == (200, {"success": True})


def test_a_group_answered_without_a_rate_has_the_default() -> None:
    body = {"group": {"id": 2, "app_id": 1, "name": "News"}}

    assert wire.read_group_reply(body) == GroupRow("2", "1", "News", 5000)


@pytest.mark.parametrize("header", ["OAuth k3y", "oauth k3y", "  OAuth   k3y "])
def test_the_key_stands_in_the_header(header: str) -> None:
    call = Call(headers={"authorization": header})

    assert wire.read_authorization(call).key == "k3y"


@pytest.mark.parametrize("header", ["", "OAuth", "OAuth ", "Bearer k3y", "Basic azN5", "k3y"])
def test_any_other_scheme_is_refused(header: str) -> None:
    call = Call(headers={"authorization": header}, query={"oauth_token": "k3y"})

    with pytest.raises(Refusal) as caught:
        wire.read_authorization(call)

    assert caught.value.kind is RefusalKind.UNAUTHENTICATED


def test_what_we_authorize_with_is_what_we_understand() -> None:
    header = wire.write_authorization("k3y")

    assert wire.read_authorization(Call(headers={"authorization": header})).key == "k3y"
