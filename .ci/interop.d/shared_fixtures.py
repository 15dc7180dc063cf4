"""Fixtures that the suite needs on every transport."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from results import DEATHS
from workers import WorkerPool


@pytest.fixture(scope="session")
def workers(request: pytest.FixtureRequest) -> Iterator[WorkerPool]:
    """All workers of the session."""
    pool = WorkerPool(os.environ["VGI_CONFORMANCE_WORKER"])
    request.config.stash[DEATHS] = pool.deaths  # the report outlives the fixtures
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="session")
def conformance_fake_storage() -> Iterator[str]:
    """Base URL of the suite's own in-memory storage."""
    from vgi_rpc.conformance.fake_storage import serve_in_thread

    base_url, shutdown = serve_in_thread()
    try:
        yield base_url
    finally:
        shutdown()
