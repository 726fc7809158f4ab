"""Where imports and exports are."""

from django.urls import path

from campaigns.pages import exports, imports, new_import

urlpatterns = [
    path("imports/", imports.imports, name="imports"),
    path("imports/new/", new_import.new_import, name="new_import"),
    path("imports/upload/", new_import.upload, name="upload_import"),
    path("imports/<int:pk>/", imports.import_page, name="import"),
    path("imports/<int:pk>/status/", imports.import_status, name="import_status"),
    path("imports/<int:pk>/check/", imports.check, name="check_import"),
    path("imports/<int:pk>/apply/", imports.apply, name="apply_import"),
    path("jobs/<int:pk>/import/", imports.import_of_job, name="import_of_job"),
    path("exports/", exports.exports, name="exports"),
]
