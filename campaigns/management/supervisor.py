"""Keeps a set of child processes running until it is told to stop, or dies with them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

DRAIN_SECONDS = 25.0  # how long children may finish what is in flight
STEADY_SECONDS = 5.0  # one that lived this long is restarted at once
LONGEST_PAUSE = 10.0
TICK_SECONDS = 0.2
PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One command that must always run. `sockets` are open file descriptors it inherits."""

    name: str
    command: Sequence[str]
    sockets: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = 0.0
    due_at: float = 0.0

    def start(self, environment: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            env=dict(environment),
            pass_fds=self.sockets,
            preexec_fn=_make_mortal(os.getpid()),  # noqa: PLW1509 - we run one thread only
        )
        self.started_at = clock()

    def note_death(self, now: float) -> None:
        """Plan the next start: at once after a steady life, else later with each quick death."""
        if now - self.started_at >= STEADY_SECONDS:
            self.pause = 0.0
        else:
            self.pause = min(LONGEST_PAUSE, max(0.5, self.pause * 2))
        self.process = None
        self.due_at = now + self.pause


@dataclass(slots=True)
class Supervisor:
    """Starts children, restarts those that end, passes a stop on, and waits for them."""

    children: list[Child]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    is_stopping: bool = field(default=False, init=False)

    def run(self) -> None:
        """Until SIGTERM or SIGINT; a second one no longer waits."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self.is_stopping:
            self.tend()
            time.sleep(TICK_SECONDS)
        self.stop()

    def tend(self) -> None:
        """One look at every child."""
        now = self.clock()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self.say(f"{child.name} ended with {child.process.returncode}; it starts again.")
                child.note_death(now)
            if child.process is None and now >= child.due_at:
                child.start(self.environment, self.clock)

    def stop(self) -> None:
        """Ask every child to end; kill those that have not after DRAIN_SECONDS."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            _signal(process, signal.SIGTERM)
        end = self.clock() + DRAIN_SECONDS
        while self.clock() < end and any(process.poll() is None for process in running):
            time.sleep(0.05)
        for process in running:
            _signal(process, signal.SIGKILL)
            process.wait()

    def _on_signal(self, number: int, _frame: object) -> None:
        if self.is_stopping:
            for child in self.children:
                if child.process is not None:
                    _signal(child.process, signal.SIGKILL)
            sys.exit(128 + number)
        self.is_stopping = True


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _make_mortal(parent: int) -> Callable[[], None]:
    """A hook that makes a child die with its parent, however that ends (Linux).

    Elsewhere children look for themselves whether their parent is still there.
    """

    def die_with_parent() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it went between fork and here
                os._exit(1)

    return die_with_parent
