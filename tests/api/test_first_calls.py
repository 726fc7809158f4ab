"""The first large bodies of a web process, read by several threads at once."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.house.sources import ROOT

PROCESSES = 3  # without the decoder that is made beforehand two of three ended by SIGSEGV
CALLS = """
import sys, threading
import django
django.setup()
from campaigns.api.audience_views import DeviceViews
from campaigns.api.bodies import TypedParser
body = b'{"devices": [{"platform": "android", "token": "t", "ids": {"a": "b"}}]}'
start, read = threading.Barrier(8), []
def call():
    start.wait()
    read.append(TypedParser().decode(body, DeviceViews).devices[0].token)
sys.setswitchinterval(1e-7)
threads = [threading.Thread(target=call) for _number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*read)
"""


def test_threads_that_read_the_first_bodies_at_once_all_read_them(tmp_path):
    settings = {"DJANGO_SETTINGS_MODULE": "pushadmin.settings", "PUSHADMIN_VAR": str(tmp_path)}
    done = [
        subprocess.run(
            [sys.executable, "-c", CALLS],
            cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False,
        )
        for _process in range(PROCESSES)
    ]  # fmt: skip

    assert [(one.returncode, one.stdout.split()) for one in done] == [(0, ["t"] * 8)] * PROCESSES
