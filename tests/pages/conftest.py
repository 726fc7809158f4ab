"""The browser of the staff pages' tests, for operator pages."""

from tests.admin.conftest import (
    base_url,
    browser_context_args,
    browser_type_launch_args,
    complaints,
    staff,
)

__all__ = ["base_url", "browser_context_args", "browser_type_launch_args", "complaints", "staff"]
