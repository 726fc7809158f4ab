"""Django's model permissions as memberships give them; there are no Django groups."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from campaigns.services.permissions import list_permissions


class MembershipBackend(ModelBackend):
    """Signs users in as Django does; what they may do comes from their memberships alone."""

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return self.get_all_permissions(user_obj, obj)

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        # Kept on the user, that is for one request, as Django's own backend does.
        if not hasattr(user_obj, "_membership_permissions"):
            user_obj._membership_permissions = list_permissions(user_obj)
        kept: set[str] = user_obj._membership_permissions
        return kept
