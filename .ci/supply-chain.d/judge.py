"""What .ci/supply-chain looks at. Each function below is a stage: it prints what is wrong, one fault a line, and then a
sentence for the report."""

import csv
import datetime
import io
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

# Older than this, a list of advisories is worth a word.
STALE = datetime.timedelta(days=30)
# What any list of advisories has something against.
WITNESS = "org.apache.logging.log4j:log4j-core", "2.14.1"
QUALIFIERS = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"]
ALIASES = {"a": "alpha", "b": "beta", "m": "milestone", "cr": "rc", "ga": "", "final": "", "release": ""}

faults = []


def fault(text):
    faults.append(text)


def order(version):
    """A version as Maven orders it: numbers before qualifiers, trailing zeros without meaning."""
    parts = []
    for text in re.findall(r"\d+|[a-z]+", version.lower()):
        if text.isdigit():
            parts.append((1, int(text), ""))
        else:
            name = ALIASES.get(text, text)
            known = name in QUALIFIERS
            parts.append((0, QUALIFIERS.index(name) - QUALIFIERS.index("") if known else 2, "" if known else name))
    while parts and parts[-1] in ((1, 0, ""), (0, 0, "")):
        parts.pop()
    return parts


def compare(one, other):
    left, right = order(one), order(other)
    for i in range(max(len(left), len(right))):
        # What is missing counts as a zero before numbers and as no qualifier before others.
        a = left[i] if i < len(left) else (right[i][0], 0, "")
        b = right[i] if i < len(right) else (left[i][0], 0, "")
        if a != b:
            return -1 if a < b else 1
    return 0


def components(folder):
    """What the SBOMs name, without this project's own modules: coordinates, and the versions of each."""
    found = {}
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        for part in json.loads(file.read_text(encoding="utf-8"))["components"]:
            name = f"{part.get('group', '')}:{part['name']}"
            if not name.startswith("dev.vgi:"):
                found.setdefault(name, set()).add(part["version"])
    return found


def osv_ranges(entry):
    """The ranges of an advisory in the format of OSV: coordinates, first version, first fixed one, last affected one."""
    for affected in entry.get("affected", []):
        if affected.get("package", {}).get("ecosystem") != "Maven":
            continue
        name = affected["package"]["name"]
        for version in affected.get("versions", []):
            yield name, version, "", version
        for ranges in affected.get("ranges", []):
            first = "0"
            for event in ranges.get("events", []):
                first = event.get("introduced", first)
                if "fixed" in event or "last_affected" in event:
                    yield name, first, event.get("fixed", ""), event.get("last_affected", "")
            if not any("fixed" in event or "last_affected" in event for event in ranges.get("events", [])):
                yield name, first, "", ""


def advisories(path):
    """An archive or a folder of advisories as OSV publishes them, or a jar with advisories-maven.csv: name, date, title,
    severity and range of each."""
    path = pathlib.Path(path)
    if path.is_dir():
        texts = (file.read_text(encoding="utf-8") for file in sorted(path.rglob("*.json")))
    else:
        archive = zipfile.ZipFile(path)
        if "advisories-maven.csv" in archive.namelist():
            for row in csv.reader(io.StringIO(archive.read("advisories-maven.csv").decode("utf-8"))):
                identifier, date, title, name, first, fixed, *rest = row
                last = rest[0] if len(rest) > 2 else "" # older lists do not have it
                yield identifier, date, title, rest[1 if len(rest) > 2 else 0], (name, first, fixed, last)
            return
        texts = (archive.read(name).decode("utf-8") for name in archive.namelist() if name.endswith(".json"))
    for entry in map(json.loads, texts):
        if "withdrawn" not in entry:
            for affected in osv_ranges(entry):
                yield (entry["id"], entry.get("modified", ""), entry.get("summary", ""),
                       entry.get("database_specific", {}).get("severity", "of unknown severity"), affected)


def concerns(version, first, fixed, last):
    return (compare(version, first or "0") >= 0 and (not fixed or compare(version, fixed) < 0)
            and (not last or compare(version, last) <= 0))


def reasons(path):
    """What is kept on purpose: a name, what is meant, and why."""
    kept = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, meant, why = line.split(None, 2)
            kept[name, meant] = why
    return kept


