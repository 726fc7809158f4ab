"""What a person reads who starts manage.py with the wrong Python or a wrong setting."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.house.sources import ROOT


def run_manage(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "manage.py", "check"], cwd=ROOT,
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_python_without_django_is_told_which_one_has_it():
    done = run_manage("-I", "-S")

    assert done.returncode == 1
    assert ".venv/bin/python manage.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_contradicts_another_is_a_sentence_and_no_traceback(tmp_path):
    done = run_manage(
        PUSHADMIN_VAR=str(tmp_path), DATABASE_URL="", PUSHADMIN_BROKER_URL="redis://x/0"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("manage.py: PUSHADMIN_BROKER_URL is for many hosts")
    assert "Traceback" not in done.stderr
