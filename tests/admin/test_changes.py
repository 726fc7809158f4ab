"""What staff pages change: by role, through services, with an entry for each change."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.urls import get_resolver, reverse

from campaigns.errors import ChangedMeanwhile
from campaigns.models import (
    Account,
    App,
    AuditEntry,
    Campaign,
    Device,
    Group,
    Label,
    Membership,
    Message,
    Person,
    Route,
    Segment,
    Transfer,
)  # fmt: skip
from campaigns.models.audience import hash64
from campaigns.services.accounts import check_account, find_credentials, save_account
from providers import registry, vault
from tests import builders
from tests.vendor_cases.conftest import simulator

__all__ = ["simulator"]
pytestmark = pytest.mark.database
NEEDY = next(
    dialect
    for dialect in registry.all_dialects()
    if any(spec.required for spec in dialect.route_options)
)


def url_of(row: Model | type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:campaigns_{row._meta.model_name}_{page}", args=args)


def make_account(app, now, dialect="sandbox", **credentials):
    account = Account(workspace=app.workspace, name=dialect, dialect=dialect)
    return save_account(account, credentials, actor="owner", now=now)


def find_verbs():
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "verb", "target_type"))


@pytest.mark.django_db(transaction=True)
def test_an_account_is_checked_at_a_real_socket_in_the_vendors_own_words(app, now, simulator):
    good = check_account(make_account(app, now, api_key="good-key-1"), actor="owner", now=now)
    bad = Account.objects.get()
    save_account(bad, {"api_key": "refused"}, actor="owner", now=now)
    refused = check_account(bad, actor="owner", now=now)

    bad.refresh_from_db()
    assert good.is_good
    assert not refused.is_good
    assert (bad.health, bad.health_words) == ("bad", refused.words)
    assert find_verbs()[-1] == ("owner", "check", "account")


@pytest.mark.django_db(transaction=True)
def test_a_vendor_that_is_not_reached_refuses_nobody(client, app, owner, now, simulator, settings):
    account = make_account(app, now, api_key="good-key-1")
    check_account(account, actor="owner", now=now)
    settings.SANDBOX_URL = "http://127.0.0.1:9"  # where nobody listens
    client.force_login(owner)

    told = client.post(url_of(account, "do", account.pk, "try_out"), follow=True)

    account.refresh_from_db()
    assert account.health == "good"
    assert [message.level_tag for message in told.context["messages"]] == ["warning"]


@pytest.mark.django_db(transaction=True)
def test_what_a_vendor_said_of_old_credentials_is_not_noted_for_new_ones(app, now, simulator):
    asked = make_account(app, now, api_key="good-key-1")
    save_account(Account.objects.get(), {"api_key": "refused"}, actor="colleague", now=now)

    with pytest.raises(ChangedMeanwhile):
        check_account(asked, actor="owner", now=now)

    asked.refresh_from_db()
    assert (asked.health, asked.checked_at) == ("unknown", None)
    assert ("owner", "check", "account") in find_verbs()  # the vendor was asked


def test_a_kept_secret_goes_to_no_other_address(client, app, owner, now):
    account = make_account(app, now, "appmetrica", token="first-key-1234")
    before = account.credentials
    client.force_login(owner)
    moved = {"name": "Moved", "address_push": "https://elsewhere.example.org"}

    refused = client.post(url_of(account, "change", account.pk), moved)
    again = {**moved, "credential_token": "second-key-567"}
    accepted = client.post(url_of(account, "change", account.pk), again)

    assert b"The address has changed" in refused.content
    assert accepted.status_code == 302
    assert Account.objects.get().credentials != before


def test_a_secret_that_is_left_empty_is_kept(client, app, owner, now):
    account = make_account(app, now, api_key="first-key-1234")
    before = account.credentials
    client.force_login(owner)

    answer = client.post(
        url_of(account, "change", account.pk), {"name": "Renamed", "credential_api_key": ""}
    )

    account.refresh_from_db()
    assert answer.status_code == 302
    assert account.name == "Renamed"
    assert account.credentials != before  # encrypted anew
    assert "1234" in client.get(url_of(account, "change", account.pk)).content.decode()
    assert AuditEntry.objects.filter(target_type="account", verb="change").count() == 1


def test_credentials_that_no_key_decrypts_are_entered_again(client, app, owner, now, settings):
    account = make_account(app, now, api_key="first-key-1234")
    settings.VAULT_KEYS = [vault.generate_key()]
    client.force_login(owner)

    page = client.get(url_of(account, "change", account.pk))
    client.post(url_of(account, "do", account.pk, "try_out"))
    client.post(
        url_of(account, "change", account.pk), {"name": "A", "credential_api_key": "new-key-5678"}
    )

    account.refresh_from_db()
    assert "cannot be read; enter them again" in page.content.decode()
    assert find_credentials(account) == {"api_key": "new-key-5678"}


def route_form(account, **options):
    return {
        "name": "Shop", "slug": "shop", "platforms": ["android"], "timezone": "UTC",
        "default_language": "en", "cooling_seconds": 60,
        "routes-TOTAL_FORMS": 1, "routes-INITIAL_FORMS": 0,
        "routes-0-platform": "android", "routes-0-account": account.pk, "routes-0-position": 0,
        **{f"routes-0-option__{NEEDY.key}__{name}": value for name, value in options.items()},
    }  # fmt: skip


def test_a_route_asks_for_what_its_vendor_needs(client, app, owner, now):
    account = make_account(app, now, NEEDY.key)
    client.force_login(owner)
    needed = {spec.name: "17" for spec in NEEDY.route_options if spec.required}

    without = client.post(url_of(app, "change", app.pk), route_form(account))
    client.post(url_of(app, "change", app.pk), route_form(account, **needed))

    assert "The vendor needs this." in without.content.decode()
    assert {str(value) for value in Route.objects.get().options.values()} == {"17"}


def test_routes_that_an_app_has_are_on_its_page_and_can_be_changed(client, app, owner, now):
    route = builders.make_route(app, "android")
    client.force_login(owner)
    stored = {"routes-INITIAL_FORMS": 1, "routes-0-id": route.pk, "routes-0-app": app.pk}

    page = client.get(url_of(app, "change", app.pk))
    form = route_form(route.account) | stored | {"routes-0-position": 3}
    client.post(url_of(app, "change", app.pk), form)

    assert f'name="routes-0-id" value="{route.pk}"' in page.content.decode()
    assert "Android → Sandbox" in page.content.decode()
    assert Route.objects.get().position == 3


def test_the_ids_that_vendors_know_a_device_by_are_on_its_page(client, app, owner):
    device = builders.make_device(app, "first")
    device.identifiers.create(
        app=app, kind="registration_id", value="known-as-this", value_hash=hash64("known-as-this")
    )
    client.force_login(owner)

    page = client.get(url_of(device, "change", device.pk))

    assert "known-as-this" in page.content.decode()


@pytest.mark.parametrize("row", [App, Label, Segment, Account])
def test_the_only_workspace_is_chosen_already(client, workspace, owner, row):
    client.force_login(owner)
    where = {"dialect": "sandbox"} if row is Account else {}

    page = client.get(url_of(row, "add"), where).content.decode()

    chosen = f'<option value="{workspace.pk}" selected>'
    assert (chosen in page) is ('name="workspace"' in page)


def test_a_route_leads_to_no_account_of_another_workspace(client, app, owner, stranger, now):
    theirs = builders.make_app(stranger.memberships.get().workspace, slug="theirs")
    account = make_account(theirs, now, api_key="their-key-1")
    client.force_login(owner)

    answer = client.post(url_of(app, "change", app.pk), route_form(account))

    assert answer.status_code == 200
    assert not Route.objects.exists()


def test_each_change_leaves_one_entry_with_names_of_fields_only(client, app, owner):
    person = Person.objects.create(workspace=app.workspace, external_user_id="u1")
    builders.make_device(app, "t1", person=person)
    client.force_login(owner)

    client.post(
        url_of(person, "change", person.pk),
        {"email": "new@example.org", "attributes": "{}", "initial-attributes": "{}"},
    )

    entry = AuditEntry.objects.get(target_type="person")
    assert (entry.actor, entry.target_id, entry.fields) == ("owner", str(person.pk), ["email"])


def test_addresses_are_stored_in_one_way_and_what_is_none_is_told(client, app, owner):
    person = Person.objects.create(workspace=app.workspace, external_user_id="u1", phone="0170")
    builders.make_device(app, "t1", person=person)
    client.force_login(owner)
    form = {"attributes": "{}", "initial-attributes": "{}", "phone": "0170"}

    wrong = client.post(url_of(person, "change", person.pk), {**form, "email": "no mail at all"})
    client.post(url_of(person, "change", person.pk), {**form, "email": "New@Example.org"})

    person.refresh_from_db()
    assert "This is no e-mail address" in wrong.content.decode()
    assert (person.email, person.phone) == ("new@example.org", "0170")


@pytest.mark.parametrize(("typed", "kept"), [("", {}), ('{"plan": "pro"}', {"plan": "pro"})])
def test_attributes_stay_an_object(client, app, owner, typed, kept):
    person = Person.objects.create(workspace=app.workspace, attributes={"old": 1})
    builders.make_device(app, "t1", person=person)
    client.force_login(owner)

    client.post(url_of(person, "change", person.pk), {"attributes": typed})
    refused = client.post(url_of(person, "change", person.pk), {"attributes": "[1]"})

    person.refresh_from_db()
    assert "Enter an object" in refused.content.decode()
    assert person.attributes == kept


def test_groups_labels_and_segments_are_made_by_services(client, app, colleague):
    client.force_login(colleague)
    client.post(url_of(Group, "add"), {"app": app.pk, "name": "Autumn", "send_rate": 100})
    client.post(url_of(Label, "add"), {"app": app.pk, "name": "Gold"})
    client.post(url_of(Segment, "add"), {"app": app.pk, "name": "All", "expression": '{"and": []}'})
    label = Label.objects.get()

    client.post(url_of(label, "delete", label.pk), {"post": "yes"})

    assert find_verbs() == [
        ("colleague", "create", "group"),
        ("colleague", "create", "label"),
        ("colleague", "create", "segment"),
        ("colleague", "delete", "label"),
    ]


def test_a_label_that_a_campaign_names_is_not_deleted_and_the_page_says_why(client, app, owner):
    label = Label.objects.create(app=app, name="Gold")
    make_campaign(app, audience={"labels": ["Gold"]})
    client.force_login(owner)

    answer = client.post(url_of(label, "delete", label.pk), {"post": "yes"}, follow=True)

    assert "It is still used, by Zanzibar" in answer.content.decode()
    assert Label.objects.exists()


def make_campaign(app, **fields):
    at = app.created_at
    message = Message.objects.create(app=app, content={"title": "Hi", "body": "There"})
    return Campaign.objects.create(
        workspace=app.workspace, app=app, name="Zanzibar", message=message, status_since=at,
        created_at=at, created_by="owner", **{"audience": {"all": True}, **fields},
    )  # fmt: skip


@pytest.mark.parametrize("model", [Group, Label, Segment, Device, App])
def test_a_colleague_gets_nothing_of_the_app_next_door(client, app, colleague, model):
    second = builders.make_app(app.workspace, slug="second")
    rows = {
        Group: second.groups.get(),
        Label: Label.objects.create(app=second, name="Next door"),
        Segment: Segment.objects.create(app=second, name="Next door", expression={"and": []}),
        Device: builders.make_device(second, "next-door"),
        App: second,
    }
    client.force_login(colleague)
    row = rows[model]

    assert client.get(url_of(row, "change", row.pk)).status_code == 302
    assert client.get(url_of(row, "history", row.pk)).status_code == 404
    assert f"/{row.pk}/change/" not in client.get(url_of(row, "changelist")).content.decode()


def test_a_viewer_sees_and_changes_nothing(client, app):
    viewer = builders.make_member("v", app.workspace, app=app, role=Membership.Role.VIEWER)
    label = Label.objects.create(app=app, name="Gold")
    client.force_login(viewer)

    page = client.get(url_of(label, "change", label.pk))
    changed = client.post(url_of(label, "change", label.pk), {"name": "Silver"})
    added = client.post(url_of(label, "change", label.pk), {"_do": "add_members", "ids": "u1"})

    assert page.status_code == 200
    assert "Add them" not in page.content.decode()
    assert (changed.status_code, added.status_code) == (403, 403)
    assert Label.objects.get().name == "Gold"


def test_a_verb_is_not_done_by_following_a_link(client, app, owner):
    group = Group.objects.create(app=app, name="Autumn")
    client.force_login(owner)

    client.get(url_of(group, "do", group.pk, "archive"))

    group.refresh_from_db()
    assert group.archived_at is None


@pytest.mark.parametrize("term", ["t0ken", "gaid-1", "u1", "a@example.org", "+49 30 1234"])
def test_a_device_is_found_by_whatever_one_knows_of_it(client, app, owner, term):
    kind = next(
        kind.name
        for dialect in registry.all_dialects()
        for kind in dialect.identifier_kinds
        if not kind.is_token
    )
    person = Person.objects.create(
        workspace=app.workspace, external_user_id="u1", email="a@example.org", phone="49301234"
    )
    device = builders.make_device(app, "t0ken", person=person)
    builders.make_device(app, "other")
    device.identifiers.create(app=app, kind=kind, value="gaid-1", value_hash=hash64("gaid-1"))
    client.force_login(owner)

    devices = client.get(url_of(device, "changelist"), {"q": term}).content.decode()
    persons = client.get(url_of(person, "changelist"), {"q": term}).content.decode()

    assert f"/device/{device.pk}/change/" in devices
    assert devices.count("/change/") == 1
    assert f"/person/{person.pk}/change/" in persons


def test_a_long_list_is_never_counted_to_its_end(client, app, owner, django_assert_max_num_queries):
    builders.make_device(app, "t1")
    client.force_login(owner)

    with django_assert_max_num_queries(30) as asked:
        client.get(url_of(Device, "changelist"))
        client.get(url_of(Person, "changelist"))

    counts = [query["sql"] for query in asked if "COUNT(" in query["sql"]]
    growing = [sql for sql in counts if "_device" in sql or "_person" in sql]
    assert growing
    assert [sql for sql in growing if "LIMIT" not in sql] == []


def test_a_superuser_adds_people_who_may_sign_in_and_nothing_else(client, superuser):
    client.force_login(superuser)
    password = "correct horse battery"

    client.post(
        reverse("admin:auth_user_add"),
        {
            "username": "new",
            "password1": password,
            "password2": password,
            "usable_password": "true",
        },
    )

    made = get_user_model().objects.get(username="new")
    assert made.is_staff
    assert made.check_password(password)
    assert made.get_all_permissions() == set()
    assert client.get(reverse("admin:auth_user_change", args=[made.pk])).status_code == 200
    assert client.get(reverse("admin:auth_user_password_change", args=[made.pk])).status_code == 200
    assert ("root", "add", "user") in find_verbs()


def test_an_admin_sees_the_people_of_the_workspace_and_changes_none(client, owner, colleague):
    client.force_login(owner)
    other = get_user_model().objects.create_user("elsewhere", is_staff=True)

    shown = client.get(reverse("admin:auth_user_changelist")).content.decode()
    changed = client.post(
        reverse("admin:auth_user_change", args=[colleague.pk]), {"username": "x", "is_superuser": 1}
    )

    assert "colleague" in shown
    assert other.username not in shown
    assert changed.status_code == 403


def test_the_audit_log_is_changed_by_nobody(client, app, superuser):
    entry = AuditEntry.objects.create(at=app.created_at, actor="a", verb="v", target_type="app")
    client.force_login(superuser)

    changed = client.post(url_of(entry, "change", entry.pk), {"actor": "b"})
    deleted = client.post(url_of(entry, "delete", entry.pk), {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert AuditEntry.objects.get().actor == "a"


def test_the_search_of_the_sidebar_finds_ones_own_rows_only(client, app, owner, stranger):
    Label.objects.create(app=app, name="Zanzibar")
    client.force_login(stranger)
    theirs = client.get("/admin/search/?s=zanzibar&extended=1").content.decode()
    client.force_login(owner)

    ours = client.get("/admin/search/?s=zanzibar&extended=1").content.decode()

    assert "Zanzibar" in ours
    assert "Zanzibar" not in theirs


def list_operator_paths():
    """Every path of the pages door that names a row."""
    from campaigns.pages.urls import urlpatterns

    return [str(item.pattern) for item in urlpatterns if "<int:pk>" in str(item.pattern)]


@pytest.mark.parametrize("pattern", list_operator_paths())
def test_a_stranger_gets_nothing_of_an_operator_page(client, app, stranger, now, pattern):
    campaign = make_campaign(app)
    transfer = Transfer.objects.create(
        app=app, group=app.groups.get(), name="Zanzibar", campaign=campaign, status_since=now,
        due_at=now, created_at=now,
    )  # fmt: skip
    pk = transfer.pk if pattern.startswith("transfers") else campaign.pk
    path = "/" + pattern.replace("<int:pk>", str(pk)).replace("<slug:verb>", "cancel")
    client.force_login(stranger)

    answers = [client.get(path), client.post(path)]

    campaign.refresh_from_db()
    transfer.refresh_from_db()
    assert {answer.status_code for answer in answers} <= {302, 403, 404, 405}
    assert not any("Zanzibar" in answer.content.decode() for answer in answers)
    assert (campaign.status, transfer.status) == ("draft", "accepted")


# Pages that anybody may open: the login itself, its translations, the API's description, what
# monitors ask, and a service worker, which browsers fetch without cookies.
OPEN = {
    "/admin/login/",
    "/admin/jsi18n/",
    "/api/v1/docs/",
    "/api/v1/schema/",
    "/browsers/worker.js",
    "/healthz",
    "/readyz",
}


def list_paths(patterns, prefix="/"):
    for item in patterns:
        piece = PLACEHOLDER.sub("1", str(item.pattern).strip("^$").replace("\\.", "."))
        path = prefix + piece.replace("\\Z", "").rstrip("$").replace("/?", "/")
        if hasattr(item, "url_patterns"):
            yield from list_paths(item.url_patterns, path)
        else:
            yield path


PLACEHOLDER = re.compile(r"<[^>]+>|\(\?P<\w+>[^)]*\)")


def test_a_visitor_gets_no_page_that_nobody_declared_open(client, db):
    paths = sorted(set(list_paths(get_resolver().url_patterns)) - OPEN)

    given = [path for path in paths if client.get(path).status_code == 200]

    assert len(paths) > 100
    assert given == []


@pytest.mark.parametrize("person", ["x", "\0", "9" * 30, ""])
def test_a_forged_person_of_a_label_changes_nothing(client, app, owner, person):
    label = Label.objects.create(app=app, name="Fans")
    client.force_login(owner)

    response = client.post(
        url_of(label, "change", label.pk), {"_do": "add_members", "person": person}
    )

    label.refresh_from_db()
    assert (response.status_code, label.member_count) == (302, 0)


@pytest.mark.parametrize(
    "address",
    ["label/add/?app=x", "label/add/?app=%00", "membership/add/?user=x", "apikey/add/?apps=x,1"],
)
def test_a_form_that_an_address_fills_in_wrongly_still_opens(client, owner, address):
    client.force_login(owner)

    response = client.get(f"/admin/campaigns/{address}")

    assert response.status_code == 200


@pytest.mark.database
def test_a_search_for_a_nul_finds_what_there_is(client, app, owner):
    client.force_login(owner)
    field = "app_label=campaigns&model_name=label&field_name=app"

    response = client.get(f"/admin/autocomplete/?{field}&term=%00")

    assert response.status_code == 200
