"""Starts worker processes lazily, one per distinct set of flags, and ends them whatever happens."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

#: How long a worker may take to say its port; the suite's runners allow the same.
START_SECONDS = 30.0

#: Exit codes by which a worker says "I do not know this flag (yet)": EX_USAGE and that of most option parsers.
USAGE_EXIT_CODES = frozenset({64, 2})


class UnknownFlag(Exception):
    """The worker refused its command line: the feature behind a flag does not exist yet."""


class WorkerFailed(Exception):
    """The worker ended, or did not say its port in time."""


def run_folder() -> Path:
    """Folder of this run, made (and removed) by the calling script."""
    folder = Path(os.environ.get("VGI_INTEROP_RUN", "."))
    (folder / "pids").mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Worker:
    """One running process that announced a port on its standard output."""

    name: str
    command: list[str]
    announcement: str = r"^PORT:(\d+)\s*$"
    environment: dict[str, str] = field(default_factory=dict)
    start_seconds: float = START_SECONDS
    port: int = 0

    def start(self) -> None:
        """Start the process and wait, with a deadline, until it names its port."""
        pattern = re.compile(self.announcement)
        log = run_folder() / f"worker-{self.name}.log"
        self._log = log.open("ab")
        self._announced = threading.Event()
        # A session of its own: the command is often a shell script, and its children have to end with it.
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )
        self._pid_file = run_folder() / "pids" / str(self._process.pid)
        self._pid_file.touch()
        threading.Thread(target=self._read, args=(pattern,), daemon=True).start()

        deadline = time.monotonic() + self.start_seconds
        # Polls because two things can happen first: the port, or the end of the process.
        while not self._announced.wait(0.05):
            code = self._process.poll()
            if code is not None:
                self.stop()
                if code in USAGE_EXIT_CODES:
                    raise UnknownFlag(f"worker '{self.name}' does not know one of {self.command[1:]}")
                raise WorkerFailed(f"worker '{self.name}' ended with code {code} before it named a port: {self.tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise WorkerFailed(f"worker '{self.name}' named no port in {self.start_seconds:.0f} s: {self.tail()}")

    def _read(self, pattern: re.Pattern[str]) -> None:
        """Copy the output into the log to its end: a full pipe would stop the worker."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.write(line)
            self._log.flush()
            match = pattern.search(line.decode(errors="replace"))
            if match and not self.port:
                self.port = int(match.group(1))
                self._announced.set()

    def exit_code(self) -> int | None:
        """Exit code of a worker that ended by itself, or ``None`` while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """Last lines of the worker's output."""
        text = (run_folder() / f"worker-{self.name}.log").read_text(errors="replace")
        return " / ".join(text.strip().splitlines()[-6:])[-1500:]

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
        self._executable = executable
        self._workers: dict[str, Worker] = {}
        self._refused: dict[str, Exception] = {}
        self.deaths: list[str] = []
        atexit.register(self.close)
        # The default action of the signal would leave the workers behind.
        signal.signal(signal.SIGTERM, self._terminated)

    def _terminated(self, *_: object) -> None:
        self.close()
        os._exit(143)

    def port(self, name: str, *flags: str) -> int:
        """Port of the worker *name*, started with *flags*; one that died is reported and started again once."""
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
            worker = Worker(name, [self._executable, "--port", "0", *flags])
            try:
                worker.start()
            except (UnknownFlag, WorkerFailed, OSError) as exc:
                self._refused[name] = exc  # one attempt: thirty seconds for each of its cases would be too many
                raise
            self._workers[name] = worker
        return worker.port

    def close(self) -> None:
        """End every worker."""
        for name, worker in self._workers.items():
            code = worker.exit_code()
            if code is not None:
                self.deaths.append(f"worker '{name}' died with code {code}: {worker.tail()}")
            worker.stop()
        self._workers.clear()
