"""Parses the blocks of Python and JavaScript in the project's pages, which the Maven build cannot: it has neither."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\w+)$")
NODE = {"js": ".mjs", "ts": ".mts"}


def blocks(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        at += 1
        if fence:
            first, indent = at, len(fence[1])
            while lines[at].strip() != "```":
                at += 1
            yield first, fence[2], "\n".join(line[indent:] for line in lines[first:at]) + "\n"
            at += 1


def node(language, code):
    # Checks, and runs nothing. Node knows types from 22.6 on.
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "block" + NODE[language])
        file.write_text(code, encoding="utf-8")
        types = ["--experimental-strip-types"] if language == "ts" else []
        return subprocess.run(["node", *types, "--check", file], text=True, capture_output=True, timeout=30, check=False)


def main():
    checked, wrong = {"python": 0, "js": 0, "ts": 0}, []
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        for line, language, code in blocks(page):
            where = f"{page.relative_to(ROOT)}:{line}"
            if language == "python":
                try:
                    compile(code, where, "exec")
                except SyntaxError as error:
                    wrong.append(f"{where}: {error}")
            elif language in NODE:
                if not shutil.which("node"):
                    print(f"[pages] {where}: not parsed, no node")
                    continue
                said = node(language, code)
                if said.returncode:
                    wrong.append(f"{where}: {said.stderr}")
            else:
                continue
            checked[language] += 1
    print(f"[pages] parsed: {checked}")
    sys.exit("\n".join(wrong) or 0)


main()
