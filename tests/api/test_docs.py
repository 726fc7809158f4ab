"""docs/api.md says what is true: its tables, its addresses, its examples."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from drf_spectacular.generators import SchemaGenerator

from campaigns.api.campaign_shapes import MessageBody, TranslationBody
from campaigns.models import Transfer
from campaigns.services.access import DEFAULT_SCOPES
from campaigns.services.job_work import drain_jobs
from providers import registry
from providers.message_channels import OTHER_BLOCKS, TRANSLATED
from providers.message_platforms import BLOCK_FIELDS
from tests import builders
from tests.api.conftest import make_client
from tests.api.docs_tables import PAGE, TABLE, write_page

pytestmark = pytest.mark.database
TEXTING = next(one.key for one in registry.all_dialects() if "sms" in one.channels)
BLOCK = re.compile(r"```(http|json)\n(.*?)```", re.DOTALL)


def test_the_tables_are_made_from_the_code():
    text = PAGE.read_text()

    assert {name for _start, name, _end in TABLE.findall(text)} == {
        "audience", "common", "in_app", "sms", "email", "android", "ios", "web",
    }  # fmt: skip
    assert write_page(text) == text, "run python -m tests.api.docs_tables"


def test_the_schema_names_all_blocks_of_a_message_and_of_a_translation():
    blocks = {platform.value for platform in BLOCK_FIELDS} | OTHER_BLOCKS.keys()

    assert MessageBody().fields.keys() >= blocks | {"title", "body", "buttons", "translations"}
    assert set(TranslationBody().fields) == {path.partition(".")[0] for path in TRANSLATED}


def test_every_resource_of_the_schema_is_on_the_page():
    text = PAGE.read_text()
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    words = {word for path in paths for word in path.split("/")[3:] if word and "{" not in word}

    assert {word for word in words if f"{word}/" not in text} == set()


def run_example(client, example, known):
    """Send one block of the page; ids of what it makes fill the next blocks' places."""
    head, _blank, body = example.partition("\n\n")
    method, address = fill(head, known).split()
    answer = client.generic(method, address, fill(body, known), "application/json")
    if answer["Content-Type"] != "application/json":
        return answer
    made = re.fullmatch(r"/api/v1/(\w+)s/", address)
    if made and method == "POST":
        known[made[1]] = answer.json().get("id")
    if address.endswith("/reports/background/"):
        known["report"] = answer.json().get("id")
        drain_jobs()
    rows = answer.json().get("results") if isinstance(answer.json(), dict) else None
    if rows and address.startswith("/api/v1/persons/"):
        known["person"] = rows[0]["id"]
    known["transfer"] = Transfer.objects.values_list("pk", flat=True).first()
    return answer


def fill(text, known):
    return re.sub(r"{(\w+)}", lambda found: str(known.get(found[1], found[0])), text).strip()


def test_every_example_does_what_the_page_says(app):
    client = make_client(app.workspace, scopes=(*DEFAULT_SCOPES, "privacy"))
    for platform in ("android", "ios", "web"):
        builders.make_route(app, platform)
    phone = builders.make_device(app, "first")
    today = datetime.now(UTC).date()
    known = {
        "app": app.pk,
        "phone": phone.pk,
        "day": str(today + timedelta(days=2)),
        "next_week": str(today + timedelta(days=7)),
    }
    answer, statuses = None, []

    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "http":
            answer = run_example(client, text, known)
            statuses.append((text.splitlines()[0], answer.status_code))
        else:
            assert answer.json().keys() == json.loads(text).keys(), text

    assert [line for line, status in statuses if status not in {200, 201, 202}] == []
    assert len(statuses) > 25


def test_a_scenario_is_made_and_sent_by_as_its_page_says(client, app):
    page = PAGE.parent / "scenarios.md"
    for way, dialect in {"android": "sandbox", "email": "mailserver", "sms": TEXTING}.items():
        builders.make_route(app, way, dialect=dialect)
    person = builders.make_person(app.workspace, "u-1", phone="49170", email="u@shop.example")
    builders.make_device(app, "first", person=person)
    known, answers = {}, []

    for kind, text in BLOCK.findall(page.read_text()):
        if kind == "http":
            answers.append(run_example(client, text, known))
        else:
            assert {**json.loads(text), **known_ids(answers[-1])} == answers[-1].json()

    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    made, written, check, launched = (answer.json() for answer in answers)
    assert written["scenario"] == made["key"]
    assert [step["people"] for step in check["steps"]] == [1, 1, 1]
    assert [problem for problem in check["problems"] if problem["is_blocking"]] == []
    assert launched["status"] == "sending"


def known_ids(answer):
    """What no page can know before."""
    return {name: answer.json()[name] for name in ("id", "key")}
