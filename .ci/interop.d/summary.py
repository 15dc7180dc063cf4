"""Prints what the suite said per release and group; exits with 1 unless every required case passed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

OUTCOMES = ("passed", "failed", "skipped")


def table(release: dict) -> None:
    """One row per group: passed, failed, skipped and, where some are required, how many of those passed."""
    cases, required = release["cases"], set(release["required"])
    groups: dict[str, Counter[str]] = {}
    for name, case in cases.items():
        row = groups.setdefault(case["group"], Counter())
        row[case["outcome"]] += 1
        if name in required:
            row["required"] += 1
            row["required passed"] += case["outcome"] == "passed"
    print(f"\nvgi-rpc {release['version']} ({release['release']}), {release['seconds']:.0f} s")
    print(f"  {'group':<36}{'passed':>8}{'failed':>8}{'skipped':>9}  required")
    for group in sorted(groups, key=lambda name: (not groups[name]["required"] and name not in release["groups"], name)):
        row = groups[group]
        promise = f"{row['required passed']}/{row['required']}" if row["required"] else ""
        if group in release["groups"]:
            promise = f"{row['passed']}/{release['groups'][group]}"
        print(f"  {group:<36}{row['passed']:>8}{row['failed']:>8}{row['skipped']:>9}  {promise}".rstrip())
    for group, (count, reason) in release["left_out"].items():
        print(f"  left out: {group.removeprefix('Test')} ({count}): {reason}")


def not_passed(release: dict) -> None:
    """Every case that did not pass by name: a required one on its own line, the others gathered by their reason."""
    required = set(release["required"])
    required |= {
        name
        for name, case in release["cases"].items()
        # a group may have cases that its release itself skips
        if case["group"] in release["groups"] and case["outcome"] != "skipped"
    }
    for name, case in release["cases"].items():
        if name in required and case["outcome"] != "passed":
            print(f"  {case['outcome'].upper()} [required] {name}: {case['reason']}")
    for outcome in ("failed", "skipped"):
        reasons: dict[str, dict[str, list[str]]] = {}
        for name, case in release["cases"].items():
            if case["outcome"] == outcome and name not in required:
                suite_class, _, test = name.partition("::")
                reasons.setdefault(case["reason"][:140], {}).setdefault(suite_class, []).append(test)
        if reasons:
            print(f"  {outcome}:")
        for reason, classes in reasons.items():
            print(f"    {reason} ({sum(map(len, classes.values()))})")
            for suite_class, tests in classes.items():
                print(f"      {suite_class}: {', '.join(tests)}")


def main() -> int:
    """Print the report and decide."""
    folder, *rest = sys.argv[1:]
    selection = "--selection" in rest
    names = [name for name in rest if name != "--selection"]
    totals: Counter[str] = Counter()
    broken: list[str] = []
    for name in names:
        file = Path(folder) / f"{name}.json"
        if not file.is_file():
            broken.append(f"{name}: no results")
            continue
        release = json.loads(file.read_text())
        table(release)
        not_passed(release)
        totals.update(case["outcome"] for case in release["cases"].values())
        broken += [f"{name}: {death}" for death in release["deaths"]]
        for case in release["required"]:
            outcome = release["cases"].get(case, {}).get("outcome", "not in this release")
            if outcome != "passed" and not (selection and outcome == "not in this release"):
                broken.append(f"{name}: {case}: {outcome}")
        for group, count in release["groups"].items():
            outcomes = Counter(case["outcome"] for case in release["cases"].values() if case["group"] == group)
            if outcomes["failed"] or (outcomes["passed"] < count and not selection):
                broken.append(f"{name}: group {group}: {outcomes['passed']} of {count} passed, {outcomes['failed']} failed")
        if not release["cases"]:
            broken.append(f"{name}: no case ran")
    print()
    for line in broken:
        print(f"NOT MET: {line}")
    if not broken:
        print("all required cases passed")
    print(", ".join(f"{totals[outcome]} {outcome}" for outcome in OUTCOMES))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
