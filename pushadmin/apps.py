"""The project as an app, so that its system checks are found."""

from django.apps import AppConfig


class PushadminConfig(AppConfig):
    name = "pushadmin"

    def ready(self) -> None:
        from pushadmin import checks  # noqa: F401 - registers the checks
