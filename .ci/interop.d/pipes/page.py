"""Writes the programs of a page into a folder: each code block that begins with a comment that is a file's name."""

import re
import sys
from pathlib import Path

page, folder = map(Path, sys.argv[1:])
for block in re.findall(r"^```\w+\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
    if named := re.match(r"(?:#|//) ([\w.-]+)\n", block):
        (folder / named.group(1)).write_text(block)
