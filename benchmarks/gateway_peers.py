"""Other clients of the gateways, and h2load: what they need is installed, once, beside nothing of
ours; each run is a process that says what it took."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway_sink import Sink, find

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peer"
PYTHON_PACKAGES = (
    "django-push-notifications[FCM]==3.3.0",
    "firebase-admin==7.7.0",
    "aioapns==4.0",
    "pywebpush==2.5.0",
    "aiohttp",
)
NODE_PACKAGES = ("firebase-admin@13.10.0", "web-push@3.6.7")
H2LOAD = "h2load"


@dataclass(frozen=True, slots=True)
class Run:
    """What a process took for so many messages: the clock's seconds and its own CPU."""

    sent: int
    seconds: float
    cpu: float
    server_cpu: float = 0.0  # of the database, where there is one

    @property
    def rate(self) -> float:
        return self.sent / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of CPU for each message."""
        return self.cpu / self.sent * 1e6


def install(folder: Path) -> None:
    """The peers, in environments of their own; nothing is done where they are already."""
    wanted = "\n".join([*PYTHON_PACKAGES, *NODE_PACKAGES])
    made = folder / "made"
    if made.exists() and made.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    run_quietly([sys.executable, "-m", "venv", "--clear", str(folder / "python")], folder)
    python = str(folder / "python/bin/python")
    run_quietly([python, "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES], folder)
    (folder / "package.json").write_text("{}")
    run_quietly(["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE_PACKAGES], folder)
    made.write_text(wanted)


def describe_peers(folder: Path) -> str:
    """Their exact versions, and those of what they stand on."""
    python, node = str(folder / "python/bin/python"), str(find("node"))
    listed = read_output([python, "-m", "pip", "list", "--format", "freeze"])
    known = json.loads(read_output([str(find("npm")), "ls", "--json", "--depth=0"], folder))
    modules = [f"{name} {one['version']}" for name, one in known["dependencies"].items()]
    packages = [line.replace("==", " ") for line in listed.splitlines()]
    own = [read_output([python, "--version"]), f"node {read_output([node, '--version'])}"]
    return f"Peers: {', '.join([*modules, *own, *packages])}"


def describe_libraries() -> str:
    """What we call with, and what we are held against."""
    import pycurl

    names = ("PycURL", "libcurl", "nghttp2", "OpenSSL")
    ours = [part.replace("/", " ") for part in pycurl.version.split() if part.startswith(names)]
    programs = {"nginx": "-v", H2LOAD: "--version"}
    theirs = [
        read_output([str(find(name)), option]) for name, option in programs.items() if find(name)
    ]
    return f"Ours: {', '.join(ours)}; {', '.join(theirs) or 'no sink of nginx'}"


def read_output(command: Sequence[str], folder: Path | None = None) -> str:
    """What a program says, on whichever of its two ways."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def run_quietly(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def run_peer(name: str, count: int, sink: Sink, folder: Path) -> Run:
    """One client, in a process of its own."""
    if name == H2LOAD:
        return run_h2load(count, sink)
    python = str(folder / "python/bin/python")
    is_node = name.startswith("npm ")
    program = [find("node"), "gateway_peer.js"] if is_node else [python, "gateway_peer.py"]
    command = [str(program[0]), str(PEERS / str(program[1])), name, sink.url, str(count)]
    environment: Mapping[str, str] = {**os.environ, **sink.trust}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    if said["sent"] != count:
        raise SystemExit(f"{name} sent {said['sent']} of {count}.")
    return Run(said["sent"], said["seconds"], said["cpu"])


BODY = {
    "message": {
        "token": f"{0:012d}:APA91b{'x' * 133}",
        "notification": {"title": "Hi", "body": "There"},
    }
}


def run_h2load(count: int, sink: Sink) -> Run:
    """The same body again and again on one connection, a hundred at once, no answer looked at."""
    body = sink.authority.with_name("body.json")
    body.write_text(json.dumps(BODY))
    command = [
        *(str(find(H2LOAD)), "-n", str(count), "-c", "1", "-m", "100", "-d", str(body)),
        *("-H", "content-type: application/json", "-H", "authorization: Bearer bench"),
        f"{sink.url}/v1/projects/bench/messages:send",
    ]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    good = re.search(r"(\d+) 2xx", done.stdout)
    took = re.search(r"finished in ([\d.]+)(s|ms)", done.stdout)
    if good is None or int(good.group(1)) != count:
        raise SystemExit(f"h2load was not answered:\n{done.stdout[-2000:]}")
    if took is not None:
        seconds = float(took.group(1)) / (1000 if took.group(2) == "ms" else 1)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(count, seconds, cpu)
