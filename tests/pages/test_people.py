"""The search and the pages of a person and of a device, through Django's test client."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from campaigns.models import (
    Account,
    AuditEntry,
    Cohort,
    Delivery,
    Device,
    DeviceIdentifier,
    Group,
    Label,
    LabelMember,
    Membership,
    Message,
    Part,
    Person,
    ReceiptRow,
    Transfer,
)
from campaigns.models.audience import hash64
from tests import builders

Role = Membership.Role
TOKEN = "fY3kAAAA-secret-middle-APA9"


@pytest.fixture
def ann(workspace):
    return builders.make_person(
        workspace,
        "ann",
        email="ann@example.org",
        attributes={"plan": "pro", "age": 41, "vip": True},
    )


@pytest.fixture
def phone(app, ann, now):
    device = builders.make_device(
        app, TOKEN, person=ann, token_state="disabled", token_evidence="NotRegistered",
        token_state_at=now,
    )  # fmt: skip
    DeviceIdentifier.objects.create(
        app=app, device=device, kind="google_aid", value="aa-bb", value_hash=hash64("aa-bb")
    )
    return device


def make_part(app, now, name="Autumn sale", **fields):
    """A part of a transfer of its own."""
    transfer = Transfer.objects.create(
        app=app, group=Group.objects.filter(app=app).first(), name=name, status="sent",
        status_since=now, due_at=now, created_at=now,
    )  # fmt: skip
    message = Message.objects.create(app=app, content={"title": "Hi"})
    return Part.objects.create(transfer=transfer, message=message, **fields)


def deliver(part, recipient, now, outcome="sent", **fields):
    cohort, _is_new = Cohort.objects.get_or_create(app=part.transfer.app, platform="android")
    return Delivery.objects.create(
        part=part, recipient=recipient, at=now, cohort_id=cohort.pk, outcome=outcome, **fields
    )


def search(client, who):
    return client.get(reverse("people"), {"who": who})


def test_nobody_is_asked_for_at_first(client, owner):
    client.force_login(owner)

    page = client.get(reverse("people")).content.decode()

    assert "Who is it about?" in page


def test_the_only_one_who_is_found_is_shown_at_once(client, owner, phone, ann):
    client.force_login(owner)
    place = reverse("person", args=[ann.pk])
    nobodys = builders.make_device(phone.app, "lone")

    found = [search(client, who)["Location"] for who in ("ann", "aa-bb", "lone")]

    assert found == [
        place,
        f"{place}?device={phone.pk}#device-{phone.pk}",
        reverse("device", args=[nobodys.pk]),
    ]


def test_several_are_listed_with_what_matched(client, owner, workspace, ann):
    builders.make_person(workspace, "anna", email="ann@example.org")
    client.force_login(owner)

    by_mail, by_name = (search(client, who).context["hits"] for who in ("ANN@example.org", "ann*"))

    assert [(str(hit.person), hit.by) for hit in by_mail] == [
        ("ann", ["E-mail"]), ("anna", ["E-mail"]),
    ]  # fmt: skip
    assert [hit.by for hit in by_name] == [["Beginning of the external user id"]] * 2


def test_more_than_a_page_shows_says_so(client, owner, workspace):
    Person.objects.bulk_create(
        Person(workspace=workspace, external_user_id=f"user-{number}") for number in range(60)
    )
    client.force_login(owner)

    answer = search(client, "user")

    assert len(answer.context["hits"]) == 50
    assert "60 found, the first 50 are shown" in answer.content.decode()


@pytest.mark.database
def test_who_is_unknown_or_typed_badly_is_told_in_words(client, owner, ann):
    client.force_login(owner)
    typed = ["nobody", "\0", "' OR 1=1 --", "<script>x</script>", "x" * 5000]

    answers = [search(client, who) for who in typed]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.context["hits"] for answer in answers] == [[]] * 5
    assert "Nobody here has this id" in answers[0].content.decode()
    assert "<script>x" not in answers[3].content.decode()


def test_a_profile_shows_what_is_known(client, owner, phone, ann, now):
    part = make_part(phone.app, now)
    account = Account.objects.create(workspace=ann.workspace, name="Front", dialect="sandbox")
    deliver(part, phone.pk, now, account_id=account.pk)
    ReceiptRow.objects.create(part=part, recipient=phone.pk, kind="opened", at=now)
    silent = make_part(phone.app, now, "Winter sale")
    deliver(silent, phone.pk, now)
    client.force_login(owner)

    answer = client.get(reverse("person", args=[ann.pk]))

    page = answer.content.decode()
    sent = answer.context["sent"]
    assert [one.transfer.name for one in sent] == ["Winter sale", "Autumn sale"]
    assert [one.receipts for one in sent] == [(), (("opened", now),)]
    assert sent[1].account == "Front"
    for text in ("ann@example.org", "<dd>pro</dd>", "NotRegistered", "aa-bb", "not reported",
                 "fY3k…APA9", TOKEN):  # fmt: skip
        assert text in page
    # Capitals count in an id: the heading shows it as it is.
    assert re.search(r"tracking-tight\">\s*ann\s*<", page)


def test_a_viewer_sees_a_token_masked_and_no_buttons(client, phone, ann):
    viewer = builders.make_member("v", ann.workspace, app=phone.app, role=Role.VIEWER)
    client.force_login(viewer)

    page = client.get(reverse("person", args=[ann.pk])).content.decode()

    assert "fY3k…APA9" in page
    assert TOKEN not in page
    assert "Enable again" not in page
    assert "opt-out" not in page
    assert "edit" not in page.partition("<main")[2]


@pytest.mark.database
def test_of_an_app_that_one_does_not_see_nothing_is_told(client, phone, ann, now):
    other = builders.make_app(ann.workspace, "cafe")
    own = builders.make_device(other, "theirs", person=ann)
    hidden, shown = make_part(phone.app, now, "Hidden"), make_part(other, now, "Shown")
    deliver(hidden, phone.pk, now)
    deliver(shown, own.pk, now)
    for app in (phone.app, other):
        label = Label.objects.create(app=app, name=f"Fans of {app.slug}")
        LabelMember.objects.create(label=label, person=ann)
    deliver(make_part(phone.app, now, "Hidden", kind="person"), ann.pk, now)
    narrow = builders.make_member("narrow", ann.workspace, app=other, role=Role.ADMIN)
    client.force_login(narrow)

    page = client.get(reverse("person", args=[ann.pk])).content.decode()
    device = client.get(reverse("device", args=[phone.pk]))

    assert "Shown" in page
    assert "Fans of cafe" in page
    for text in ("Hidden", "Fans of shop", "aa-bb", "NotRegistered"):
        assert text not in page
    assert device.status_code == 404


def list_pages(answer):
    """Where the row of pages leads, with its words; there is one such row."""
    assert {"pages/older.html", "pages/sent.html"} <= {one.name for one in answer.templates}
    [row] = re.findall(r'<nav class="pa-pages".*?</nav>', answer.content.decode())
    return [(unescape(to), words) for to, words in re.findall(r'href="(.*?)">(.*?)<', row)]


@pytest.mark.database
def test_what_was_sent_is_paged_newest_first(client, owner, phone, ann, now):
    parts = [make_part(phone.app, now, f"Sale {number}") for number in range(30)]
    for part in parts:
        deliver(part, phone.pk, now)
    steps = make_part(phone.app, now, "By SMS", kind="person", channel="sms", step=1)
    deliver(steps, ann.pk, now + timedelta(hours=1))
    deliver(make_part(phone.app, now, "Somebody else's", kind="person"), phone.pk + 999, now)
    client.force_login(owner)
    address = reverse("person", args=[ann.pk])

    first = client.get(address)
    second = client.get(address, {"after": first.context["after"]})
    odd = client.get(address, {"after": "x-1"})

    pages = [[one.transfer.name for one in page.context["sent"]] for page in (first, second)]
    assert pages[0][:2] == ["By SMS", "Sale 29"]
    assert [len(page) for page in pages] == [25, 6]
    assert len({*pages[0], *pages[1]}) == 31
    assert second.context["after"] == ""
    assert list_pages(first) == [(f"?{urlencode({'after': first.context['after']})}", "Older")]
    assert list_pages(second) == [("?", "Newest")]
    assert len(odd.context["sent"]) == 25


def test_a_device_of_that_number_is_not_mistaken_for_a_person(client, owner, app, workspace, now):
    ann = builders.make_person(workspace)
    device = builders.make_device(app, "t", pk=ann.pk)
    deliver(make_part(app, now, "To the device"), device.pk, now)
    deliver(make_part(app, now, "To the person", kind="person"), ann.pk, now)
    client.force_login(owner)

    sent = [
        client.get(reverse(name, args=[ann.pk])).context["sent"] for name in ("person", "device")
    ]

    names = [[one.transfer.name for one in rows] for rows in sent]
    assert names == [["To the person"], ["To the device"]]


def test_opting_out_and_in_leaves_its_reason_and_an_entry(client, owner, ann):
    client.force_login(owner)
    out, back = (reverse("change_person", args=[ann.pk, verb]) for verb in ("opt-out", "opt-in"))

    client.post(out, {"reason": "asked by e-mail"})
    page = client.get(reverse("person", args=[ann.pk])).content.decode()
    again = client.post(out, {"reason": "x"}, follow=True).content.decode()
    client.post(back)

    ann.refresh_from_db()
    entries = AuditEntry.objects.filter(target_type="person").values_list("verb", "fields")
    assert "Reason: asked by e-mail" in page
    assert "opted out already" in again
    assert (ann.opted_out_at, ann.opt_out_reason) == (None, "")
    assert list(entries.order_by("pk")) == [("opt_out", ["opted_out"]), ("opt_in", ["opted_out"])]


def test_a_reason_that_cannot_be_kept_is_refused_in_words(client, owner, ann):
    client.force_login(owner)
    address = reverse("change_person", args=[ann.pk, "opt-out"])

    for reason in ("x" * 201, "a\0b"):
        client.post(address, {"reason": reason})

    ann.refresh_from_db()
    told = client.get(reverse("person", args=[ann.pk])).content.decode()
    assert "At most 200 characters" in told
    assert "cannot be stored" in told
    assert ann.opted_out_at is None


def test_a_composer_opts_nobody_out(client, colleague, phone, ann):
    client.force_login(colleague)

    answers = [client.post(reverse("change_person", args=[ann.pk, verb])).status_code
               for verb in ("opt-out", "opt-in")]  # fmt: skip

    assert answers == [403, 403]


def test_a_label_is_added_and_taken_away(client, colleague, phone, ann):
    label = Label.objects.create(app=phone.app, name="Readers")
    client.force_login(colleague)
    add, remove = (
        reverse("change_person", args=[ann.pk, verb]) for verb in ("add-label", "remove-label")
    )

    added = client.post(add, {"label": label.pk}, follow=True).content.decode()
    carried = LabelMember.objects.count()
    client.post(remove, {"label": label.pk})

    assert "Label Readers added" in added
    assert carried == 1
    assert not LabelMember.objects.exists()


def test_a_label_that_is_none_of_theirs_is_refused(client, colleague, phone, ann, stranger):
    foreign = builders.make_app(Membership.objects.get(user=stranger).workspace, "far")
    theirs = Label.objects.create(app=foreign, name="Far")
    client.force_login(colleague)

    address = reverse("change_person", args=[ann.pk, "add-label"])
    for label in ("", "x", "0", "9" * 30, "-1", theirs.pk):
        client.post(address, {"label": label})

    told = client.get(reverse("person", args=[ann.pk])).content.decode()
    assert told.count("Choose a label.") == 6
    assert not LabelMember.objects.exists()


def test_a_token_is_enabled_again(client, owner, phone):
    client.force_login(owner)
    address = reverse("enable_device", args=[phone.pk])

    done = client.post(address, follow=True).content.decode()
    again = client.post(address, follow=True).content.decode()

    phone.refresh_from_db()
    assert phone.token_state == Device.TokenState.ACTIVE
    assert phone.token_evidence == "enabled again by hand"
    assert "The token is enabled" in done
    assert "Only a token that is disabled" in again
    assert AuditEntry.objects.filter(verb="enable_token", target_id=str(phone.pk)).count() == 1


def fill(**changes):
    """What the form of the fixture's person sends."""
    form = {"email": "ann@example.org", "phone": "+49 170 1234567", "language": "de",
            "country": "DE", "timezone": "Europe/Berlin",
            "attribute_name": ["plan", "age", "colours", "", " "],
            "attribute_kind": ["text", "number", "list", "text", "text"],
            "attribute_value": ["gold", "42.5", '["red"]', "", "lost"]}  # fmt: skip
    return form | changes


