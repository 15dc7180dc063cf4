"""Workers that serve on their standard streams or on a Unix socket, one process for many cases."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from vgi_rpc.conformance import ConformanceService
from vgi_rpc.external import ClientExternalConfig
from vgi_rpc.rpc import PipeTransport, RpcConnection, UnixTransport
from workers import Worker

#: How long a worker may take to answer a call between two cases, and to end after its input has.
PATIENCE_SECONDS = 5.0


class KeptPipe(PipeTransport):
    """A connection that outlives the cases that use it."""

    def close(self) -> None:
        """Leave the streams to the worker's end."""


def ask(transport: Any) -> None:
    """Make one small call, whose result may be in storage."""
    config = ClientExternalConfig(url_validator=None)
    with (
        contextlib.closing(config.fetch_config),
        RpcConnection(ConformanceService, transport, external_location=config) as proxy,
    ):
        assert proxy.echo_int(value=7) == 7


class StdioWorker(Worker):
    """Serves on its standard streams: ready with its first answer."""

    stdin = subprocess.PIPE

    def __init__(self, name: str, executable: str, *flags: str) -> None:
        """Start *executable* with *flags*."""
        super().__init__(name, [executable, "--pipe", *flags])

    def _listen(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        # What is written has to leave at once.
        self._pipe = KeptPipe(stdout, stdin.raw)
        with contextlib.suppress(Exception):  # the process ended or talks nonsense: the deadline says so
            ask(self._pipe)
            self._ready.set()

    @contextlib.contextmanager
    def connection(self) -> Iterator[Any]:
        """The one connection there is."""
        yield self._pipe

    def is_usable(self) -> bool:
        """Whether nothing of the last case is left on the connection; a worker that says nothing at all is killed."""
        watch = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        watch.start()
        try:
            ask(self._pipe)
        except Exception:
            return False
        finally:
            watch.cancel()
        return True

    def end(self) -> str | None:
        """End its input: the worker ends by itself, without a complaint."""
        self._process.stdin.close()
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return f"did not end within {PATIENCE_SECONDS:.0f} s after its input had ended"
        return None if code == 0 else f"ended with code {code} after its input had ended"


class UnixWorker(Worker):
    """Listens on a Unix socket."""

    def __init__(self, name: str, executable: str, *flags: str) -> None:
        """Start *executable* with *flags*."""
        # Not in the run's folder: such a path may have a hundred characters.
        self._folder = tempfile.TemporaryDirectory(prefix="vgi-", dir="/tmp")
        path = os.path.join(self._folder.name, "s")
        super().__init__(name, [executable, "--unix", path, *flags], announcement=r"^UNIX:(.+?)\s*$")

    @contextlib.contextmanager
    def connection(self) -> Iterator[Any]:
        """A new connection."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.connect(self.address)
            transport = UnixTransport(client)
        except BaseException:
            client.close()
            raise
        with contextlib.closing(transport):
            yield transport

    def is_usable(self) -> bool:
        """Whether the process lives: every case has connections of its own."""
        return self.exit_code() is None

    def stop(self) -> None:
        """End the process and remove its socket."""
        super().stop()
        self._folder.cleanup()


KINDS = {"pipe": StdioWorker, "unix": UnixWorker}
