"""Judges what a soak has written, and draws it.

    verdict.py judge FOLDER, verdict.py plot FOLDER TARGET.svg, verdict.py settled FOLDER (is nothing held any more?)
"""
import csv, os, statistics, sys

# What may grow in the second half of the run, on the line fitted to it: a part of the level, or a number, whichever is
# more. The number is for an hour; the warm-up of shorter runs is still felt in their second half.
DRIFTS = [  # column, name, part, number, number for less than 20 minutes
    ("rss_mb", "resident MB", 0.04, 15, 40),
    ("live_heap_mb", "heap MB after a collection", 0.05, 3, 4),
    ("nonheap_mb", "MB of code and classes", 0.05, 5, 20),
    ("threads", "threads", 0.08, 6, 8),
    ("descriptors", "descriptors", 0.08, 10, 12),
    ("server_connections", "connections of callers", 0.1, 15, 30),
    ("storage_connections", "connections to the storage", 0.1, 10, 12),
    ("pool_leased", "connections in use", 0, 5, 8),
    ("slabs_leased_mb", "MB of slabs in use", 0, 4, 8),
    ("slabs_idle_mb", "MB of slabs that are kept", 0, 8, 18),
    ("allocated_mb", "MB of batches", 0, 8, 15),
    ("buffers", "buffers of batches", 0, 150, 300),
    ("budget_mb", "MB held of the budget", 0, 6, 10),
    ("leftovers", "leftovers to be removed", 0, 5, 30),
    ("store_mb", "MB stored", 0.3, 200, 1500),
    ("store_files", "objects stored", 0.3, 50, 300),
    ("unfinished_uploads", "unfinished uploads", 0.3, 30, 30),
    ("temporary_files", "temporary files", 0, 0.5, 0.5),
]
AFTER = [  # column, name, how much more than before the load
    ("allocated_mb", "MB of batches", 0.001), ("budget_mb", "MB held of the budget", 0.001),
    ("slabs_leased_mb", "MB of slabs in use", 0.001), ("pool_leased", "connections in use", 0),
    ("buffers", "buffers of batches", 8), ("leftovers", "leftovers to be removed", 0),
    ("temporary_files", "temporary files", 0), ("descriptors", "descriptors", 12), ("threads", "threads", 40),
    ("live_heap_mb", "heap MB after a collection", 10),
]
# What calls may come to while the storage fails, or right after it
EXCUSED = {"http-400", "http-502", "http-504", "storage-unavailable", "service-unavailable", "timed-out", "no-room",
           "link-expired", "upload-refused", "HttpTimeoutException", "http-507", "http-403", "IOException",
           "error-storage", "error-storage_unavailable", "error-timed_out", "error-upload_refused",
           "ResourceAccessException",
           "HttpConnectTimeoutException", "ConnectException", "SocketException", "UncheckedIOException",
           "object-gone", "error-object_gone", "error-service_unavailable", "EOFException", "ClosedChannelException"}


def rows(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path) as lines:
        return list(csv.DictReader(line for line in lines if line.count(",")))


def points(samples, column):
    return [(float(row["t"]), float(row[column])) for row in samples if row.get(column) not in (None, "")]


def drift(series, end):
    """Level and growth over the second half: the median slope between the floors of windows, times the half.

    A floor is what a fifth of the samples stay below: what leaks raises it, what is merely busy does not.
    """
    half = [(t, value) for t, value in series if end / 2 <= t <= end]
    if len(half) < 4:
        return None
    count = max(3, min(12, int(end / 2 / 280)))  # a cycle of faults each, if there are enough of them
    width = end / 2 / count
    windows = []
    for number in range(count):
        values = [value for t, value in half if number <= (t - end / 2) / width < number + 1]
        if values:
            windows.append(((number + 0.5) * width, percentile(values, 20)))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(windows) for b in windows[i + 1:]]
    level = statistics.median(value for _, value in windows)
    return level, statistics.median(slopes) * end / 2 if slopes else 0


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0