@pytest.mark.database
def test_addresses_are_stored_as_imports_store_them(client, owner, ann):
    client.force_login(owner)

    typed = fill(email=" Ann.Lee@Example.ORG", phone="0049 (170) 123-45 67")
    answer = client.post(reverse("edit_person", args=[ann.pk]), typed)

    ann.refresh_from_db()
    assert answer.status_code == 302
    assert (ann.email, ann.phone) == ("ann.lee@example.org", "491701234567")


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("email", "no mail at all", "This is no e-mail address such as ann@example.org."),
        ("phone", "0170 1234567", "The country code is missing"),
        ("phone", "49 call me", "This is no phone number"),
    ],
)
def test_what_is_no_address_is_told_at_its_field_and_nothing_is_lost(
    client, owner, ann, name, typed, words
):
    client.force_login(owner)
    form = fill(**{"country": "FR", name: typed})

    answer = client.post(reverse("edit_person", args=[ann.pk]), form)

    page = answer.content.decode()
    ann.refresh_from_db()
    assert answer.status_code == 422
    assert words in page.partition(f'id="id_{name}_error"')[2][:300]
    assert all(f'value="{text}"' in page for text in (typed, "FR", "gold", "42.5"))
    assert (ann.email, ann.phone, ann.country) == ("ann@example.org", "", "")


