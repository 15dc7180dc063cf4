"""What peers make of a handler's Arrow reader, and of the compressed buffers that they send: a row per feature.

    readers_client.py none|zstd node table.mjs      how our worker compresses what it stores, and another reader

The reference resolves the pointers; pyarrow, curl and a TypeScript reader get the redirected object and a body that
breaks off; pyarrow sends streams with compressed buffers. Exits with 1 if a row fails.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from vgi_rpc.external import (
    ClientExternalConfig,
    is_external_location_batch,
    make_external_location_batch,
    resolve_external_location,
)
from vgi_rpc.http import request_upload_urls
from vgi_rpc.metadata import LOCATION_SHA256_KEY
from vgi_rpc.rpc import RpcError, _dispatch_log_or_error
from workers import Worker, run_folder

ARROW = "application/vnd.apache.arrow.stream"
POINTERS = {"VGI-Accept-Pointers": "true"}

#: A caller who gets everything in the body.
INLINE = {"VGI-Accept-Pointers": "where-named", "Accept": "*/*"}

BATCHES, ROWS = 20, 500

#: Some five batches are one segment.
SEGMENT = 65536

#: The batch that cannot be loaded. By then there are three segments, of which two may be on their way: one was sent.
FAILING = 19


def require(condition: object, text: object) -> None:
    """Fail the row unless *condition* holds."""
    if not condition:
        raise AssertionError(text)


# ---- what the worker yields, and what is sent to it --------------------------------------------------------------

SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("batch", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def require_result(table: pa.Table, batches: int, rows: int) -> None:
    """Compare every value with what the worker's reader yields."""
    numbers = range(batches * rows)
    require(table.schema.equals(SCHEMA), table.schema)
    require(table["number"].to_pylist() == list(numbers), f"{table.num_rows} numbers, or others")
    require(table["text"].to_pylist() == [f"number {n}" if n % 5 else None for n in numbers], "other texts")
    require(table["batch"].to_pylist() == [f"batch {n // rows}" for n in numbers], "other batches")


def sample(first: int, rows: int) -> pa.RecordBatch:
    """Return a batch whose buffers are worth compressing, beside one that is not."""
    numbers = range(first, first + rows)
    columns = {
        "number": pa.array(numbers, pa.int64()),
        "text": pa.array([f"number {n}" if n % 5 else None for n in numbers]),
        "word": pa.array([("few", "words")[n % 2] for n in numbers]).dictionary_encode(),
        "list": pa.array([[n] * (n % 3) if n % 7 else None for n in numbers], pa.list_(pa.float64())),
        "noise": pa.array([hashlib.sha256(str(n).encode()).digest() for n in numbers], pa.binary(32)),
    }
    return pa.RecordBatch.from_pydict(columns)


Annotated = tuple[pa.RecordBatch, pa.KeyValueMetadata | None]


