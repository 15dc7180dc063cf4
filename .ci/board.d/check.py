"""The part of .ci/board that asks Prometheus.

check.py configuration MANIFEST          prints the application.yaml of a ConfigMap
check.py quiet PROMETHEUS ALERT...       whether no other alert was ever raised
check.py expressions PROMETHEUS FOLDER   whether all expressions of board and rules return data

Needs nothing but Python's own library.
"""
import json
import math
import pathlib
import re
import sys
import urllib.parse
import urllib.request

VARIABLES = {"$__rate_interval": "5m", "$job": "flights", "$instance": ".*"}


def query(prometheus, expression):
    url = prometheus + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as refusal:
        raise SystemExit(f"[board] {expression}: {json.load(refusal)['error']}")


def numbers(result):
    return [float(series["value"][1]) for series in result if not math.isnan(float(series["value"][1]))]


def configuration(manifest):
    block = re.search(r"^  application\.yaml: \|\n((?:    .*\n)+)", pathlib.Path(manifest).read_text(), re.MULTILINE)
    print(re.sub(r"(?m)^    ", "", block.group(1)), end="")


def quiet(prometheus, *expected):
    raised = {series["metric"]["alertname"] for series in query(prometheus, "max_over_time(ALERTS[10m])")}
    if raised != set(expected):
        raise SystemExit(f"[board] raised: {sorted(raised)}, expected: {sorted(expected)}")
    if not numbers(query(prometheus, "sum(vgi_external_fetch_seconds_count) > 0")):
        raise SystemExit("[board] Prometheus has not seen any traffic")
    print(f"[board] without faults, no alert was raised but {', '.join(expected)}")


def panels(board):
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def board_expressions(folder):
    board = json.loads((folder / "grafana-dashboard.json").read_text())
    for panel in panels(board):
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            if "$" in expression:
                raise SystemExit(f"[board] an unknown variable: {expression}")
            yield f"{panel['title']} / {target['legendFormat']}", expression
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
            yield f"variable {variable['name']}", selector.group(1).replace("$job", VARIABLES["$job"])


def rule_expressions(prometheus):
    with urllib.request.urlopen(prometheus + "/api/v1/rules", timeout=30) as answer:
        for group in json.load(answer)["data"]["groups"]:
            for rule in group["rules"]:
                if rule["type"] == "alerting":
                    # As it is written, with its comparison: that it was true at some time
                    yield f"alert {rule['name']}", f'max_over_time(ALERTS{{alertname="{rule["name"]}"}}[10m])'
                else:
                    labels = ", ".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
                    yield f"rule {rule['name']} {labels}", f"{rule['name']}{{{labels}}}"


def expressions(prometheus, folder):
    folder = pathlib.Path(folder)
    checked = [*rule_expressions(prometheus), *board_expressions(folder)]
    empty = []
    for name, expression in checked:
        found = numbers(query(prometheus, expression))
        print(f"[board] {'ok     ' if found else 'NO DATA'} {name}" + (f" = {max(found):.3g}" if found else ""))
        if not found:
            empty.append(expression)
    print(f"[board] {len(checked) - len(empty)} of {len(checked)} expressions returned data")
    if empty:
        raise SystemExit("\n".join(empty))


if __name__ == "__main__":
    {"configuration": configuration, "quiet": quiet, "expressions": expressions}[sys.argv[1]](*sys.argv[2:])
