"""Serves the reference's own conformance service, with its in-memory storage: the server for our client."""

from __future__ import annotations

import argparse
import socket

from vgi_rpc.conformance import ConformanceService, ConformanceServiceImpl
from vgi_rpc.conformance.fake_storage import FakeStorageBackend, serve_in_thread
from vgi_rpc.external import Compression, ServerExternalConfig
from vgi_rpc.rpc import RpcServer, serve_stdio, serve_unix


def main() -> None:
    """Print ``PORT:<n>`` or ``UNIX:<path>`` once it listens, then serve until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipe", action="store_true", help="serve over the standard streams, not HTTP")
    parser.add_argument("--unix", metavar="PATH", help="serve over a Unix socket, not HTTP")
    parser.add_argument("--fake-storage", metavar="URL", help="a storage that runs already")
    parser.add_argument("--threshold", type=int, default=4096, help="externalise from this many bytes on")
    parser.add_argument("--max-request-bytes", type=int, default=4096)
    parser.add_argument("--max-response-bytes", type=int, default=None)
    parser.add_argument("--zstd", action="store_true", help="compress stored objects")
    args = parser.parse_args()

    storage_url, shutdown = (args.fake_storage, lambda: None) if args.fake_storage else serve_in_thread()
    storage = FakeStorageBackend(storage_url)
    server = RpcServer(
        ConformanceService,
        ConformanceServiceImpl(),
        external_location=ServerExternalConfig(
            storage=storage,
            externalize_threshold_bytes=args.threshold,
            compression=Compression() if args.zstd else None,
            url_validator=None,
        ),
        server_id="reference-server",
    )
    try:
        if args.pipe:
            serve_stdio(server)
        elif args.unix:
            serve_unix(server, args.unix, on_bound=lambda path: print(f"UNIX:{path}", flush=True))
        else:
            serve_http(server, storage, args)
    finally:
        storage.close()
        shutdown()


def serve_http(server: RpcServer, storage: FakeStorageBackend, args: argparse.Namespace) -> None:
    """Serve on a free port."""
    import waitress
    from vgi_rpc.http import make_wsgi_app

    app = make_wsgi_app(
        server,
        token_key=b"r" * 32,
        max_request_bytes=args.max_request_bytes,
        max_response_bytes=args.max_response_bytes,
        upload_url_provider=storage,
        max_upload_bytes=64 << 20,
    )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    print(f"PORT:{listener.getsockname()[1]}", flush=True)
    waitress.serve(app, sockets=[listener], _quiet=True)


if __name__ == "__main__":
    main()
