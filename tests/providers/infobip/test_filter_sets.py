"""Infobip's lists, our JSON and the expression they are read into mean the same devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.selectors.expressions import check_expression
from providers.audience import write_expression
from providers.vendors.infobip.wire_filters import read_filter
from tests.campaigns.audience_oracle import is_meant
from tests.campaigns.crowd import NAMES, make_crowd, select

pytestmark = pytest.mark.database
ATTRIBUTES = {
    "platform": ["Android", "iOS", "APNS"],
    "deviceManufacturer": ["DE", "a%", "a_b", "Z"],
    "applicationVersion": ["2", "2.9", "2.10", "10.1"],
    "deviceSecure": [True, False, "true"],
    "externalUserId": ["u1", "u2", "u4"],
    "email": ["DE", "true", "a%"],
    "pushRegistrationId": ["vip", "VIP", "a%"],
    **{name: [True, 1, "1", "pro", -2.5] for name in NAMES},
}
items = st.sampled_from([{name: value} for name, values in ATTRIBUTES.items() for value in values])
lists = st.lists(items, min_size=1, max_size=4)


@pytest.fixture
def crowd(app):
    return make_crowd(app)


@given(either=st.none() | lists, every=lists)
def test_the_lists_select_what_plain_python_selects(crowd, either, every):
    expression = read_filter(either, every)
    body = write_expression(expression)

    found = set(select(crowd[0].app, body).values_list("pk", flat=True))

    assert check_expression(body) == expression
    assert found == {device.pk for device in crowd if is_meant(device, expression)}
