"""The staff door: Django's admin under Unfold, every page behind memberships."""

from campaigns.admin import access, accounts, audience, catalogue, scenarios

__all__ = ["access", "accounts", "audience", "catalogue", "scenarios"]
