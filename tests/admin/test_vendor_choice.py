"""Whoever adds an account finds the vendor by what it is for."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from campaigns.admin.vendor_choice import SORTS, sort_vendors
from providers import registry

DIALECTS = registry.all_dialects()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.key)
def test_each_vendor_says_in_a_line_what_it_is_for(dialect):
    assert re.fullmatch(r".{20,80}\.", dialect.purpose)


def test_each_vendor_is_of_one_sort_and_each_sort_by_name():
    sorts = sort_vendors(DIALECTS)

    found = {sort: [choice.dialect for choice in choices] for sort, choices in sorts}
    gateways, vendors, others, trials = (found[sort] for sort in SORTS)
    assert sorted(one.key for some in found.values() for one in some) == [
        one.key for one in DIALECTS
    ]
    assert all(one.fans_out for one in gateways)
    assert not any(one.fans_out or one.is_sandbox for one in vendors)
    assert not any(one.platforms for one in others)
    assert all(one.is_sandbox for one in trials)
    assert all(
        [one.label.casefold() for one in some] == sorted(one.label.casefold() for one in some)
        for some in found.values()
    )


@pytest.mark.database
@pytest.mark.django_db
def test_the_page_tells_what_each_is_for_and_leads_to_its_form(client, owner, app):
    client.force_login(owner)
    address = reverse("admin:campaigns_account_add")

    page = client.get(address).content.decode()

    offered = re.findall(r'href="(\?dialect=\w+)"', page)
    text = " ".join(page.split())
    assert len(offered) == len(DIALECTS)
    assert all(str(sort.title) in text and str(sort.words) in text for sort in SORTS)
    assert client.get(address + offered[0]).status_code == 200
