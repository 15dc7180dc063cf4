"""Fixtures by which the suite's own classes meet this project's worker over standard streams and a Unix socket."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

import pytest
from peers import KINDS
from vgi_rpc.conformance import ConformanceService
from vgi_rpc.external import ClientExternalConfig
from vgi_rpc.introspect import introspect
from vgi_rpc.rpc import RpcConnection
from workers import UnknownFlag, WorkerFailed, WorkerPool

pytest_plugins = ["results", "shared_fixtures"]

NEWEST = os.environ.get("VGI_INTEROP_RELEASE", "").endswith("newest")

#: What every worker of a release gets.
RELEASE_FLAGS = ("--newest",) if NEWEST else ()

#: Suffix of the transports on which every data batch goes through storage, as the suite's runners name them.
ALWAYS = "_externalize_always"

#: Transports of the method matrix. The newest release has a group of its own for batches in storage.
TRANSPORTS = [*KINDS] if NEWEST else [*KINDS, "unix" + ALWAYS]

#: Groups that ask for their fixture in a test's body, and so are given a transport each by a parameter of their cases.
BY_TRANSPORT = {"TestExternalByteStream": [kind + ALWAYS for kind in KINDS], "TestResourceSoak": [*KINDS]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run such groups once per transport."""
    if metafunc.cls is not None and metafunc.cls.__name__ in BY_TRANSPORT:
        metafunc.fixturenames.append("byte_stream")
        metafunc.parametrize("byte_stream", BY_TRANSPORT[metafunc.cls.__name__], indirect=True)


@pytest.fixture
def worker_of(workers: WorkerPool, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """The worker behind a transport; after the case, one whose connection is no longer good is replaced."""
    used: dict[str, Any] = {}

    def worker(transport: str) -> Any:
        flags = RELEASE_FLAGS
        if transport.endswith(ALWAYS):
            storage = request.getfixturevalue("conformance_fake_storage")
            flags = ("--fake-storage", storage, "--externalize-threshold", "1", *flags)
        kind = KINDS[transport.removesuffix(ALWAYS)]
        try:
            used[transport] = workers.get(transport, lambda: kind(transport, workers.executable, *flags))
        except UnknownFlag as exc:
            pytest.skip(str(exc))
        except WorkerFailed as exc:
            pytest.fail(str(exc), pytrace=False)
        return used[transport]

    yield worker
    for transport, used_worker in used.items():
        if not used_worker.is_usable():
            workers.replace(transport)


def proxies(worker: Any, protocol: type) -> Callable[..., Any]:
    """Connection factory, as the suite's fixtures are."""

    @contextlib.contextmanager
    def connect(on_log: Callable[[Any], None] | None = None) -> Iterator[Any]:
        config = ClientExternalConfig(url_validator=None)  # the fake storage speaks plain http
        try:
            with (
                worker.connection() as transport,
                RpcConnection(protocol, transport, on_log, external_location=config) as proxy,
            ):
                yield proxy
        finally:
            config.fetch_config.close()

    return connect


@pytest.fixture(autouse=True)
def _start_early(request: pytest.FixtureRequest) -> None:
    """Start what a test asks for in its body: the start of a worker would count against the test's five seconds."""
    if "byte_stream" in getattr(getattr(request.node, "callspec", None), "params", {}):
        request.getfixturevalue("byte_stream")


@pytest.fixture(params=TRANSPORTS)
def conformance_conn(request: pytest.FixtureRequest, worker_of: Callable[[str], Any]) -> Callable[..., Any]:
    """Connection factory of the method matrix."""
    return proxies(worker_of(request.param), ConformanceService)


@pytest.fixture(params=list(KINDS))
def conformance_raw_conn(request: pytest.FixtureRequest, worker_of: Callable[[str], Any]) -> Callable[..., Any]:
    """Connections for requests that the suite writes byte by byte."""
    return proxies(worker_of(request.param), ConformanceService)


@pytest.fixture
def conformance_protocol_connector(worker_of: Callable[[str], Any]) -> Callable[..., Any]:
    """Connection factory for any protocol the worker hosts."""

    def connect(transport: str, protocol: type, on_log: Callable[[Any], None] | None = None) -> Any:
        return proxies(worker_of(transport), protocol)(on_log)

    return connect


@pytest.fixture(params=list(KINDS))
def conformance_describe(request: pytest.FixtureRequest, worker_of: Callable[[str], Any]) -> Any:
    """What the worker says about itself."""
    with worker_of(request.param).connection() as transport:
        return introspect(transport)


@pytest.fixture
def byte_stream(request: pytest.FixtureRequest, worker_of: Callable[[str], Any]) -> tuple[str, Any]:
    """The transport of a case and its worker."""
    return request.param, worker_of(request.param)


@pytest.fixture
def conformance_bytestream_external_target(byte_stream: tuple[str, Any], conformance_fake_storage: str) -> Any:
    """The same as the suite's group for external location wants it."""
    from vgi_rpc.conformance._external_bytestream_pytest import ByteStreamExternalTarget

    def uploaded_objects() -> int:
        with urllib.request.urlopen(f"{conformance_fake_storage}/_stats", timeout=5) as response:
            return json.load(response)["object_count"]

    transport, worker = byte_stream
    return ByteStreamExternalTarget(transport, proxies(worker, ConformanceService), uploaded_objects)


@pytest.fixture
def conformance_resource_soak_target(byte_stream: tuple[str, Any]) -> Any:
    """A process that must not grow."""
    from vgi_rpc.conformance._resource_soak_pytest import ResourceSoakLimits, ResourceSoakTarget

    transport, worker = byte_stream
    return ResourceSoakTarget(transport, worker.pid(), proxies(worker, ConformanceService), ResourceSoakLimits())


class TransportProbe(Protocol):
    """What the worker hosts besides, for this one question."""

    protocol_name: ClassVar[str] = "vgi_rpc.TransportProbe.v1"

    def transport(self) -> str:
        """Return how the call reached the worker."""
        ...


@pytest.fixture
def conformance_transport_kind_probes(worker_of: Callable[[str], Any]) -> list[tuple[str, Callable[[], str]]]:
    """Questions for the transport of a call."""
    if not NEWEST:
        pytest.skip("the older release's requests name no protocol: the worker hosts one")

    def asked(worker: Any) -> str:
        with proxies(worker, TransportProbe)() as proxy:
            return {"stdio": "pipe"}.get(name := proxy.transport(), name)

    return [(kind, functools.partial(asked, worker_of(kind))) for kind in KINDS]
