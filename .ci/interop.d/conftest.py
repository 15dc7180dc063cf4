"""Fixtures by which the suite's own classes meet this project's worker."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from vgi_rpc.conformance import ConformanceService
from vgi_rpc.external import ClientExternalConfig
from workers import UnknownFlag, WorkerFailed, WorkerPool

pytest_plugins = ["results", "shared_fixtures"]

MIB = 1 << 20

_STORAGE_4096 = ("--externalize-threshold", "4096", "--max-request-bytes", "4096", "--max-upload-bytes", str(64 * MIB))

#: Flags of the worker behind each fixture. A worker that refuses a flag (exit code 64 or 2) makes the fixture's cases skip.
FLAGS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "storage": _STORAGE_4096,
    "storage-zstd": (*_STORAGE_4096, "--compression", "zstd"),
    "security": (
        "--max-request-bytes", str(MIB), "--max-fetch-bytes", "4096", "--max-decompressed-fetch-bytes", "8192",
        "--reject-localhost-redirects",
    ),
    "always": ("--externalize-threshold", "1", "--max-request-bytes", str(MIB), "--max-upload-bytes", str(64 * MIB)),
    "small-request-cap": ("--max-request-bytes", "4096"),
    "response-cap": ("--max-request-bytes", str(MIB), "--max-response-bytes", str(MIB)),
    "externalized-cap": (
        "--externalize-threshold", "4096", "--max-externalized-response-bytes", "65536",
        "--max-response-bytes", str(8 * MIB), "--max-request-bytes", str(MIB),
    ),
    "auth": ("--auth",),
    "cors": (*_STORAGE_4096, "--cors"),
}  # fmt: skip

#: What every worker of a release gets besides.
RELEASE_FLAGS = ("--newest",) if os.environ.get("VGI_INTEROP_RELEASE") == "newest" else ()

#: Workers that get the suite's fake storage.
WITH_STORAGE = frozenset({"storage", "storage-zstd", "security", "always", "externalized-cap", "cors"})

#: Fixtures that are asked for inside a test's body: the start of a worker there would count against the test's five
#: seconds, so it happens in the setup.
STARTED_EARLY = {
    "TestCompressedHttpRequestCap": ("small-request-cap",),
    "TestCors": ("cors",),
    "TestColdCallStateCache": ("plain",),
}


@pytest.fixture(scope="session")
def port_of(workers: WorkerPool, request: pytest.FixtureRequest) -> Callable[[str], int]:
    """Port of a worker by its name in FLAGS; a worker that died is started again."""

    def port(name: str) -> int:
        flags = (*FLAGS[name], *RELEASE_FLAGS)
        if name in WITH_STORAGE:
            flags = ("--fake-storage", request.getfixturevalue("conformance_fake_storage"), *flags)
        try:
            return workers.port(name, *flags)
        except UnknownFlag as exc:
            pytest.skip(str(exc))
        except WorkerFailed as exc:
            pytest.fail(str(exc), pytrace=False)

    return port


@pytest.fixture(autouse=True)
def _start_early(request: pytest.FixtureRequest) -> None:
    """Start what a test will ask for in its body."""
    names = STARTED_EARLY.get(request.node.parent.name, ())
    for name in names:
        request.getfixturevalue("port_of")(name)


# Function-scoped on purpose: asking the pool each time is cheap, and a worker that died is noticed at the next case.


@pytest.fixture
def conformance_http_port(port_of: Callable[[str], int]) -> int:
    """Plain worker."""
    return port_of("plain")


@pytest.fixture
def conformance_http_with_storage_port(port_of: Callable[[str], int]) -> int:
    """Storage, threshold and request cap 4096, no coding of objects."""
    return port_of("storage")


@pytest.fixture
def conformance_http_with_zstd_storage_port(port_of: Callable[[str], int]) -> int:
    """The same with zstd on stored objects."""
    return port_of("storage-zstd")


@pytest.fixture
def conformance_http_external_security_port(port_of: Callable[[str], int]) -> int:
    """Tight fetch caps; only the host 127.0.0.1 may be fetched from."""
    return port_of("security")


@pytest.fixture
def conformance_http_small_request_cap_port(port_of: Callable[[str], int]) -> int:
    """Request cap 4096 and no storage."""
    return port_of("small-request-cap")


@pytest.fixture
def conformance_http_strict_cap_port(port_of: Callable[[str], int]) -> int:
    """Response cap of one MiB."""
    return port_of("response-cap")


@pytest.fixture
def conformance_http_externalized_cap_port(port_of: Callable[[str], int]) -> int:
    """Cap of 64 KiB on what one response may store, and a response cap that is never the reason."""
    return port_of("externalized-cap")


@pytest.fixture
def conformance_http_auth_port(port_of: Callable[[str], int]) -> int:
    """Every call is refused, health is open."""
    return port_of("auth")


@pytest.fixture
def conformance_http_cors_port(port_of: Callable[[str], int]) -> int:
    """CORS for the suite's origin, with storage."""
    return port_of("cors")


@pytest.fixture
def conformance_http_cold_call_cache_port(port_of: Callable[[str], int]) -> int:
    """The service keeps no state of a call between turns, so the plain worker is always cold."""
    return port_of("plain")


@pytest.fixture(params=["http", "http_externalize_always"])
def conformance_conn(request: pytest.FixtureRequest, port_of: Callable[[str], int]) -> Callable[..., Any]:
    """Connection factory of the method matrix: inline, and with every data batch through storage."""
    from vgi_rpc.http import http_connect

    port = port_of("plain" if request.param == "http" else "always")

    @contextlib.contextmanager
    def connect(on_log: Callable[[Any], None] | None = None) -> Iterator[Any]:
        config = ClientExternalConfig(url_validator=None)  # the fake storage speaks plain http
        try:
            with http_connect(
                ConformanceService, f"http://127.0.0.1:{port}", on_log=on_log, external_location=config
            ) as proxy:
                yield proxy
        finally:
            config.fetch_config.close()

    return connect


@pytest.fixture
def conformance_protocol_connector(port_of: Callable[[str], int]) -> Callable[..., Any]:
    """Connection factory for any protocol the worker hosts, by the matrix' names of transports."""
    from vgi_rpc.http import http_connect

    @contextlib.contextmanager
    def connect(transport: str, protocol: type, on_log: Callable[[Any], None] | None = None) -> Iterator[Any]:
        port = port_of("always" if "always" in transport else "plain")
        config = ClientExternalConfig(url_validator=None)
        try:
            with http_connect(
                protocol, f"http://127.0.0.1:{port}", on_log=on_log, external_location=config
            ) as proxy:
                yield proxy
        finally:
            config.fetch_config.close()

    return connect


@pytest.fixture
def conformance_describe(port_of: Callable[[str], int]) -> Any:
    """What the worker says about itself."""
    from vgi_rpc.http import http_introspect

    return http_introspect(f"http://127.0.0.1:{port_of('plain')}")
