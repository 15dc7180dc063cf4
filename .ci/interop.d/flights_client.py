"""Fetches all flights from the sample application with the installed vgi-rpc and pyarrow, and checks every value.

    flights_client.py http://127.0.0.1:8080 --parquet flights-3m.parquet      a service that runs
    flights_client.py --jar sample-app.jar  --parquet flights-3m.parquet      start it, check, end it

Each kind of caller is checked: a plain HTTP client, which follows the service's 303 to the stored object; one that
announces that it understands pointers; and an RPC client, which asks for one batch, reads a stream page by page, and
imports batch by batch. All but the first get pointer batches, which the reference resolves.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from vgi_rpc.rpc import AnnotatedBatch, Stream, StreamState
from vgi_rpc.utils import ArrowSerializableDataclass

# ---- what follows the sample's interface ----------------------------------------------------

#: Plain Arrow endpoint with all flights.
PLAIN_PATH = "/flights"

#: Request header by which a caller of PLAIN_PATH says that it understands pointers; None leaves that way out.
ANNOUNCEMENT: tuple[str, str] | None = ("VGI-Accept-Pointers", "true")

#: Path before the RPC methods ("" or "/vgi").
RPC_PREFIX = ""


@dataclass(frozen=True)
class FlightCount(ArrowSerializableDataclass):
    """What a stream of flights starts with."""

    flights: int


class FlightService(Protocol):
    """The part of the sample's RPC interface that is called here. Names and types are the wire contract."""

    protocol_version: ClassVar[str] = "1.0.0"

    def fetch_flights(self, origin: str | None = None, destination: str | None = None) -> bytes:
        """Return all flights as an Arrow stream (on the wire: one row, column result, binary)."""
        ...

    def stream_flights(
        self, origin: str | None = None, destination: str | None = None
    ) -> Stream[StreamState, FlightCount]:
        """Return the flights page by page, after how many they are together."""
        ...

    def import_stream(self) -> Stream[StreamState]:
        """Take batches of flights; each is answered by how many were imported."""
        ...


# ---- canonical form ----------------------------------------------------------------------------------------------

ROWS = 3_000_000

#: Values are compared in these types, so that int32 for int64 or a dictionary for a string makes no difference.
CANONICAL = pa.schema(
    [
        ("date", pa.timestamp("us")),
        ("delay", pa.int64()),
        ("distance", pa.int64()),
        ("origin", pa.large_string()),
        ("destination", pa.large_string()),
    ]
)


def canonical(table: pa.Table) -> pa.Table:
    """Return *table* in the canonical types, columns by name.

    A lossy cast is an error of pyarrow's, and a missing column one of ours: nothing is dropped silently.
    """
    missing = [name for name in CANONICAL.names if name not in table.column_names]
    if missing:
        raise SystemExit(f"flights: columns {missing} are missing; the service sent {table.column_names}")
    columns = []
    for field in CANONICAL:
        column = table[field.name]
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            column = pc.cast(column, pa.timestamp(column.type.unit))  # instants of UTC are the file's local values
        columns.append(pc.cast(column, field.type))
    return pa.table(columns, schema=CANONICAL)


def digest(table: pa.Table, *, ordered: bool) -> str:
    """SHA-256 over the values of *table*: row count, then per column its name and its buffers.

    Strings count as lengths plus characters and nulls as a bitmap of bytes, so that neither chunking nor offsets of a
    reader change the digest. *ordered* false sorts by all columns first: the rows are then compared as a multiset.
    File order is what a service reading one file gives, but SQL without ORDER BY promises none, so the caller tries
    the stricter one first.
    """
    if not ordered:
        table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in CANONICAL.names]))
    sha = hashlib.sha256(str(table.num_rows).encode())
    for name in CANONICAL.names:
        column = table[name]
        sha.update(f"|{name}|{column.type}|{column.null_count}|".encode())
        nulls = hashlib.sha256()
        lengths = hashlib.sha256()
        values = hashlib.sha256()
        for chunk in column.chunks:
            if column.null_count:
                nulls.update(_values(pc.cast(chunk.is_null(), pa.uint8()), 1))
            if pa.types.is_large_string(chunk.type):
                size = pc.cast(pc.binary_length(chunk).fill_null(0), pa.int64())
                lengths.update(_values(size, 8))
                values.update(_characters(chunk.fill_null("")))
            else:
                values.update(_values(chunk.cast(pa.int64()).fill_null(0), 8))
        for part in (nulls, lengths, values):
            sha.update(part.digest())
    return sha.hexdigest()


