"""Where the device door's calls are, under /device/v1/."""

from __future__ import annotations

from django.urls import path, re_path

from campaigns.api import device_views
from campaigns.api.urls import NowhereView

urlpatterns = [
    path("register/", device_views.RegisterView.as_view(), name="device-register"),
    path("device/", device_views.DeviceView.as_view(), name="device"),
    path("browser-key/", device_views.BrowserKeyView.as_view(), name="device-browser-key"),
    path("events/", device_views.EventsView.as_view(), name="device-events"),
    path("receipts/", device_views.ReceiptsView.as_view(), name="device-receipts"),
    path("inbox/", device_views.InboxView.as_view(), name="device-inbox"),
    re_path("^.*$", NowhereView.as_view()),
]
