"""What .ci/release looks at: the artifacts of a release, as they lie in the repository that Maven deployed them to.

Each function below is a stage. It prints what is wrong, one fault a line, and then a sentence for the report.
"""

import hashlib
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

MODULES = {"vgi-external-autoconfigure", "vgi-external-starter"}
# What lies beside a POM, by classifier and extension: Maven Central wants the first three.
ATTACHED = {
    "vgi-external-autoconfigure": [".jar", "-sources.jar", "-javadoc.jar", "-cyclonedx.json", "-tests.jar",
                                   "-test-sources.jar", "-test-javadoc.jar"],
    "vgi-external-starter": [".jar", "-sources.jar", "-javadoc.jar", "-cyclonedx.json"],
}
CENTRAL = ["name", "description", "url", "licenses/license/name", "licenses/license/url", "developers/developer/name",
           "scm/connection", "scm/developerConnection", "scm/url"]
# Licences that let anybody ship the artifact unchanged, as part of something under any licence.
ALLOWED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-1.0", "EPL-2.0", "LGPL-2.1-only", "MIT", "MIT-0",
           "CC0-1.0", "GPL-2.0-with-classpath-exception"}
# How POMs that know no SPDX call them.
NAMES = [(r"apache.*2", "Apache-2.0"), (r"^the mit|^mit\b", "MIT"), (r"eclipse public license.*2", "EPL-2.0"),
         (r"eclipse public license.*1", "EPL-1.0"), (r"gpl.?2.*(classpath|cpe)|classpath", "GPL-2.0-with-classpath-exception"),
         (r"bsd.*(3|new|revised)|edl|eclipse distribution", "BSD-3-Clause"), (r"bsd.*2", "BSD-2-Clause"),
         (r"lesser general public.*2\.1|lgpl.*2\.1", "LGPL-2.1-only"), (r"cc0|public domain", "CC0-1.0")]

SAMPLE = "the sample's jar"

faults = []


def fault(text):
    faults.append(text)


def module(repository, name, version):
    return pathlib.Path(repository) / "dev/vgi" / name / version


def artifact(repository, name, version, end):
    return module(repository, name, version) / f"{name}-{version}{end}"


def published(repository):
    """The published files, without checksums and without the index that says when they were put there."""
    return {str(file.relative_to(repository)): file for file in sorted(pathlib.Path(repository).rglob("*"))
            if file.is_file() and file.suffix not in {".md5", ".sha1"} and not file.name.startswith("maven-metadata")}


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def changed(first, second):
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        left, right = ({entry.filename: entry.CRC for entry in jar.infolist()} for jar in (one, other))
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def differing_entries(first, second):
    if not zipfile.is_zipfile(first):
        return ""
    return ": " + (", ".join(changed(first, second)[:5]) or "the order, dates or modes of its entries")


def compare(first, second, first_tree, second_tree):
    left, right = published(first), published(second)
    for tree, files in ((first_tree, left), (second_tree, right)):
        for jar in pathlib.Path(tree, "sample-app/target").glob("sample-app-*.jar"):
            files[SAMPLE] = jar
    for name in sorted(left.keys() ^ right.keys()):
        fault(f"only one build made {name}")
    for name in sorted(left.keys() & right.keys()):
        # The sample is not published, and Spring Boot writes the time zone beside the names of folders.
        if digest(left[name]) != digest(right[name]) and (name != SAMPLE or changed(left[name], right[name])):
            fault(f"{name} differs{differing_entries(left[name], right[name])}")
    return f"{len(left) - 1} published files of two builds have equal bytes, and the sample's jar equal entries"


