"""The project: settings, addresses, and how its processes start."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
