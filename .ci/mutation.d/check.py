"""Judges PIT's reports, one for each unit: check.py UNIT.xml...

What survived is printed with its line, then a table. Exits with 1 if a unit misses the targets, or if an entry of
equivalent.txt stands for nothing that survived.
"""

import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "vgi-external-autoconfigure/src/main/java"
PREFIX = "dev.vgi.external."
LEAST = 90


class Entry:
    """Mutants of one line that nobody can tell from the original, and how many of them there are."""

    def __init__(self, head):
        self.where, mutator, self.text = head.split(None, 2)
        self.mutator, _, times = mutator.partition("*")
        self.times = int(times or 1)
        self.reason = ""
        self.found = self.slow = 0

    def matches(self, mutant):
        return self.where == mutant.where and self.mutator == mutant.mutator and self.text in mutant.text


class Mutant:

    def __init__(self, element):
        name = element.findtext("mutatedClass")
        self.status = element.get("status")
        self.detected = element.get("detected") == "true"
        self.top = name.split("$")[0]
        self.line = int(element.findtext("lineNumber"))
        # The number of a lambda changes whenever another one is written.
        method = re.sub(r"^lambda\$(.+)\$\d+$", r"\1", element.findtext("mutatedMethod"))
        self.where = f"{name.removeprefix(PREFIX)}#{method}"
        self.mutator = element.findtext("mutator").rsplit(".", 1)[-1].removesuffix("Mutator")
        source = SOURCES / (self.top.replace(".", "/") + ".java")
        self.text = source.read_text("utf-8").splitlines()[self.line - 1].strip()

    def __str__(self):
        return f"{self.status:<11} {self.where} {self.mutator} {self.text}  (line {self.line})"


def entries():
    """A line `package.Class#method Mutator[*times] text of the line`, and below it the reason, indented."""
    read = []
    for line in (HERE / "equivalent.txt").read_text("utf-8").splitlines():
        if line.startswith((" ", "\t")):
            read[-1].reason += line.strip()
        elif line and not line.startswith("#"):
            read.append(Entry(line))
    return read


def main(reports):
    known = entries()
    faults = [f"no reason: {entry.where} {entry.mutator} {entry.text}" for entry in known if not entry.reason]
    seen = set()
    table = []
    for report in reports:
        unit = pathlib.Path(report).stem
        count = collections.Counter()
        mutants = [Mutant(element) for element in ElementTree.parse(report).getroot()]
        seen.update(mutant.top for mutant in mutants)
        for mutant in sorted(mutants, key=lambda mutant: (mutant.top, mutant.line)):
            entry = next((entry for entry in known if entry.matches(mutant) and entry.found < entry.times), None)
            if mutant.detected:
                count["killed"] += 1
                if entry and mutant.status != "KILLED":
                    entry.slow += 1
            elif entry:
                entry.found += 1
                count["equivalent"] += 1
            else:
                count["unreached" if mutant.status == "NO_COVERAGE" else "survived"] += 1
                print(mutant)
        reached = count["killed"] + count["survived"]
        percent = 100 * count["killed"] / reached if reached else 0
        table.append((unit, len(mutants), count["killed"], count["survived"], count["unreached"], count["equivalent"],
                      f"{percent:.1f} %"))
        if percent < LEAST:
            faults.append(f"{unit}: {percent:.1f} % of what is reached is killed, not {LEAST} %")
        if count["unreached"]:
            faults.append(f"{unit}: {count['unreached']} not reached")
    for entry in known:
        top = PREFIX + entry.where.split("#")[0].split("$")[0]
        if not (SOURCES / (top.replace(".", "/") + ".java")).exists():
            faults.append(f"no such class: {entry.where}")
        elif top in seen and entry.found + entry.slow < entry.times:
            faults.append(f"{entry.found} of {entry.times} survive: {entry.where} {entry.mutator} {entry.text}")
    form = "{:<12} {:>8} {:>8} {:>9} {:>10} {:>11} {:>8}"
    print(form.format("unit", "mutants", "killed", "survived", "unreached", "equivalent", "killed"))
    for row in table:
        print(form.format(*row))
    for fault in faults:
        print("[mutation]", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