def poms(repository, version):
    found = {path.name for path in pathlib.Path(repository, "dev/vgi").iterdir() if path.is_dir()}
    if found != MODULES:
        fault(f"published modules are {sorted(found)}")
    for name in sorted(found & MODULES):
        for end in ATTACHED[name]:
            if not artifact(repository, name, version, end).is_file():
                fault(f"{name} has no {end.lstrip('-')}")
        text = artifact(repository, name, version, ".pom").read_text(encoding="utf-8")
        pom = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text, count=1))
        for path in CENTRAL:
            if not (pom.findtext(path) or "").strip():
                fault(f"the POM of {name} has no {path}")
        for unwanted in ("parent", "dependencyManagement", "build", "profiles", "repositories", "modules"):
            if pom.find(unwanted) is not None:
                fault(f"the POM of {name} has {unwanted}")
        for unwanted in ("${", "SNAPSHOT", "spring.io"):
            if unwanted in text:
                fault(f"the POM of {name} says {unwanted}")
        for dependency in pom.iter("dependency"):
            label = f"{name}'s dependency {dependency.findtext('artifactId')}"
            if not dependency.findtext("version"):
                fault(f"{label} has no version")
            if dependency.findtext("scope") not in ("compile", "runtime"):
                fault(f"{label} has scope {dependency.findtext('scope')}")
    return f"{len(MODULES)} POMs have no parent and what Maven Central wants"


def jars(repository, version):
    count = 0
    for name in sorted(MODULES):
        for end in ATTACHED[name]:
            if not end.endswith(".jar"):
                continue
            count += 1
            with zipfile.ZipFile(artifact(repository, name, version, end)) as jar:
                entries = set(jar.namelist())
            if end.endswith("-javadoc.jar") and name == "vgi-external-autoconfigure":
                if "dev/vgi/external/storage/package-summary.html" not in entries:
                    fault(f"{name}{end} documents nothing")
                continue
            for legal in ("META-INF/LICENSE", "META-INF/NOTICE"):
                if legal not in entries:
                    fault(f"{name}{end} has no {legal}")
            for entry in sorted(entries):
                if entry.startswith("META-INF/sbom/") or "Tests" in entry and end == ".jar" or "target" in entry:
                    fault(f"{name}{end} has {entry}")
            if name == "vgi-external-autoconfigure" and len(entries) < 10:
                fault(f"{name}{end} has {len(entries)} entries only")
    return f"{count} jars have a licence and nothing that does not belong there"


def load_sbom(repository, name, version):
    return json.loads(artifact(repository, name, version, "-cyclonedx.json").read_text(encoding="utf-8"))


def sample_sbom(sample):
    with zipfile.ZipFile(sample) as jar:
        return json.loads(jar.read("META-INF/sbom/application.cdx.json"))


def components(bom):
    return {f"{part.get('group', '')}:{part['name']}": part for part in bom["components"]}


def sbom(repository, version, sample):
    counts = []
    boms = {name: load_sbom(repository, name, version) for name in sorted(MODULES)}
    boms["sample-app"] = sample_sbom(sample)
    for name, bom in boms.items():
        parts = components(bom)
        counts.append(f"{name} {len(parts)}")
        for wanted in ("org.apache.arrow:arrow-vector", "org.springframework.boot:spring-boot-autoconfigure"):
            if wanted not in parts:
                fault(f"the SBOM of {name} does not name {wanted}")
        for key, part in parts.items():
            if "SNAPSHOT" in part["version"] or not part.get("hashes") and not key.startswith("dev.vgi:"):
                fault(f"the SBOM of {name} has {key} {part['version']} without a digest")
    with zipfile.ZipFile(sample) as jar:
        shipped = {re.sub(r".*/", "", entry) for entry in jar.namelist()
                   if entry.startswith("BOOT-INF/lib/") and entry.endswith(".jar")}
        if "Sbom-Location: META-INF/sbom/application.cdx.json" not in jar.read("META-INF/MANIFEST.MF").decode():
            fault("the manifest of the sample does not say where its SBOM is")
    named = {f"{part['name']}-{part['version']}.jar" for part in boms["sample-app"]["components"]}
    for jar in sorted(shipped - named):
        # A tool of the jar itself, put in by the plugin.
        if not jar.startswith("spring-boot-jarmode-"):
            fault(f"the SBOM of the sample does not name {jar}")
    return "components: " + ", ".join(counts)


