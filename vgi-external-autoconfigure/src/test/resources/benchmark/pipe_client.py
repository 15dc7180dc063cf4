"""Starts the worker that its arguments name; answers each number of calls with how many it makes in a second."""

import sys
import time

from pipe_worker import Pipes
from vgi_rpc.rpc import connect

with connect(Pipes, sys.argv[1:]) as pipes:
    print("> ready", flush=True)
    for line in sys.stdin:
        calls = int(line)
        start = time.perf_counter()
        for _ in range(calls):
            if pipes.add(a=1.5, b=2.25) != 3.75:
                raise ValueError("the sum is wrong")
        print(f"> {calls / (time.perf_counter() - start)}", flush=True)
