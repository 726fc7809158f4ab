"""Push.express' filters, our JSON and the expression they are read into mean the same devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.selectors.expressions import check_expression
from providers.audience import And, write_expression
from providers.vendors.pushexpress.wire_filters import read_filters
from providers.vendors.pushexpress.wire_values import Block
from tests.campaigns.audience_oracle import is_meant
from tests.campaigns.crowd import make_crowd, select

pytestmark = pytest.mark.database
places = st.lists(st.sampled_from(["DE", "de", "a%", "Z"]), max_size=2)


@pytest.fixture
def crowd(app):
    return make_crowd(app)


@st.composite
def filters(draw):
    kinds = ("countries", "languages")
    names = [f"{kind}_{way}" for kind in kinds for way in ("include", "exclude")]
    events = st.sampled_from(["install", "reg", "dep"])
    return {
        "all_apps": True,
        **{name: draw(places) for name in names},
        "event_include": draw(st.none() | events | st.lists(events, max_size=2)),
        "event_exclude": draw(st.none() | st.lists(events, max_size=1)),
    }


@given(body=filters())
def test_the_filters_select_what_plain_python_selects(crowd, body):
    expression = read_filters(Block(body)).audience.expression or And(())
    ours = write_expression(expression)

    found = set(select(crowd[0].app, ours).values_list("pk", flat=True))

    assert check_expression(ours) == expression
    assert found == {device.pk for device in crowd if is_meant(device, expression)}
