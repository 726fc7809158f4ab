"""What the doors are measured beside: a bare DRF view, a token and a user in the database, a
serializer with one field, and one INSERT that is committed. It has no middleware and no limits.

`python benchmarks/peer/door_peer.py` makes its tables in the database of the settings and prints a
token; gunicorn serves `door_peer:make_application()`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def set_up() -> None:
    sys.path.insert(0, str(ROOT))
    import django
    from django.conf import settings

    from pushadmin.environment import read_database

    file = Path(os.environ["PUSHADMIN_VAR"]) / "pushadmin.sqlite3"
    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": read_database("DATABASE_URL", default=f"sqlite:///{file}")},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "rest_framework.authtoken",
        ],
        ROOT_URLCONF="door_peer",
        USE_TZ=True,
    )
    django.setup()


def make_note() -> Any:
    from django.db import models

    class Note(models.Model):
        body = models.TextField()

        class Meta:
            app_label = "bench"

    return Note


def list_routes() -> list[Any]:
    from django.urls import path
    from rest_framework.authentication import TokenAuthentication
    from rest_framework.generics import CreateAPIView
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.renderers import JSONRenderer
    from rest_framework.serializers import ModelSerializer

    class NoteSerializer(ModelSerializer[Any]):
        class Meta:
            model = make_note()
            fields = ("id", "body")

    class Notes(CreateAPIView[Any]):
        authentication_classes = (TokenAuthentication,)
        permission_classes = (IsAuthenticated,)
        renderer_classes = (JSONRenderer,)
        serializer_class = NoteSerializer

    return [path("notes/", Notes.as_view())]


def make_application() -> Any:
    global urlpatterns  # noqa: PLW0603 - Django looks for the name here
    set_up()
    from django.core.wsgi import get_wsgi_application

    urlpatterns = list_routes()
    return get_wsgi_application()


def main() -> None:
    set_up()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(make_note())
    user = get_user_model().objects.create_user("peer")
    print(Token.objects.create(user=user).key)


urlpatterns: list[Any] = []

if __name__ == "__main__":
    main()