def histogram(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return {}
    with open(path) as lines:
        return {kind: (int(count), int(size)) for kind, count, size in (line.rsplit(" ", 2) for line in lines)}


class Verdict:
    failed = False

    def judge(self, holds, text):
        print(f"[soak] {'ok    ' if holds else 'FAILED'}  {text}")
        self.failed |= not holds


def judge(folder):
    verdict = Verdict()
    samples, calls, health = (rows(folder, name) for name in ("samples.csv", "calls.csv", "health.csv"))
    about = dict(line.strip().split("=", 1) for line in open(os.path.join(folder, "about")))
    end, limit = float(about["seconds"]), float(about["limit_mb"])

    verdict.judge(about["alive"] == "1", "the service runs")
    verdict.judge(about["loaded"] == "0", "the load ran to its end")
    by_call = {}
    for call in calls:
        by_call.setdefault(call["call"], []).append(call)
    print("[soak]    call                  succeeded  refused  failed  of these without a fault  median ms  99 % ms")
    for name, made in sorted(by_call.items()):
        number = {outcome: sum(1 for call in made if call["outcome"] == outcome)
                  for outcome in ("ok", "refused", "failed")}
        calm = sum(1 for call in made if call["outcome"] == "failed" and call["fault"] == "NONE")
        took = [int(call["took_ms"]) for call in made]
        print(f"[soak]    {name:22}{number['ok']:9}{number['refused']:9}{number['failed']:8}{calm:26}"
              f"{percentile(took, 50):11}{percentile(took, 99):9}")
    kinds = {}
    for call in calls:
        if call["outcome"] != "ok":
            key = (call["kind"], "calm" if call["fault"] == "NONE" else "during faults")
            kinds[key] = kinds.get(key, 0) + 1
    for (kind, when), number in sorted(kinds.items(), key=lambda item: -item[1])[:20]:
        print(f"[soak]    {number:6} x {kind}, {when}")

    calm = [call for call in calls if call["fault"] == "NONE"]
    failed = sum(1 for call in calm if call["outcome"] == "failed")
    refused = sum(1 for call in calm if call["outcome"] == "refused")
    verdict.judge(len(calm) > 0 and failed == 0, f"{failed} of {len(calm)} calls without a fault failed")
    verdict.judge(refused <= len(calm) * 0.02, f"{refused} of them were refused for want of room (at most 2 %)")
    unexcused = [call for call in calls if call["outcome"] == "failed" and call["kind"] not in EXCUSED
                 and call["fault"] != "NONE"]
    verdict.judge(not unexcused, f"{len(unexcused)} of {len(calls) - len(calm)} calls during faults failed otherwise "
                  "than the storage did" + "".join(f"; {call['call']} {call['kind']} ({call['fault']})"
                                                   for call in unexcused[:5]))

    polled = [row for row in health if float(row["t"]) <= end]
    up = sum(1 for row in polled if row["status"] == "200")
    verdict.judge(len(polled) > end * 0.6 and up >= len(polled) * 0.995,
                  f"health answered UP within a second, {up} of {len(polled)} times (at least 99.5 %), the slowest "
                  f"of them in {max((float(row['took_s']) for row in polled if row['status'] == '200'), default=0)} s")

    print("[soak]    in the second half of the run")
    for column, name, part, number, short in DRIFTS:
        series = points(samples, column)
        found = drift(series, end)
        if found is None:
            verdict.judge(False, f"{name}: too few samples")
            continue
        level, growth = found
        bound = max(part * level, number if end >= 1200 else short)
        verdict.judge(growth <= bound, f"{name}: {level:.1f}, grew by {growth:+.1f} (at most {bound:.1f}); "
                      f"at most {max(value for _, value in series):.1f}")
    if about["killed"]:  # the kernel's limit, which counts other pages than the resident size
        verdict.judge(about["killed"] == "0", f"nothing was ended for want of memory ({about['killed']})")
    else:
        most = max((value for _, value in points(samples, "rss_mb")), default=0)
        verdict.judge(0 < most < limit, f"resident size stayed below {limit:.0f} MB: {most:.0f}")

    before, after = (next(iter(rows(folder, name)), None) for name in ("before.csv", "after.csv"))
    if before and after:
        print("[soak]    when the load has ended")
        for column, name, more in AFTER:
            was, now = float(before[column] or 0), float(after[column] or 0)
            verdict.judge(now <= was + more, f"{name}: {now:g}, {was:g} before it")
    else:
        verdict.judge(False, "nothing is known of the time after the load")
    verdict.judge(about["errors"] == "0", f"{about['errors']} errors in the log")
    if verdict.failed:
        print("[soak]    what the heap has gained")
        first, last = histogram(folder, "heap-first.txt"), histogram(folder, "heap-last.txt")
        gained = sorted(((size - first.get(kind, (0, 0))[1], count - first.get(kind, (0, 0))[0], kind)
                         for kind, (count, size) in last.items()), reverse=True)
        for size, count, kind in gained[:12]:
            print(f"[soak]    {size:+9} bytes {count:+7} {kind}")
    print("[soak] verdict: " + ("FAILED" if verdict.failed else "passed"))
    return 1 if verdict.failed else 0


# --- the plot ----------------------------------------------------------------------------------------------------------

COLOURS = ["#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d", "#72b7b2", "#e45756"]
SHADES = {"BUSY": "#fdd0a2", "CUT": "#fcbba1", "STALL": "#dadaeb", "SLOW": "#c6dbef", "FULL": "#c7e9c0",
          "DENIED": "#fee391", "GONE": "#d9d9d9"}
PANELS = [
    ("Resident size, MB", [("rss_mb", "resident"), ("group_mb", "of the limit, with page cache")]),
    ("Heap, MB", [("heap_mb", "used"), ("live_heap_mb", "after a collection"), ("nonheap_mb", "code and classes")]),
    ("Threads", [("threads", "threads")]),
    ("Descriptors", [("descriptors", "descriptors")]),
    ("Connections", [("server_connections", "of callers"), ("storage_connections", "to the storage"),
                     ("pool_leased", "in use")]),
    ("Off-heap memory, MB", [("allocated_mb", "batches"), ("budget_mb", "held of the budget"),
                             ("slabs_leased_mb", "slabs in use"), ("slabs_idle_mb", "slabs kept")]),
    ("Store: MB", [("store_mb", "objects")]),
    ("Store: files", [("store_files", "objects"), ("unfinished_uploads", "unfinished uploads"),
                      ("leftovers", "leftovers to be removed"), ("temporary_files", "temporary files")]),
]
LEFT, WIDTH, HEIGHT, GAP, TOP, BUCKETS = 56, 830, 92, 34, 66, 240


def buckets(series, end):
    found = [[] for _ in range(BUCKETS)]
    for t, value in series:
        if 0 <= t <= end:
            found[min(BUCKETS - 1, int(t / end * BUCKETS))].append(value)
    return [((number + 0.5) / BUCKETS * end, values) for number, values in enumerate(found) if values]


def text(x, y, content, anchor="start", size=11, colour="#333"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
            f'{content.replace("&", "&amp;").replace("<", "&lt;")}</text>')


def panel(y, title, lines, end, out):
    """Lines are (name, series of buckets): the median as a line, the least and the most as a shade."""
    most = max((max(values) for _, series in lines for _, values in series), default=1) or 1
    most *= 1.08
    x = lambda t: LEFT + t / end * WIDTH
    height = lambda value: y + HEIGHT - value / most * HEIGHT
    out.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>')
    out.append(text(LEFT, y - 7, title, size=12, colour="#000"))
    for part in (0, 0.5, 1):
        value = most / 1.08 * part
        out.append(text(LEFT - 5, height(value) + 4, f"{value:.3g}" if most < 10 else f"{value:.0f}", "end", 9))
    offset = LEFT + 200
    for number, (name, series) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        if any(len(values) > 1 for _, values in series):
            band = [f"{x(t):.1f},{height(max(v)):.1f}" for t, v in series]
            band += [f"{x(t):.1f},{height(min(v)):.1f}" for t, v in reversed(series)]
            out.append(f'<polygon points="{" ".join(band)}" fill="{colour}" fill-opacity="0.2"/>')
        line = " ".join(f"{x(t):.1f},{height(statistics.median(v)):.1f}" for t, v in series)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        out.append(f'<rect x="{offset}" y="{y - 15}" width="10" height="8" fill="{colour}"/>')
        out.append(text(offset + 14, y - 7, name, size=10))
        offset += 26 + 5.6 * len(name)


def plot(folder, target):
    samples, calls, faults = (rows(folder, name) for name in ("samples.csv", "calls.csv", "faults.csv"))
    about = dict(line.strip().split("=", 1) for line in open(os.path.join(folder, "about")))
    end = float(about["seconds"])
    count = len(PANELS) + 2
    total = TOP + count * (HEIGHT + GAP) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 14}" height="{total}" '
           'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
           text(10, 20, f"{end / 60:.0f} minutes in {float(about['limit_mb']):.0f} MB: medians, least and most of "
                f"{end / BUCKETS:.0f} s; shaded while the storage fails", size=14, colour="#000")]
    offset = LEFT
    for name, shade in SHADES.items():
        out.append(f'<rect x="{offset}" y="29" width="12" height="10" fill="{shade}"/>')
        out.append(text(offset + 16, 38, name.lower()))
        offset += 34 + 8 * len(name)
    bottom = TOP + count * (HEIGHT + GAP) - GAP
    for fault in faults:
        begin, until = float(fault["from_ms"]) / 1000, float(fault["until_ms"]) / 1000
        out.append(f'<rect x="{LEFT + begin / end * WIDTH:.1f}" y="{TOP}" width="{(until - begin) / end * WIDTH:.1f}" '
                   f'height="{bottom - TOP}" fill="{SHADES.get(fault["fault"], "#eee")}" fill-opacity="0.6"/>')
    y = TOP
    for title, columns in PANELS:
        panel(y, title, [(name, buckets(points(samples, column), end)) for column, name in columns], end, out)
        y += HEIGHT + GAP
    width = end / BUCKETS

    def rate(chosen):
        series = [0] * BUCKETS
        for call in chosen:
            t = float(call["start_ms"]) / 1000
            if t < end:
                series[int(t / end * BUCKETS)] += 1 / width
        return [((number + 0.5) * width, [value]) for number, value in enumerate(series)]

    panel(y, "Calls per second", [("answered as they should be", rate(c for c in calls if c["outcome"] == "ok")),
                                  ("not", rate(c for c in calls if c["outcome"] != "ok"))], end, out)
    y += HEIGHT + GAP
    kinds = {}
    for call in calls:
        if call["outcome"] != "ok":
            kinds[call["kind"]] = kinds.get(call["kind"], 0) + 1
    often = sorted(kinds, key=lambda kind: -kinds[kind])[:5]
    lines = [(f"{kind} ({kinds[kind]})", rate(c for c in calls if c["outcome"] != "ok" and c["kind"] == kind))
             for kind in often]
    rest = sum(number for kind, number in kinds.items() if kind not in often)
    if rest:
        lines.append((f"others ({rest})", rate(c for c in calls if c["outcome"] != "ok" and c["kind"] not in often)))
    panel(y, "Errors per second, by kind", lines, end, out)
    step = next(s for s in (1, 2, 5, 10, 20, 60) if end / 60 / s <= 12)
    for minute in range(0, int(end / 60) + 1, step):
        out.append(text(LEFT + minute * 60 / end * WIDTH, bottom + 14, f"{minute} min", "middle", 10))
    out.append("</svg>")
    with open(target, "w") as file:
        file.write("\n".join(out) + "\n")


def settled(folder):
    before, after = (rows(folder, name)[0] for name in ("before.csv", "after.csv"))
    return 0 if all(float(after[column] or 0) <= float(before[column] or 0) + more for column, _, more in AFTER) else 1


commands = {"judge": judge, "settled": settled, "plot": plot}
sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
