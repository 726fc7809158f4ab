"""Addresses of segments and what they are over."""

from django.urls import path

from campaigns.pages import attributes, segment_history, segments

urlpatterns = [
    path("attributes/", attributes.attributes, name="attributes"),
    path("attributes/index/", attributes.index_attribute, name="index_attribute"),
    path("segments/", segments.segments, name="segments"),
    path("segments/new/", segments.new_segment, name="new_segment"),
    path("segments/draw/", segments.segment_draw, name="segment_draw"),
    path("segments/count/", segments.segment_count, name="segment_count"),
    path("segments/values/", segments.segment_values, name="segment_values"),
    path("segments/<int:pk>/", segments.segment_page, name="segment"),
    path("segments/<int:pk>/why/", segments.segment_why, name="segment_why"),
    path(
        "segments/<int:pk>/versions/<int:number>/",
        segment_history.segment_version,
        name="segment_version",
    ),
    path(
        "segments/<int:pk>/versions/<int:number>/restore/",
        segment_history.restore_segment,
        name="restore_segment",
    ),
    path("segments/<int:pk>/delete/", segments.segment_delete, name="segment_delete"),
]
