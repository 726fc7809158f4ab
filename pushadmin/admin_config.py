"""Django's admin with a site of ours."""

from django.contrib.admin.apps import AdminConfig


class ControlRoomAdminConfig(AdminConfig):
    default_site = "pushadmin.admin_site.ControlRoomSite"
