"""Where vendors call us: the account's public id, then the vendor's own path."""

from django.urls import re_path

from campaigns.compat.hooks import answer_hook

urlpatterns = [re_path(r"^(?P<account>[^/]+)/(?P<path>[\s\S]*)\Z", answer_hook, name="hook")]