def stream(batches: list[Annotated], compression: str | None = None) -> bytes:
    """Return batches, each with its metadata, as a stream."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batches[0][0].schema, options=options) as writer:
        for batch, metadata in batches:
            writer.write_batch(batch, custom_metadata=metadata)
    return sink.getvalue().to_pybytes()


def annotated(source: object) -> Iterator[Annotated]:
    """Return the batches of a stream, each with its metadata."""
    return pa.ipc.open_stream(source).iter_batches_with_custom_metadata()


# ---- HTTP --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Service:
    """The worker under test."""

    base: str

    #: How it compresses what it stores.
    compression: str

    #: The command that reads a file in TypeScript.
    typescript: tuple[str, ...]

    def result(self, batches: int = BATCHES, rows: int = ROWS, fail_at: int = 0) -> str:
        """Return the URL of a result set."""
        return f"{self.base}/reader?batches={batches}&rows={rows}&failAt={fail_at}"


def open_url(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> http.client.HTTPResponse:
    """Send a request and follow redirects."""
    headers = {"Accept": ARROW, **({"Content-Type": ARROW} if body else {}), **(headers or {})}
    return urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60)  # noqa: S310


def curl(*arguments: str) -> tuple[int, str, Path]:
    """Run curl. Return its exit code, its last status with the number of redirects, and the file with the body."""
    file = run_folder() / "body"
    file.unlink(missing_ok=True)
    command = ["curl", "-sS", "--max-time", "60", "-o", str(file), "-w", "%{http_code} %{num_redirects}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout, file


# ---- the rows ----------------------------------------------------------------------------------------------------

#: The service under test is on loopback, and speaks plain http.
CONFIG = ClientExternalConfig(url_validator=None)


def pointers(service: Service) -> None:
    """The reference resolves one pointer after the other, and verifies each digest."""
    resolved = []
    with open_url(service.result(), POINTERS) as response:
        for batch, metadata in annotated(response):
            require(not _dispatch_log_or_error(batch, metadata), "must not log")
            require(is_external_location_batch(batch, metadata), f"{batch.num_rows} rows instead of a pointer")
            require(metadata.get(LOCATION_SHA256_KEY), "must have a digest")
            resolved.append(resolve_external_location(batch, metadata, CONFIG)[0])
    require(1 < len(resolved) < BATCHES, f"{len(resolved)} segments")
    require_result(pa.Table.from_batches(resolved), BATCHES, ROWS)


def failing_pointers(service: Service) -> None:
    """The reference finds the pointers before a failure, and its reason."""
    resolved = []
    with open_url(service.result(fail_at=FAILING), POINTERS) as response:
        try:
            for batch, metadata in annotated(response):
                if not _dispatch_log_or_error(batch, metadata):
                    resolved.append(resolve_external_location(batch, metadata, CONFIG)[0])
        except RpcError as exc:
            require("source of the result failed" in str(exc), exc)
        else:
            raise AssertionError("must not end as if it were complete")
    table = pa.Table.from_batches(resolved)
    require(0 < table.num_rows < FAILING * ROWS, f"{table.num_rows} rows")
    require_result(table, table.num_rows // ROWS, ROWS)


def small(service: Service) -> None:
    """A small result is in the body, for whoever asks."""
    for headers in ({}, POINTERS):
        with open_url(service.result(batches=2, rows=20), headers) as response:
            require(response.url == service.result(batches=2, rows=20), "must not be redirected")
            batches = [batch for batch, _ in annotated(response)]
        require([batch.num_rows for batch in batches] == [20, 20], batches)
        require_result(pa.Table.from_batches(batches), 2, 20)


def require_whole(source: object) -> None:
    """Read a stored stream, whose batches are those of the reader."""
    batches = [batch for batch, _ in annotated(source)]
    require([batch.num_rows for batch in batches] == [ROWS] * BATCHES, [batch.num_rows for batch in batches])
    require_result(pa.Table.from_batches(batches), BATCHES, ROWS)


def redirect_pyarrow(service: Service) -> None:
    """pyarrow reads the object that the caller is redirected to, as it arrives."""
    with open_url(service.result()) as response:
        require("/_vgi/objects/" in response.url, "must be redirected")
        require_whole(response)


def redirect_curl(service: Service) -> None:
    """curl follows to an object that anyone can read."""
    code, said, file = curl("-L", service.result())
    require((code, said) == (0, "200 1"), (code, said))
    require_whole(str(file))


def redirect_curl_compressed(service: Service) -> None:
    """curl says which codings it knows, and decodes the object."""
    headers = run_folder() / "headers"
    code, said, file = curl("-L", "--compressed", "-D", str(headers), service.result())
    require((code, said) == (0, "200 1"), (code, said))
    able = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)  # noqa: S607
    coded = "content-encoding: zstd" in headers.read_text().lower()
    require(coded == (service.compression == "zstd" and "zstd" in able.stdout), f"coded: {coded}")
    require_whole(str(file))


def redirect_failing(service: Service) -> None:
    """Before anything was sent, a failure is a status."""
    code, said, _ = curl("-L", "--fail", service.result(fail_at=FAILING))
    require((code, said) == (22, "500 0"), (code, said))


def require_broken(source: object) -> None:
    """Read a body that breaks off: pyarrow finds what was sent before, and fails."""
    rows = 0
    try:
        for batch, _ in annotated(source):
            rows += batch.num_rows
    except (pa.ArrowInvalid, OSError):
        require(rows == (FAILING - 1) * ROWS, f"{rows} rows before the failure")
    else:
        raise AssertionError(f"must fail after {rows} rows")


def broken_pyarrow(service: Service) -> None:
    """pyarrow cannot mistake a body that breaks off for a shorter one, even if the transport's error is lost."""
    with open_url(service.result(fail_at=FAILING), INLINE) as response:
        try:
            pa.ipc.open_stream(response).read_all()
        except (http.client.IncompleteRead, pa.ArrowInvalid, OSError):
            pass
        else:
            raise AssertionError("must fail")
    with open_url(service.result(fail_at=FAILING), INLINE) as response:
        try:
            received = response.read()
        except http.client.IncompleteRead as exc:
            require_broken(exc.partial)
        else:
            raise AssertionError(f"{len(received)} bytes must not be all")


def curl_inline(*arguments: str) -> tuple[int, str, Path]:
    """Run curl as a caller who gets everything in the body."""
    return curl(*(f"-H{name}: {value}" for name, value in INLINE.items()), *arguments)


def broken_curl(service: Service) -> None:
    """curl fails where a body breaks off."""
    code, said, file = curl_inline("--http1.1", service.result(fail_at=FAILING))
    require(code in (18, 56) and said == "200 0", (code, said))
    require_broken(str(file))
    code, said, file = curl_inline("--http1.1", service.result())
    require((code, said) == (0, "200 0"), (code, said))
    require_whole(str(file))


