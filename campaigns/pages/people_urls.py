"""Addresses of people and devices."""

from django.urls import path

from campaigns.pages.erasures import erasures, person_data
from campaigns.pages.merging import merge_page
from campaigns.pages.people import label_people, people
from campaigns.pages.person import change_person, device_page, enable_device, person_page
from campaigns.pages.person_form import edit_person
from campaigns.pages.tokens import enable_tokens
from campaigns.pages.trace import trace_page

urlpatterns = [
    path("erasures/", erasures, name="erasures"),
    path("people/", people, name="people"),
    path("people/label/", label_people, name="label_people"),
    path("people/<int:pk>/", person_page, name="person"),
    path("people/<int:pk>/edit/", edit_person, name="edit_person"),
    path("people/<int:pk>/merge/", merge_page, name="merge_person"),
    path("people/<int:pk>/data.json", person_data, name="person_data"),
    path("people/<int:pk>/<slug:verb>/", change_person, name="change_person"),
    path("transfers/<int:pk>/trace/", trace_page, name="trace"),
    path("devices/enable/", enable_tokens, name="enable_tokens"),
    path("devices/<int:pk>/", device_page, name="device"),
    path("devices/<int:pk>/enable/", enable_device, name="enable_device"),
]
