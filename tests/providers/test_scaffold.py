"""`make vendor name=x` writes a vendor that works."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers import registry
from providers.commands import Accepted
from providers.message import PushMessage
from providers.outbound import AccountConfig
from tests.vendor_cases.doors import entering_door
from tests.vendor_cases.strategies import make_push


def scaffold(root, name: str) -> str:
    out = StringIO()
    call_command("new_vendor", name, root=root, stdout=out)
    return out.getvalue()


def test_a_new_vendor_sends_and_is_read(tmp_path, monkeypatch):
    said = scaffold(tmp_path, "acmetest")
    monkeypatch.syspath_prepend(str(tmp_path / "providers" / "vendors"))
    dialect = registry.load_dialect("acmetest")
    account = AccountConfig(public_id="a", credentials={"api_key": "key-1"})

    with entering_door(dialect, lambda command: Accepted("9")) as door:
        door_url = {"api": "http://vendor.example/acmetest"}
        client = dialect.connect(replace(account, base_urls=door_url))
        receipt = client.send(client.write(make_push(dialect)))
        checked = client.check()

    assert receipt.reference == "9"
    assert door.commands[0].parts[0].message == PushMessage(title="Title", body="Hi")
    assert checked.is_good
    assert "docs/vendors/acmetest.md" in said
    assert "tests/fixtures/acmetest/errors.json" in said
    for name in [name for name in sys.modules if name.split(".")[0] == "acmetest"]:
        monkeypatch.delitem(sys.modules, name)


def test_an_existing_vendor_is_not_overwritten(tmp_path):
    scaffold(tmp_path, "acme")

    with pytest.raises(CommandError, match="exists already"):
        scaffold(tmp_path, "acme")


@pytest.mark.parametrize("name", ["Acme", "a-b", "import", "../x", ""])
def test_a_name_that_is_no_folder_of_ours_is_refused(tmp_path, name):
    with pytest.raises(CommandError, match="like acme"):
        scaffold(tmp_path, name)