def _characters(array: pa.Array) -> pa.Buffer | bytes:
    """Return exactly the characters of a large_string array without nulls."""
    _, offsets, characters = array.buffers()
    first, last = (
        int.from_bytes(offsets[row * 8 : row * 8 + 8].to_pybytes(), "little")
        for row in (array.offset, array.offset + len(array))
    )
    return characters[first:last] if last > first else b""


def _values(array: pa.Array, width: int) -> pa.Buffer:
    """Return exactly the value bytes of a fixed-width array without nulls."""
    return array.buffers()[1][array.offset * width : (array.offset + len(array)) * width]


# ---- ways to the flights -----------------------------------------------------------------------------------------


class Travelled(urllib.request.HTTPRedirectHandler):
    """Follows redirects and remembers them."""

    def __init__(self) -> None:
        """Begin with no redirect."""
        self.hops: list[tuple[int, str]] = []

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Note status and target, without the signed query."""
        self.hops.append((code, newurl.partition("?")[0]))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def plain(base: str) -> tuple[pa.Table, str]:
    """GET without any announcement: the service answers 303 to the stored object, a complete Arrow stream."""
    travelled = Travelled()
    request = urllib.request.Request(  # noqa: S310 - the caller named the scheme
        base + PLAIN_PATH,
        # No coding is offered: what arrives has to be a readable Arrow stream.
        headers={"Accept": "application/vnd.apache.arrow.stream", "Accept-Encoding": "identity"},
    )
    with urllib.request.build_opener(travelled).open(request, timeout=120) as response:
        table = pa.ipc.open_stream(response).read_all()
    if [code for code, _ in travelled.hops] != [303]:
        raise SystemExit(f"flights: expected one 303 to the stored object, saw {travelled.hops or 'an inline answer'}")
    return table, f"303 to {travelled.hops[0][1]}"


def announced(base: str) -> tuple[pa.Table, str]:
    """GET with the announcement: the answer holds pointer batches, one for each segment, instead of the rows."""
    from vgi_rpc.external import ClientExternalConfig, is_external_location_batch, resolve_external_location

    assert ANNOUNCEMENT is not None
    name, value = ANNOUNCEMENT
    request = urllib.request.Request(  # noqa: S310
        base + PLAIN_PATH,
        headers={"Accept": "application/vnd.apache.arrow.stream", "Accept-Encoding": "identity", name: value},
    )
    with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
        pointers = list(pa.ipc.open_stream(response.read()).iter_batches_with_custom_metadata())
    config = ClientExternalConfig(url_validator=None)
    segments = []
    try:
        for batch, metadata in pointers:
            if not is_external_location_batch(batch, metadata):
                raise SystemExit(f"flights: expected a pointer batch, got {batch.num_rows:,} rows and {metadata}")
            segments.append(resolve_external_location(batch, metadata, config, None)[0])
    finally:
        config.fetch_config.close()
    return pa.Table.from_batches(segments), f"{len(segments)} pointers"


@contextmanager
def connected(base: str) -> Iterator[tuple[FlightService, list[str]]]:
    """Connect the reference's client; yields the service and, as they come, the URLs it fetched."""
    from vgi_rpc import external_fetch
    from vgi_rpc.external import ClientExternalConfig
    from vgi_rpc.http import http_connect

    fetched: list[str] = []

    def note(url: str) -> None:  # stands in for the https-only policy: the service under test is on loopback
        fetched.append(external_fetch.redact_url(url))

    config = ClientExternalConfig(url_validator=note)
    try:
        with http_connect(FlightService, base, prefix=RPC_PREFIX, external_location=config) as service:  # type: ignore[type-abstract]
            yield service, fetched
    finally:
        config.fetch_config.close()


def rpc(base: str) -> tuple[pa.Table, str]:
    """Call the typed method; the client of the reference resolves the pointer."""
    with connected(base) as (service, fetched):
        answer = service.fetch_flights()
        if not fetched:
            raise SystemExit("flights: the RPC answer came inline: nothing went through the storage")
        return pa.ipc.open_stream(answer).read_all(), f"pointer to {fetched[0]}"


def stream(base: str) -> tuple[pa.Table, str]:
    """Read the producer page by page; every page is a pointer."""
    with connected(base) as (service, fetched):
        with service.stream_flights() as session:
            count = session.typed_header(FlightCount).flights
            pages = [page.batch for page in session]
        if count != ROWS:
            raise SystemExit(f"flights: the header says {count:,} flights")
        if len(set(fetched)) != len(pages):  # the policy is asked before every hop
            raise SystemExit(f"flights: {len(set(fetched))} of {len(pages)} pages went through the storage")
        return pa.Table.from_batches(pages), f"{len(pages)} pointers"