def test_an_address_that_was_kept_before_there_was_a_rule_stops_no_other_change(client, owner, ann):
    client.force_login(owner)
    Person.objects.update(email="no mail at all", phone="0170")

    kept = fill(email="no mail at all", phone="0170", country="FR")
    answer = client.post(reverse("edit_person", args=[ann.pk]), kept)

    ann.refresh_from_db()
    assert answer.status_code == 302
    assert (ann.email, ann.phone, ann.country) == ("no mail at all", "0170", "FR")


def test_a_person_is_edited_with_types_and_an_entry_of_names(client, owner, ann):
    client.force_login(owner)

    answer = client.post(reverse("edit_person", args=[ann.pk]), fill())

    ann.refresh_from_db()
    entry = AuditEntry.objects.get(verb="update", target_type="person")
    assert answer.status_code == 302
    assert ann.attributes == {"plan": "gold", "age": 42.5, "colours": ["red"]}
    assert (ann.phone, ann.country) == ("491701234567", "DE")
    assert entry.fields == [
        "attributes.age", "attributes.colours", "attributes.plan", "attributes.vip", "country",
        "language", "phone", "timezone",
    ]  # fmt: skip
    assert "gold" not in str(entry.fields)


def test_saving_what_is_there_already_leaves_no_entry(client, owner, ann):
    client.force_login(owner)
    form = fill(phone="", language="", country="", timezone="",
                attribute_name=["plan", "age", "vip"], attribute_kind=["text", "number", "flag"],
                attribute_value=["pro", "41", "yes"])  # fmt: skip

    client.post(reverse("edit_person", args=[ann.pk]), form)

    assert not AuditEntry.objects.exists()


