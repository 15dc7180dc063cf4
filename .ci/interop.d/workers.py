"""Starts worker processes lazily, one per distinct set of flags, and ends them whatever happens."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

#: How long a worker may take to say its port; the suite's runners allow the same.
START_SECONDS = 30.0

#: Exit codes by which a worker says "I do not know this flag (yet)": EX_USAGE and that of most option parsers.
USAGE_EXIT_CODES = frozenset({64, 2})


W = TypeVar("W", bound="Worker")


class UnknownFlag(Exception):
    """The worker refused its command line: the feature behind a flag does not exist yet."""


class WorkerFailed(Exception):
    """The worker ended, or was not ready in time."""


def run_folder() -> Path:
    """Folder of this run, made (and removed) by the calling script."""
    folder = Path(os.environ.get("VGI_INTEROP_RUN", "."))
    (folder / "pids").mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Worker:
    """One running process that announced on its standard output where it listens."""

    name: str
    command: list[str]
    announcement: str = r"^PORT:(\d+)\s*$"
    environment: dict[str, str] = field(default_factory=dict)
    start_seconds: float = START_SECONDS
    address: str = ""

    #: What the process reads: nothing.
    stdin = subprocess.DEVNULL

    def start(self) -> None:
        """Start the process and wait, with a deadline, until it is ready."""
        log = run_folder() / f"worker-{self.name}.log"
        self._log = log.open("ab")
        self._ready = threading.Event()
        # A session of its own: the command is often a shell script, and its children have to end with it.
        self._process = subprocess.Popen(
            self.command,
            stdin=self.stdin,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )
        self._pid_file = run_folder() / "pids" / str(self._process.pid)
        self._pid_file.touch()
        threading.Thread(target=self._listen, daemon=True).start()

        deadline = time.monotonic() + self.start_seconds
        # Polls because two things can happen first: it is ready, or the process ends.
        while not self._ready.wait(0.05):
            code = self._process.poll()
            if code is not None:
                self.stop()
                if code in USAGE_EXIT_CODES:
                    raise UnknownFlag(f"worker '{self.name}' does not know one of {self.command[1:]}")
                raise WorkerFailed(f"worker '{self.name}' ended with code {code} before it was ready: {self.tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise WorkerFailed(f"worker '{self.name}' was not ready in {self.start_seconds:.0f} s: {self.tail()}")

    def _listen(self) -> None:
        """Look for the announcement, and copy the output into the log to its end: a full pipe would stop the worker."""
        pattern = re.compile(self.announcement)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.write(line)
            self._log.flush()
            match = pattern.search(line.decode(errors="replace"))
            if match and not self.address:
                self.address = match.group(1)
                self._ready.set()

    def pid(self) -> int:
        """The process itself: the worker's script has to become it."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Exit code of a worker that ended by itself, or ``None`` while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """Last lines of the worker's output."""
        text = (run_folder() / f"worker-{self.name}.log").read_text(errors="replace")
        return " / ".join(text.strip().splitlines()[-6:])[-1500:]

    def end(self) -> str | None:
        """Let the worker end in its own way -> what was wrong with that; `stop` follows."""
        return None

    def stop(self) -> None:
        """End the process and its children; harmless when called twice."""
        for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            if self._process.poll() is not None:
                break
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._pid_file.unlink(missing_ok=True)


class WorkerPool:
    """Workers by name; a worker is started when it is first asked for."""

    def __init__(self, executable: str) -> None:
        """Use *executable* for every worker."""
        self.executable = executable
        self._workers: dict[str, Any] = {}
        self._refused: dict[str, Exception] = {}
        self.deaths: list[str] = []
        atexit.register(self.close)
        # The default action of the signal would leave the workers behind.
        signal.signal(signal.SIGTERM, self._terminated)

    def _terminated(self, *_: object) -> None:
        self.close()
        os._exit(143)

    def port(self, name: str, *flags: str) -> int:
        """Port of the worker *name*, started with *flags*."""
        return int(self.get(name, lambda: Worker(name, [self.executable, "--port", "0", *flags])).address)

    def get(self, name: str, make: Callable[[], W]) -> W:
        """The worker *name*, made and started when there is none; one that died is reported and started again once."""
        if name in self._refused:
            raise self._refused[name]
        worker = self._workers.get(name)
        if worker is not None and worker.exit_code() is not None:
            self.deaths.append(f"worker '{name}' died with code {worker.exit_code()}: {worker.tail()}")
            self._workers.pop(name).stop()
            worker = None
            if sum(f"'{name}'" in death for death in self.deaths) > 1:
                self._refused[name] = WorkerFailed(f"worker '{name}' died twice")
                raise self._refused[name]
        if worker is None:
            worker = make()
            try:
                worker.start()
            except (UnknownFlag, WorkerFailed, OSError) as exc:
                self._refused[name] = exc  # one attempt: thirty seconds for each of its cases would be too many
                raise
            self._workers[name] = worker
        return worker

    def replace(self, name: str) -> None:
        """End the worker *name*, whose connection is no longer good for another case."""
        worker = self._workers.get(name)
        if worker is not None and worker.exit_code() is None:
            self._workers.pop(name).stop()

    def close(self) -> None:
        """End every worker."""
        for name, worker in self._workers.items():
            code = worker.exit_code()
            if code is not None:
                self.deaths.append(f"worker '{name}' died with code {code}: {worker.tail()}")
            elif complaint := worker.end():
                self.deaths.append(f"worker '{name}' {complaint}: {worker.tail()}")
            worker.stop()
        self._workers.clear()