def imported(base: str) -> tuple[pa.Table, str]:
    """Import what is stored already by an exchange, in batches of which some need upload URLs; nothing may change."""
    table = pa.ipc.open_stream(service_answer(base)).read_all()
    latest = table.slice(ROWS - 200_000)
    with connected(base) as (service, _), service.import_stream() as session:
        total = 0
        for size in (1_000, 199_000):  # inline, and too large for a request
            batch = latest.slice(total, size).combine_chunks().to_batches()[0]
            answer = session.exchange(AnnotatedBatch(batch)).batch.to_pylist()
            total += size
            if answer != [{"imported": size, "total": total}]:
                raise SystemExit(f"flights: the import of {size:,} flights was answered by {answer}")
    return pa.ipc.open_stream(service_answer(base)).read_all(), f"{total:,} flights imported again"


def service_answer(base: str) -> bytes:
    """Return all flights as the typed method does."""
    with connected(base) as (service, _):
        return service.fetch_flights()


WAYS = {"plain": plain, "announced": announced, "rpc": rpc, "stream": stream, "imported": imported}

DEFAULT_WAYS = [way for way in WAYS if way != "announced" or ANNOUNCEMENT]


# ---- running it --------------------------------------------------------------------------------------------------


def await_ready(base: str, seconds: float = 60.0) -> None:
    """Poll until the service answers anything at all."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(base + "/health", timeout=5).close()  # noqa: S310
            return
        except urllib.error.HTTPError:
            return
        except OSError as exc:
            if time.monotonic() > deadline:
                raise SystemExit(f"flights: {base} does not answer: {exc}") from None
            time.sleep(0.2)


def check(base: str, ways: list[str], expected: pa.Table) -> Iterator[tuple[str, bool, str]]:
    """Fetch by every way and compare; yields way, verdict and what to say about it."""
    strict = digest(expected, ordered=True)
    loose = ""
    for way in ways:
        begun = time.monotonic()
        try:
            raw, how = WAYS[way](base)
            seconds = time.monotonic() - begun
            table = canonical(raw)
        except SystemExit as exc:
            yield way, False, str(exc)
            continue
        except Exception as exc:  # one way that fails must not hide the other
            yield way, False, f"{type(exc).__name__}: {exc}"
            continue
        if table.num_rows != ROWS:
            yield way, False, f"{table.num_rows:,} rows instead of {ROWS:,} ({how})"
            continue
        order = "in file order"
        actual, wanted = digest(table, ordered=True), strict
        if actual != wanted:
            loose = loose or digest(expected, ordered=False)
            order, actual, wanted = "in another order", digest(table, ordered=False), loose
        rate = raw.nbytes / seconds / 1e6
        said = f"{table.num_rows:,} rows {order}, digest {actual[:16]}, {seconds:.1f} s, {rate:.0f} MB/s, {how}"
        yield way, actual == wanted, said if actual == wanted else f"values differ (expected {wanted[:16]}): {said}"


def main() -> int:
    """Parse, fetch, compare, say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", nargs="?", help="base URL of a running sample application")
    parser.add_argument("--jar", help="executable jar of the sample application, started when no base URL is given")
    parser.add_argument("--parquet", required=True, help="the file the service reads")
    parser.add_argument("--way", action="append", choices=sorted(WAYS), help="default: all")
    parser.add_argument("--then", nargs="+", default=[], help="a command that is run with the base URL and must succeed")
    options = parser.parse_args()
    if bool(options.base) == bool(options.jar):
        parser.error("either a base URL or --jar")

    expected = canonical(pq.read_table(options.parquet))
    if expected.num_rows != ROWS:
        print(f"flights: {options.parquet} has {expected.num_rows:,} rows", file=sys.stderr)
        return 1

    worker = None
    try:
        base = options.base
        if options.jar:
            from workers import Worker

            worker = Worker(
                "sample-app",
                ["java", "-jar", options.jar, "--server.port=0"],
                announcement=r"started on ports? (\d+)",  # what Spring Boot says about its connector
                start_seconds=90,
            )
            worker.start()
            base = f"http://127.0.0.1:{worker.address}"
        base = base.rstrip("/")
        await_ready(base)
        passed = failed = 0
        for way, good, said in check(base, options.way or DEFAULT_WAYS, expected):
            print(f"flights {way}: {'ok' if good else 'FAILED'}: {said}", flush=True)
            passed, failed = passed + good, failed + (not good)
        if options.then:
            good = subprocess.run([*options.then, base], check=False, timeout=120).returncode == 0  # noqa: S603
            passed, failed = passed + good, failed + (not good)
    finally:
        if worker is not None:
            worker.stop()
    print(f"flights: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
