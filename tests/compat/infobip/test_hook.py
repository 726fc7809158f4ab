"""The vendor's reports at our hook: whose address holds the proof is heard, nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns.models import Account
from providers import vault
from providers.outbound import AccountConfig
from providers.vendors.infobip.outbound import write_proof

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REPORTS = {
    "results": [
        {
            "bulkId": "b",
            "messageId": "1.1.1.abc",
            "to": "41793026727",
            "sentAt": "2026-11-20T09:00:00.000+0000",
            "doneAt": "2026-11-20T09:00:01.000+0000",
            "messageCount": 1,
            "price": {"pricePerMessage": 0, "currency": "UNKNOWN"},
            "status": {
                "groupId": 3,
                "groupName": "DELIVERED",
                "id": 5,
                "name": "",
                "description": "",
            },
            "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "", "description": ""},
        }
    ]
}


@pytest.fixture
def account(workspace) -> Account:
    return Account.objects.create(
        workspace=workspace,
        name="Vendor",
        dialect="infobip",
        credentials=vault.encrypt({"api_key": "k3y"}),
    )


@pytest.fixture
def tell(client, account):
    def post(proof: str, body: Any) -> Any:
        path = f"/hooks/{account.public_id}/reports/{proof}"
        return client.post(path, json.dumps(body), content_type="application/json")

    return post


def find_proof(account: Account) -> str:
    return write_proof(AccountConfig(public_id=account.public_id, credentials={"api_key": "k3y"}))


def test_the_vendor_is_answered_200(tell, account):
    answer = tell(find_proof(account), REPORTS)

    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("proof", ["0" * 32, "\u00e9", "x"])
def test_who_has_no_proof_is_not_heard(tell, proof):
    assert tell(proof, REPORTS).status_code in (401, 403, 404)


@pytest.mark.parametrize("body", [{}, [], {"results": 1}, {"results": [{}]}, {"results": [None]}])
def test_what_is_no_report_is_refused(tell, account, body):
    assert tell(find_proof(account), body).status_code == 400