def known(boms, source, listed):
    kept, used = reasons(listed), set()
    parts, newest, count = components(boms), "", 0
    witness = False
    for identifier, date, title, severity, (name, first, fixed, last) in advisories(source):
        count += 1
        newest = max(newest, date)
        witness = witness or name == WITNESS[0] and concerns(WITNESS[1], first, fixed, last)
        for version in parts.get(name, ()):
            if concerns(version, first, fixed, last):
                if (name, identifier) in kept:
                    used.add((name, identifier))
                else:
                    fault(f"{name} {version}: {identifier}, {severity.lower()}, fixed in {fixed or '-'}: {title}")
    if not witness:
        fault(f"{source} knows nothing against {WITNESS[0]} {WITNESS[1]}, so that it is no list, or is not understood")
    age = datetime.date.today() - datetime.date.fromisoformat((newest or "1970-01-01")[:10])
    note = "" if age <= STALE else ": a newer one would say more"
    return f"{len(parts)} artifacts, {count} ranges of advisories up to {newest[:10]}{note}, {len(used)} kept on purpose"


def newest(output, listed):
    """What versions-maven-plugin says of our own versions, within the same minor version."""
    kept, used = reasons(listed), set()
    text = pathlib.Path(output).read_text(encoding="utf-8")
    text = re.sub(r"\n\[INFO\] {5,}", " ", text)
    looked = len(set(re.findall(r"^\[INFO\]   (?:\$\{[\w.-]+\}|[\w.-]+:[\w.-]+) \.", text, re.M)))
    if looked < 10:
        fault(f"only {looked} versions were looked at")
    for name, now, later in re.findall(r"^\[INFO\]   (\S+) \.* *(\S+) -> (\S+)", text, re.M):
        name = name.strip("${}")
        if (name, later) in kept:
            used.add((name, later))
        else:
            fault(f"{name} is {now}, and {later} is there: take it, or say why not in .ci/supply-chain.d/kept.txt")
    return f"{looked} versions, {len(used)} kept on purpose"


def poms(root):
    """What the rules of the build cannot see: POMs that it does not read, plugins of profiles, and commands."""
    root = pathlib.Path(root)
    count = 0
    managed = set()
    files = [file for file in sorted(root.rglob("*.xml")) if "target" not in file.relative_to(root).parts]
    files = [(file, text) for file in files if "<modelVersion>" in (text := file.read_text(encoding="utf-8"))]
    for file, text in files:
        pom = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text, count=1))
        name = file.relative_to(root)
        inherits = pom.find("parent") is not None
        for unwanted in ("repositories", "pluginRepositories"):
            # The rehearsal of a release reads what it has just made.
            for repository in pom.findall(f".//{unwanted}/*/url"):
                if repository.text != "@repository@":
                    fault(f"{name} declares a repository")
        for kind in ("parent", "dependency", "plugin", "extension", "path"):
            for part in pom.iter(kind):
                if part.find("artifactId") is None:
                    continue
                count += 1
                version = part.findtext("version") or ""
                label = f"{name}: {part.findtext('artifactId')}"
                if re.search(r"LATEST|RELEASE|[\[(,]", version):
                    fault(f"{label} has the dynamic version {version}")
                if kind == "plugin" and not version and not inherits:
                    fault(f"{label} has no version, and there is no parent that has one")
    for file in sorted((root / ".ci").rglob("*")):
        if file.is_file() and file.suffix in ("", ".sh", ".py"):
            for goal in re.findall(r"[\s\"'](?:[a-z0-9]+\.)+[a-z0-9.]+:[a-z-]+-plugin:[a-z-]+(?=[\s\"'])",
                                   file.read_text(encoding="utf-8")):
                fault(f"{file.relative_to(root)} calls {goal.strip()} without a version")
    if "--strict-checksums" not in (root / ".mvn/maven.config").read_text(encoding="utf-8"):
        fault(".mvn/maven.config does not ask for checksums")
    return f"{len(files)} POMs with {count} versions, checksums are asked for"


def repositories(output, listed):
    """Which repositories a build asks for releases, those that POMs of others declare among them."""
    kept, used = reasons(listed), set()
    text = pathlib.Path(output).read_text(encoding="utf-8")
    found = set(re.findall(r"^ \* (\S+) \(.*(?:, |\+)?releases(?:\+snapshots)?\)", text, re.M))
    for name in sorted(found - {"central"}):
        if (name, "repository") in kept:
            used.add(name)
        else:
            fault(f"what we depend on is looked for at {name} too")
    if "central" not in found:
        fault("the build names no repository")
    return f"releases come from Maven Central, {len(used)} more kept on purpose"


if __name__ == "__main__":
    said = globals()[sys.argv[1]](*sys.argv[2:])
    print("\n".join(faults + [said]))
    sys.exit(1 if faults else 0)
