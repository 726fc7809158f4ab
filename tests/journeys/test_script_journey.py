"""A script of the use cases over real sockets: a group, sends, their status, a true report.

The calls are the document's own, read from its fixture; the devices are the demo's.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fixtures.appmetrica import World, read_examples
from tests.installation import Installation

ORDER = ("pending", "in_progress", "sent")
KINDS = {"android": "google_aid", "ios": "ios_ifa"}
SECONDS = 180


@dataclass(frozen=True, slots=True)
class Watched:
    """What a transfer's status was, call by call, and where it ended."""

    states: list[str]
    last: dict[str, Any]


class Script:
    """The document's calls with one app's key. Nothing but the placeholders is changed."""

    def __init__(self, installation: Installation, app: str) -> None:
        self.installation = installation
        self.key = installation.issue_key("appmetrica", app=app)
        self.native = installation.issue_key(app=app)
        self.group = 0

    def call(self, name: str, body: Any = None, path: str = "", **world: int) -> Any:
        """The answer's body; `body` stands for the example's where more is sent than it shows."""
        known = World(
            app_id=self.key["app_id"], group_id=self.group, push_url="", report_url="", **world
        )
        example = read_examples(known)[name]
        content = example.body if body is None else body
        return self.installation.call(
            self.key, example.method, path or example.url.lstrip("/"),
            json=content if example.method == "POST" else None,
        )  # fmt: skip

    def create_group(self) -> dict[str, Any]:
        group: dict[str, Any] = self.call("create_group")["group"]
        self.group = group["id"]
        return group

    def send(self, tag: str, client_key: int, *items: dict[str, list[str]]) -> int:
        """One batch item for each dictionary of ids by their type."""
        body = copy.deepcopy(read_examples(World(group_id=self.group))["send"].body)
        request = body["push_batch_request"]
        example = request["batch"][0]
        request |= {"tag": tag, "client_transfer_id": client_key}
        request["batch"] = [
            example | {"devices": [{"id_type": kind, "id_values": ids} for kind, ids in by.items()]}
            for by in items
        ]
        return int(self.call("send", body)["push_response"]["transfer_id"])

    def watch(self, transfer: int, client_key: int) -> Watched:
        """Ask by both ids in turn until the transfer has ended."""
        states: list[str] = []
        by_client = f"push/v1/status/{self.group}/{client_key}"
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for path in ("", by_client):
                told = self.call("status", path=path, transfer_id=transfer)["transfer"]
                assert told["id"] == transfer
                states.append(told["status"])
            if states[-1] in ("sent", "failed"):
                return Watched(states, told)
            time.sleep(0.05)
        raise AssertionError(f"transfer {transfer} is still {states[-1]}")

    def count_deliveries(self, transfer: int) -> int:
        """How many recipients the books call sent, counted row by row."""
        count, url = 0, f"api/v1/transfers/{transfer}/deliveries/?outcome=sent&limit=1000"
        url = f"{self.installation.url}/{url}"
        while url:
            answer = requests.get(
                url, headers={"Authorization": self.native["authorization"]}, timeout=30
            ).json()
            count += len(answer["results"])
            url = answer["next"]
        return count

    def read_report(self) -> dict[tuple[str, ...], int | None]:
        """Rows by the names of group, tag and transfer."""
        rows = self.call("report")["data"]
        return {
            tuple(cell["name"] for cell in row["dimensions"]): row["metrics"][0] for row in rows
        }

    def list_ids(self, platform: str, limit: int) -> list[str]:
        path = f"devices/?platform={platform}&limit={limit}"
        rows = self.installation.call(self.native, "GET", path)["results"]
        return [row["ids"][KINDS[platform]] for row in rows]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("script"))
    running.take_demo(demo)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def script(installation: Installation) -> Script:
    made = Script(installation, "shoply")
    made.create_group()
    return made


def assert_never_back(states: list[str]) -> None:
    places = [ORDER.index(state) for state in states]
    assert places == sorted(places), states


def read_environments(installation: Installation) -> list[dict[str, str]]:
    """What each process that `up` has started was told."""
    assert installation.process is not None
    pid = installation.process.pid
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    texts = [Path(f"/proc/{child}/environ").read_text() for child in started]
    return [dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair) for text in texts]


def test_the_port_that_up_is_told_holds_for_all_that_it_starts(installation):
    told = read_environments(installation)

    assert f"pushadmin runs on {installation.url} (" in installation.log.read_text()
    assert len(told) > 3
    assert {each["PUSHADMIN_PORT"] for each in told} == {str(installation.port)}


def test_the_sends_of_a_script_end_in_a_report_that_is_true(script):
    phones, iphones = script.list_ids("android", 600), script.list_ids("ios", 400)
    sends = {
        1: [{"google_aid": phones[:1], "ios_ifa": iphones[:1]}],
        2: [
            {"google_aid": phones[:300], "ios_ifa": iphones[:200]},
            {"ios_ifa": iphones[200:], "google_aid": phones[300:]},
        ],
        3: [{"google_aid": [*phones[:50], "no-such-device"]}],
    }

    transfers = {number: script.send("some_tag", number, *items) for number, items in sends.items()}
    again = script.send("some_tag", 2, *sends[2])
    watched = {number: script.watch(made, number) for number, made in transfers.items()}
    counted = {number: script.count_deliveries(made) for number, made in transfers.items()}

    assert again == transfers[2]
    for number, told in watched.items():
        assert_never_back(told.states)
        assert told.last["errors"] == [], number
        assert (told.last["tag"], told.last["group_id"]) == ("some_tag", script.group)
    assert counted[1] == 2
    assert 900 < counted[2] <= 1000  # some of the demo's persons want no pushes
    assert 0 < counted[3] <= 50
    rows = script.read_report()
    for number, transfer in transfers.items():
        assert rows["the_name_of_the_group", "some_tag", str(transfer)] == counted[number]


def test_refused_credentials_fail_the_transfer_afterwards(installation):
    lapsed = Script(installation, "lapsed")
    lapsed.create_group()

    transfer = lapsed.send("some_tag", 5, {"google_aid": lapsed.list_ids("android", 20)})
    watched = lapsed.watch(transfer, 5)

    assert watched.last["status"] == "failed"
    assert watched.last["errors"] == ["Invalid push credentials for platform android"]
    assert lapsed.read_report()["the_name_of_the_group", "some_tag", str(transfer)] == 0
    assert lapsed.count_deliveries(transfer) == 0


def test_the_books_balance_after_all_of_it(installation):
    assert "0 faults" in installation.manage("verify")
