"""The staff door: Django's admin under Unfold, every page behind memberships."""

from campaigns.admin import access, accounts, audience, catalogue, scenarios, scripts

__all__ = ["access", "accounts", "audience", "catalogue", "scenarios", "scripts"]
