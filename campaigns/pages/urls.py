"""The browser door."""

from django.urls import path

from campaigns.pages import home, listing, reports

urlpatterns = [
    path("", home.home, name="home"),
    path("running/", home.running, name="running"),
    path("campaigns/", listing.campaigns, name="campaigns"),
    path("reports/", reports.reports, name="reports"),
    path("reports/rows/", reports.report_rows, name="report_rows"),
    path("reports.csv", reports.report_csv, name="report_csv"),
]
