"""The worker that small calls are measured with: the reference's server on its standard streams."""

from typing import Protocol

from vgi_rpc.rpc import run_server


class Pipes(Protocol):
    """Two numbers in, one out."""

    def add(self, a: float, b: float) -> float: ...


class Sums:
    """Adds."""

    def add(self, a: float, b: float) -> float:
        return a + b


if __name__ == "__main__":
    run_server(Pipes, Sums())