def spdx(part):
    """The licences of a component: any one of them may be chosen."""
    names = set()
    for entry in part.get("licenses", []):
        given = entry.get("license", entry)
        name = given.get("id") or given.get("expression") or given.get("name") or ""
        for said in re.split(r"\s+OR\s+", name.strip("()")):
            names.add(next((known for pattern, known in NAMES if said not in ALLOWED and re.search(pattern, said, re.I)),
                           said))
    return sorted(names)


def licences(repository, version, sample, page, write=None):
    starter = components(load_sbom(repository, "vgi-external-starter", version))
    application = components(sample_sbom(sample))
    rows = {True: [], False: []}
    for key, part in sorted((starter | application).items()):
        if key.startswith("dev.vgi:"):
            continue
        names = spdx(part)
        if not set(names) & ALLOWED:
            fault(f"{key} has licence {names or 'none'}, and .ci/release.d/artifacts.py does not allow it")
        rows[key in starter].append(f"| `{key}` | {' or '.join(names)} |")
    path = pathlib.Path(page)
    text = head = path.read_text(encoding="utf-8")
    for mark, here in (("starter", True), ("sample", False)):
        table = "\n".join(["| Artifact | Licence |", "| --- | --- |", *rows[here]])
        text = re.sub(rf"(<!-- {mark} -->\n)(\n?\|.*\n)*", lambda found: f"{found[1]}\n{table}\n", text)
    if write:
        path.write_text(text, encoding="utf-8")
    elif text != head:
        fault("VGI_RELEASE_WRITE=1 .ci/release licences writes docs/licences.md")
        for line in sorted(set(text.splitlines()) ^ set(head.splitlines())):
            fault(f"docs/licences.md differs: {line}")
    return f"{len(rows[True])} artifacts of the starter and {len(rows[False])} more of the sample have allowed ones"


def consumer(repository, version, resolved, bom):
    """Whether a user gets the very versions that the tests had. Without Spring Boot's BOM, what others depend on has the
    version that they name, as with any starter; what we name and what is Spring's or Arrow's has ours."""
    ours = {key: part["version"] for key, part in components(load_sbom(repository, "vgi-external-starter", version)).items()}
    named = set()
    for name in MODULES:
        pom = artifact(repository, name, version, ".pom").read_text(encoding="utf-8")
        named |= {f"{group}:{artifact_id}" for group, artifact_id in
                  re.findall(r"<groupId>(.*?)</groupId>\s*<artifactId>(.*?)</artifactId>", pom)}
    theirs = {}
    for line in pathlib.Path(resolved).read_text(encoding="utf-8").splitlines():
        found = re.match(r"\s+([\w.-]+):([\w.-]+):[\w.-]+:(?:[\w.-]+:)?([\w.-]+):(?:compile|runtime)", line)
        if found:
            theirs[f"{found[1]}:{found[2]}"] = found[3]
    theirs.pop("dev.vgi:vgi-external-starter", None)
    other = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    for key in other:
        if bom == "yes" or key not in ours or key not in theirs or key in named or \
                key.startswith(("org.springframework", "org.apache.arrow")):
            fault(f"{key} is {theirs.get(key)} for a user, and was {ours.get(key)} in our build")
    sentence = f"{len(theirs) - len(other)} artifacts in the versions of our build"
    return sentence + (f", {len(other)} in those that Spring and Arrow name" if other else "")


if __name__ == "__main__":
    sentence = {stage.__name__: stage for stage in (compare, poms, jars, sbom, licences, consumer)}[sys.argv[1]](*sys.argv[2:])
    for each in faults:
        print(f"[ERROR] {each}")
    print(sentence)
    sys.exit(1 if faults else 0)
