#!/usr/bin/env python
"""Django's command line."""

import os
import sys

try:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
except ModuleNotFoundError as missing:
    if missing.name != "django":
        raise
    sys.exit("This Python has no Django. Run `make run` once, then .venv/bin/python manage.py ...")

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refusal:
        # A setting is wrong, not the program: its sentence says how to mend it.
        sys.exit(f"manage.py: {refusal}")