def broken_other_versions(service: Service) -> None:
    """What arrives is refused where curl cannot tell.

    In HTTP/1.0 every connection ends like that, and Tomcat ends an HTTP/2 stream as if nothing had happened.
    """
    for version in ("--http1.0", "--http2"):
        _, said, file = curl_inline(version, service.result(fail_at=FAILING))
        require(said == "200 0", (version, said))
        require_broken(str(file))


def typescript(service: Service) -> None:
    """A TypeScript reader finds the last row, and refuses what breaks off."""

    def read(file: Path) -> subprocess.CompletedProcess[str]:
        command = [*service.typescript, str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    done = read(curl("-L", service.result())[2])
    require(done.stdout == "10000,9999,number 9999,batch 19\n", done.stdout or done.stderr)
    done = read(curl_inline(service.result(fail_at=FAILING))[2])
    require(done.returncode == 1 and "Expected to read" in done.stderr, done.stdout or done.stderr)


def require_echo(service: Service, body: bytes, sent: list[pa.RecordBatch]) -> None:
    """The service answers with the batches that it has read: as a list, and while they arrive."""
    for path in ("echo", "echo/reader"):
        with open_url(f"{service.base}/{path}", body=body) as response:
            answer = [batch for batch, _ in annotated(response)]
        require([batch.num_rows for batch in answer] == [batch.num_rows for batch in sent], f"other batches: {path}")
        require(pa.Table.from_batches(answer).equals(pa.Table.from_batches(sent)), f"other values: {path}")


def compressed(service: Service, compression: str) -> None:
    """The service reads a body with compressed buffers."""
    batches = [sample(0, 2000), sample(2000, 3), sample(2003, 1000)]
    plain = [(batch, None) for batch in batches]
    body = stream(plain, compression)
    require(len(body) < len(stream(plain)), "pyarrow must have compressed")
    require_echo(service, body, batches)


def compressed_object(service: Service, compression: str) -> None:
    """The service reads an object with compressed buffers, which was uploaded for it, between batches in the body."""
    batches = [sample(0, 10), sample(10, 5000), sample(5010, 10)]
    stored = stream([(batches[1], None)], compression)
    (pair,) = request_upload_urls(service.base, prefix="")
    put = urllib.request.Request(pair.upload_url, stored, {"Content-Type": ARROW}, method="PUT")  # noqa: S310
    with urllib.request.urlopen(put, timeout=60) as response:  # noqa: S310
        require(response.status == 204, response.status)
    pointer = make_external_location_batch(batches[1].schema, pair.download_url, hashlib.sha256(stored).hexdigest())
    require_echo(service, stream([(batches[0], None), pointer, (batches[2], None)], compression), batches)


ALL: dict[str, Callable[[Service], None]] = {
    "pointers": pointers,
    "failing pointers": failing_pointers,
    "small": small,
    "redirect, pyarrow": redirect_pyarrow,
    "redirect, curl": redirect_curl,
    "redirect, curl --compressed": redirect_curl_compressed,
    "failing redirect": redirect_failing,
    "broken off, pyarrow": broken_pyarrow,
    "broken off, curl": broken_curl,
    "broken off, other versions": broken_other_versions,
    "TypeScript reader": typescript,
    "lz4 buffers": lambda service: compressed(service, "lz4"),
    "zstd buffers": lambda service: compressed(service, "zstd"),
    "lz4 buffers, stored": lambda service: compressed_object(service, "lz4"),
    "zstd buffers, stored": lambda service: compressed_object(service, "zstd"),
}


def main() -> int:
    """Start the worker, run every row, end the worker."""
    compression, *reader = sys.argv[1:]
    flags = [
        "--storage", "local", "--compression", compression, "--externalize-threshold", "4096",
        "--segment-size", str(SEGMENT), "--max-request-bytes", "1048576", "--max-upload-bytes", str(64 << 20),
    ]  # fmt: skip
    command = [os.environ["VGI_CONFORMANCE_WORKER"], "--port", "0", *flags]
    worker = Worker(f"readers-{compression}", command, environment={"SERVER_HTTP2_ENABLED": "true"})
    worker.start()
    name = f"python {compression}"
    failed = 0
    try:
        service = Service(f"http://127.0.0.1:{worker.address}", compression, tuple(reader))
        for row, action in ALL.items():
            try:
                action(service)
                verdict = "passed"
            except Exception as exc:  # one row that fails must not hide the others
                failed += 1
                verdict = f"FAILED: {type(exc).__name__}: {str(exc)[:300]}"
            print(f"{name:<14} {row:<27} {verdict}", flush=True)
    finally:
        CONFIG.fetch_config.close()
        worker.stop()
    print(f"{name}: {len(ALL) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
