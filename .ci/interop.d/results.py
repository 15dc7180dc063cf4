"""pytest plugin: required cases first, hopeless groups stopped, results as JSON for summary.py."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

#: A group whose cases run into their time limit this often is stopped: five seconds each would eat the run.
TIMEOUTS_PER_GROUP = 3

#: After this long, cases that are not required are no longer begun.
BUDGET_SECONDS = float(os.environ.get("VGI_INTEROP_BUDGET", "170"))

#: The method matrix with every data batch in storage, and its own limit per case.
EXTERNAL_MATRIX = "Matrix (every batch external)"
EXTERNAL_MATRIX_SECONDS = 15

#: Groups of connections that carry calls one after the other.
BYTE_STREAM_GROUPS = frozenset({"TestAdversarialRawRequestContract", "TestExternalByteStream"})

#: What any transport can run: groups, and fixtures of cases.
ANY_TRANSPORT_GROUPS = frozenset({"TestResourceSoak", "TestTransportKindContext"})
ANY_TRANSPORT = frozenset({"conformance_conn", "conformance_describe"})

#: Where the fixtures leave their list of workers that died by themselves.
DEATHS = pytest.StashKey[list[str]]()

_release = os.environ.get("VGI_INTEROP_RELEASE", "flat")
_results: dict[str, dict[str, Any]] = {}
_timeouts: Counter[str] = Counter()
_left_out: dict[str, tuple[int, str]] = {}
_begun = time.monotonic()


def _promises(release: str) -> list[str]:
    """Lines of required.txt that concern *release*, without its name."""
    lines = (Path(__file__).parent / "required.txt").read_text().splitlines()
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    return [promise.strip() for name, promise in pairs if name == release]


def required_cases(release: str) -> list[str]:
    """Cases of *release* that must pass, in the order of the file."""
    return [promise for promise in _promises(release) if not promise.startswith("group ")]


def required_groups(release: str) -> dict[str, int]:
    """Groups of *release* no case of which may fail, and how many cases must pass."""
    found = {}
    for promise in _promises(release):
        if promise.startswith("group "):
            _, count, group = promise.split(None, 2)
            found[group] = int(count)
    return found


_required = required_cases(_release)
_groups = required_groups(_release)


_pipes = _release.startswith("pipes-")


def _case(item: pytest.Item) -> str:
    return item.nodeid.split("::", 1)[1]


def _group(item: pytest.Item) -> str:
    """Name of the table row: the method matrix by transport, everything else by class."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    transport = parameters.get("conformance_conn")
    module = getattr(getattr(item, "cls", None), "__module__", "")
    if transport is not None and not module.endswith("_secondary_pytest"):
        if _pipes:
            return f"Matrix ({transport.replace('_externalize_always', ', every batch external')})"
        return EXTERNAL_MATRIX if "always" in transport else "Matrix (inline)"
    return item.parent.name.removeprefix("Test") if item.parent else item.name


def _left_out_of_this_part(item: pytest.Item) -> tuple[str, str] | None:
    """What is said about a case that the other part runs, or nothing."""
    name = item.parent.name if item.parent else ""
    if name in BYTE_STREAM_GROUPS:
        return None if _pipes else (name, "byte streams: see pipes")
    if _pipes and name not in ANY_TRANSPORT_GROUPS and ANY_TRANSPORT.isdisjoint(getattr(item, "fixturenames", ())):
        return "HTTP", "groups of HTTP alone"
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot apply, and begin with what is required: time may end, they may not miss it."""
    kept = []
    for item in items:
        if (left_out := _left_out_of_this_part(item)) is not None:
            _left_out[left_out[0]] = (_left_out.get(left_out[0], (0, ""))[0] + 1, left_out[1])
        else:
            kept.append(item)
    for item in kept:
        # Every call here is some six HTTP requests, half of them to a single-threaded storage in this very process:
        # five seconds are a limit for that storage on a shared machine, not for the worker.
        if "every batch external" in _group(item):
            item.add_marker(pytest.mark.timeout(EXTERNAL_MATRIX_SECONDS), append=False)
    rank = {case: position for position, case in enumerate(_required)}
    items[:] = sorted(kept, key=lambda item: rank.get(_case(item), len(rank) + (_group(item) not in _groups)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a case of a stopped group, or one that begins too late."""
    if _case(item) in _required or _group(item) in _groups:
        return
    if _timeouts[_group(item)] >= TIMEOUTS_PER_GROUP:
        pytest.skip(f"group stopped after {TIMEOUTS_PER_GROUP} timeouts")
    if time.monotonic() - _begun > BUDGET_SECONDS:
        pytest.skip(f"not begun: {BUDGET_SECONDS:.0f} s are over")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Keep the worst outcome of the three phases of a case."""
    report = (yield).get_result()
    entry = _results.setdefault(
        _case(item), {"group": _group(item), "outcome": "passed", "reason": "", "seconds": 0.0}
    )
    entry["seconds"] = round(entry["seconds"] + report.duration, 3)
    if report.failed:
        message = report.longrepr.reprcrash.message if hasattr(report.longrepr, "reprcrash") else str(report.longrepr)
        entry.update(outcome="failed", reason=" ".join(message.split())[:300])
        if "Timeout" in message:
            _timeouts[entry["group"]] += 1
    elif report.skipped and entry["outcome"] == "passed":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        entry.update(outcome="skipped", reason=" ".join(reason.split()).removeprefix("Skipped: ")[:300])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the results when all fixtures are gone, so that workers that died late are known."""
    folder = Path(os.environ.get("VGI_INTEROP_RUN", "."))
    (folder / f"{_release}.json").write_text(
        json.dumps(
            {
                "release": _release,
                "version": importlib.metadata.version("vgi-rpc"),
                "seconds": round(time.monotonic() - _begun, 1),
                "required": _required,
                "groups": _groups,
                "left_out": _left_out,
                "deaths": config.stash.get(DEATHS, []),
                "cases": _results,
            }
        )
    )
