"""Addresses of labels."""

from django.urls import path

from campaigns.pages import labels

urlpatterns = [
    path("labels/", labels.labels, name="labels"),
    path("labels/new/", labels.new_label, name="new_label"),
    path("labels/<int:pk>/", labels.label_page, name="label"),
    path("labels/<int:pk>/members/", labels.label_members, name="label_members"),
    path("labels/<int:pk>/person/", labels.label_person, name="label_person"),
    path("labels/<int:pk>/archive/", labels.label_archive, name="label_archive"),
    path("labels/<int:pk>/restore/", labels.label_restore, name="label_restore"),
    path("labels/<int:pk>/delete/", labels.label_delete, name="label_delete"),
]
