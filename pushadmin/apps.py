"""The project as an app, so that its system checks are found."""

from django.apps import AppConfig
from django.conf import settings


class PushadminConfig(AppConfig):
    name = "pushadmin"

    def ready(self) -> None:
        from pushadmin import checks  # noqa: F401 - registers the checks

        if settings.BROKER_URL:
            from campaigns.dispatch.wakes import register_waker
            from pushadmin.celery import wake

            register_waker(wake)
