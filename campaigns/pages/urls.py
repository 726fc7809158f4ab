"""The browser door."""

from django.urls import path

from campaigns.pages import (
    campaign,
    compose,
    home,
    jobs,
    listing,
    recipients,
    reports,
    review,
    transfer,
)
from campaigns.pages.people_urls import urlpatterns as people_urls

urlpatterns = [
    path("", home.home, name="home"),
    path("running/", home.running, name="running"),
    path("campaigns/", listing.campaigns, name="campaigns"),
    path("campaigns/new/", compose.new_campaign, name="compose"),
    path("campaigns/check/", compose.check_campaign, name="check"),
    path("campaigns/<int:pk>/", campaign.campaign_page, name="campaign"),
    path("campaigns/<int:pk>/edit/", compose.edit_campaign, name="edit"),
    path("campaigns/<int:pk>/status/", campaign.campaign_status, name="campaign_status"),
    path("campaigns/<int:pk>/rate/", campaign.change_rate, name="campaign_rate"),
    path("campaigns/<int:pk>/reschedule/", campaign.reschedule, name="reschedule"),
    path("campaigns/<int:pk>/review/", review.review_page, name="campaign_review"),
    path("campaigns/<int:pk>/review/checks/", review.review_checks, name="review_checks"),
    path("campaigns/<int:pk>/<slug:verb>/", campaign.change_campaign, name="change_campaign"),
    path("transfers/<int:pk>/", transfer.transfer_page, name="transfer"),
    path("transfers/<int:pk>/status/", transfer.transfer_status, name="transfer_status"),
    path("transfers/<int:pk>/recipients/", recipients.recipients, name="recipients"),
    path("transfers/<int:pk>/recipients.csv", recipients.recipients_csv, name="recipients_csv"),
    path("transfers/<int:pk>/rate/", transfer.change_rate, name="transfer_rate"),
    path("transfers/<int:pk>/retry/", transfer.retry_unknown, name="retry_unknown"),
    path("transfers/<int:pk>/<slug:verb>/", transfer.change_transfer, name="change_transfer"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/status/", jobs.jobs_status, name="jobs_status"),
    path("jobs/<int:pk>/", jobs.job_page, name="job"),
    path("jobs/<int:pk>/status/", jobs.job_status, name="job_status"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="cancel_job"),
    path("jobs/<int:pk>/files/<slug:role>/", jobs.job_file, name="job_file"),
    *people_urls,
    path("reports/", reports.reports, name="reports"),
    path("reports/rows/", reports.report_rows, name="report_rows"),
    path("reports.csv", reports.report_csv, name="report_csv"),
]
