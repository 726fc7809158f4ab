"""The vendor calls us: the check of the address, and callbacks that it has signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from campaigns.models import Account, App
from providers import vault

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROWS = {
    "total": 1,
    "rows": [{"message_id": "17", "to": "1104a8", "itime": 1_700_000_000, "status": "delivered"}],
}


@pytest.fixture
def tell(client: Any, app: App):
    account = Account.objects.create(
        workspace=app.workspace, name="Vendor", dialect="engagelab",
        credentials=vault.encrypt({"app_key": "k", "callback_secret": "c"}),
    )  # fmt: skip

    def tell_hook(body: Any, secret: str = "") -> Any:
        words = b"1700000000nu"
        signature = hmac.new(secret.encode(), words, hashlib.sha256).hexdigest()
        shown = f"timestamp=1700000000;nonce=n;username=u;signature={signature}"
        return client.generic(
            "POST", f"/hooks/{account.public_id}/engagelab", json.dumps(body),
            headers={"X-CALLBACK-ID": shown} if secret else {}, content_type="text/plain",
        )  # fmt: skip

    return tell_hook


def test_the_check_of_the_address_is_answered_with_its_text(tell: Any) -> None:
    answer = tell({"echostr": "a1b2c3d4"})

    assert (answer.status_code, answer.content) == (200, b"a1b2c3d4")
    assert answer["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(("secret", "status"), [("c", 200), ("wrong", 401), ("", 401)])
def test_only_what_the_secret_has_signed_is_taken(tell: Any, secret: str, status: int) -> None:
    assert tell(ROWS, secret).status_code == status


def test_rows_that_are_none_are_refused(tell: Any) -> None:
    answer = tell({"rows": 5}, "c")

    assert answer.status_code == 400
    assert answer.json()["message"]