WRONG = [
    ({"country": "Germany"}, "at most 2"), ({"country": "de"}, "no country"),
    ({"timezone": "Berlin"}, "no timezone"), ({"language": "!"}, "no language"),
    ({"phone": "call me"}, "7 to 15 digits"), ({"email": "x" * 255}, "at most 254"),
    ({"attribute_kind": ["number"]}, "Write a number"),
    ({"attribute_kind": ["flag"]}, "Write yes or no"),
    ({"attribute_kind": ["list"]}, "Write a list"),
    ({"attribute_kind": ["gender"]}, "Choose what kind"),
    ({"attribute_name": ["plan", "plan"]}, "two of that name"),
    ({"attribute_name": ['pl"an']}, "1 to 128 letters"),
    ({"attribute_kind": ["number"], "attribute_value": ["NaN"]}, "At most 100 attributes"),
    ({"attribute_kind": ["number"], "attribute_value": ["true"]}, "Write a number"),
    ({"attribute_kind": ["list"], "attribute_value": ["[[1]]"]}, "At most 100 attributes"),
    ({"attribute_kind": ["list"], "attribute_value": ["[" * 9999]}, "Write a list"),
    ({"attribute_value": ["x" * 2000]}, "At most 100 attributes"),
]  # fmt: skip


def test_what_is_typed_wrong_is_said_and_kept(client, owner, ann):
    client.force_login(owner)
    address = reverse("edit_person", args=[ann.pk])

    answers = [client.post(address, fill(**wrong)) for wrong, _sentence in WRONG]

    ann.refresh_from_db()
    pages = [answer.content.decode() for answer in answers]
    missing = [
        (wrong, sentence)
        for (wrong, sentence), page in zip(WRONG, pages, strict=True)
        if sentence not in page or ('value="+49 170 1234567"' not in page and "phone" not in wrong)
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert missing == []
    assert ann.attributes["plan"] == "pro"


def test_changes_are_shown_to_admins_only(client, owner, colleague, phone, ann, now):
    AuditEntry.objects.create(
        workspace=ann.workspace, at=now, actor="key 1", verb="move", target_type="device",
        target_id=str(phone.pk), fields=["person"],
    )  # fmt: skip
    address = reverse("person", args=[ann.pk])

    client.force_login(owner)
    shown = client.get(address).content.decode()
    client.force_login(colleague)
    hidden = client.get(address).content.decode()

    assert "key 1" in shown
    assert "key 1" not in hidden


def test_a_number_that_nobody_has_is_404(client, owner):
    client.force_login(owner)
    names, numbers = ("person", "device", "edit_person"), (0, 10**18, 10**30)

    codes = {client.get(reverse(n, args=[pk])).status_code for n in names for pk in numbers}

    assert codes == {404}


def test_a_trace_asks_who_and_answers(client, colleague, phone, ann, now):
    part = make_part(phone.app, now, audiences=[{"all": True}])
    Transfer.objects.update(frozen_at=now)
    deliver(part, phone.pk, now)
    builders.make_person(ann.workspace, "other", email="ann@example.org")
    twin = Person.objects.get(external_user_id="other")
    builders.make_device(phone.app, "twin", person=twin)
    client.force_login(colleague)
    address = reverse("trace", args=[part.transfer_id])

    asked, told, which, nobody = (
        client.get(address, query).content.decode()
        for query in ({}, {"who": "ann"}, {"who": "ann@example.org"}, {"who": "zoe"})
    )

    assert "Why did somebody get it, or not?" in asked
    assert "In the audience, as it was frozen." in told
    assert "Everyone of the app is meant." in told
    assert "Who of these?" in which
    assert f"?who=person%20{twin.pk}" in which
    assert "Nobody here has this id." in nobody
    for odd in ("\0", "x" * 5000, "<b>", "device 0", "*"):
        assert client.get(address, {"who": odd}).status_code == 200


def test_whoever_has_no_role_in_the_app_traces_nobody_there(client, phone, ann, now):
    part = make_part(phone.app, now)
    other = builders.make_app(ann.workspace, "cafe")
    narrow = builders.make_member("narrow", ann.workspace, app=other, role=Role.ADMIN)
    builders.make_device(other, "own", person=ann)
    client.force_login(narrow)
    own = make_part(other, now, audiences=[{"all": True}])

    theirs = client.get(reverse("trace", args=[part.transfer_id]), {"who": "ann"})
    ours = client.get(reverse("trace", args=[own.transfer_id]), {"who": TOKEN})

    assert theirs.status_code == 404
    assert "Nobody here has this id." in ours.content.decode()


@pytest.fixture
def anna(app, workspace):
    person = builders.make_person(workspace, "anna", email="anna@example.org", phone="4917")
    builders.make_device(app, "annas", person=person)
    return person


def test_two_are_merged_after_a_preview_and_taken_apart(client, owner, phone, ann, anna):
    Person.objects.filter(pk=ann.pk).update(phone="4930")
    client.force_login(owner)
    address = reverse("merge_person", args=[ann.pk])

    asked = client.get(address).content.decode()
    shown = client.get(address, {"who": "anna"}).content.decode()
    nobody = client.get(address, {"who": "zoe"}).content.decode()
    merged = client.post(address, {"gone": anna.pk}, follow=True).content.decode()
    old = client.get(reverse("person", args=[anna.pk]))
    merge = ann.merges.get()
    client.post(reverse("change_person", args=[ann.pk, "unmerge"]), {"merge": merge.pk})

    assert "Who is the same person?" in asked
    assert "anna goes, ann stays" in shown
    assert '<th scope="row">E-mail</th>' in shown
    assert ">anna@example.org</td>" in shown
    assert ">4917</td>" in shown  # a field of ours is a text, whatever it looks like
    assert "Nobody else has this id" in nobody
    assert "Merged into them" in merged
    assert old["Location"] == reverse("person", args=[ann.pk])
    assert Device.objects.get(token="annas").person_id == anna.pk


def test_a_merge_of_nobody_is_refused_in_words(client, owner, phone, ann, stranger):
    far = builders.make_person(Membership.objects.get(user=stranger).workspace, "far")
    client.force_login(owner)
    address = reverse("merge_person", args=[ann.pk])
    back = reverse("change_person", args=[ann.pk, "unmerge"])

    codes = [client.post(address, {"gone": gone}).status_code for gone in ("", "x", ann.pk, far.pk)]
    for merge in ("", "x", "9" * 30, 0):
        client.post(back, {"merge": merge})

    told = client.get(reverse("person", args=[ann.pk])).content.decode()
    assert codes == [302, 302, 302, 404]
    assert told.count("Say which merge.") == 4
    assert "Say who goes." in told
    assert "These two are one person already." in told
    assert Person.objects.filter(pk=far.pk).exists()


def test_only_an_admin_of_all_apps_merges(client, colleague, phone, ann, anna):
    client.force_login(colleague)
    address = reverse("merge_person", args=[ann.pk])

    codes = [client.get(address).status_code, client.post(address, {"gone": anna.pk}).status_code]

    assert codes == [403, 403]
    assert Person.objects.filter(pk=anna.pk).exists()
