"""Where every door is mounted."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("", include("campaigns.pages.urls")), path("admin/", admin.site.urls)]
