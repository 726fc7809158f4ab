"""One address pattern for every dialect; a path may hold anything."""

from django.urls import re_path

from campaigns.compat.views import answer_call

urlpatterns = [re_path(r"^(?P<dialect>[^/]+)/(?P<path>[\s\S]*)\Z", answer_call, name="compat")]
