"""Watches a service under load for .ci/soak: writes samples.csv, health.csv and two histograms of the heap.

    watch.py PID URL MANAGEMENT-URL FOLDER --storage-port P... --objects FOLDER --temporary FOLDER [--group FOLDER] [--limit BYTES]
             --collect SECONDS

Ends when FOLDER/stop exists. Also does what the lifecycle rule of a bucket does: removes objects that are too old.
"""
import argparse, csv, json, os, re, signal, subprocess, sys, threading, time, urllib.error, urllib.request

EVERY = 2          # seconds between two samples
KEPT = 120         # seconds for which the bucket keeps an object
MB = 1 << 20  # as in the settings
FIELDS = ["t", "rss_mb", "group_mb", "heap_mb", "live_heap_mb", "nonheap_mb", "threads", "descriptors",
          "server_connections", "storage_connections", "pool_leased", "slabs_leased_mb", "slabs_idle_mb",
          "allocated_mb", "buffers", "budget_mb", "budget_waiting", "leftovers", "store_mb", "store_files",
          "unfinished_uploads", "temporary_files", "temporary_mb", "processor_s"]


def fetch(url, timeout):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


class Watch:
    def __init__(self, options):
        self.options = options
        self.began = options.began or time.time()
        self.metrics, self.transfers = {}, {}

    def now(self):
        return time.time() - self.began

    # --- the kernel's view

    def status(self, name):
        with open(f"/proc/{self.options.pid}/status") as lines:
            for line in lines:
                if line.startswith(name + ":"):
                    return int(line.split()[1])

    def sockets(self):
        """How many connections the process has to the storage, and how many from its callers."""
        own = set()
        for fd in os.listdir(f"/proc/{self.options.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{self.options.pid}/fd/{fd}")
            except OSError:
                continue
            if target.startswith("socket:["):
                own.add(target[8:-1])
        served = storage = 0
        port = int(re.search(r":(\d+)", self.options.url[7:]).group(1))
        for table in ("tcp", "tcp6"):
            try:
                with open(f"/proc/{self.options.pid}/net/{table}") as lines:
                    next(lines)
                    for line in lines:
                        parts = line.split()
                        if parts[9] not in own or parts[3] == "0A":
                            continue
                        local, remote = (int(parts[n].rsplit(":", 1)[1], 16) for n in (1, 2))
                        served += local == port
                        storage += remote in self.options.storage_port
            except OSError:
                pass
        return served, storage

    def group(self):
        for name in ("memory.usage_in_bytes", "memory.current"):
            try:
                with open(os.path.join(self.options.group, name)) as value:
                    return int(value.read()) / MB
            except OSError:
                pass
        return ""

    # --- the service's view

    def scrape(self):
        metrics = {}
        for line in fetch(self.options.management + "/actuator/prometheus", 5).splitlines():
            match = re.match(r"([a-z_]+)(\{.*\})? (\S+)$", line)
            if match:
                metrics.setdefault(match.group(1), []).append((match.group(2) or "", float(match.group(3))))
        self.metrics = metrics
        self.transfers = json.loads(fetch(self.options.management + "/actuator/vgiexternal", 5))

    def meter(self, name, labels=""):
        return sum(value for tags, value in self.metrics.get(name, []) if labels in tags)

    # --- the bucket

    def bucket(self):
        """Bytes and files of the bucket, and uploads that were neither completed nor aborted."""
        size = files = unfinished = 0
        oldest = time.time() - KEPT
        for folder, folders, names in os.walk(self.options.objects):
            if os.path.basename(folder) == "multipart":
                unfinished += sum(len(os.listdir(os.path.join(folder, name))) for name in folders)
            for name in names:
                path = os.path.join(folder, name)
                try:
                    about = os.stat(path)
                    if about.st_mtime < oldest and ".sgwtmp" not in path:
                        os.remove(path)
                    else:
                        size += about.st_size
                        files += 1
                except OSError:
                    pass
        return size / MB, files, unfinished

    def temporary(self):
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self.options.temporary) for name in names]
        sizes = 0
        for path in paths:
            try:
                sizes += os.stat(path).st_size
            except OSError:
                pass
        return len(paths), sizes / MB

    # --- the heap, after a collection

    def histogram(self):
        text = subprocess.run([self.options.jcmd, str(self.options.pid), "GC.class_histogram"], capture_output=True,
                              text=True, timeout=30).stdout
        counts = {}
        for line in text.splitlines():
            match = re.match(r"\s*\d+:\s+(\d+)\s+(\d+)\s+(\S+)", line)
            if match:
                counts[match.group(3)] = (int(match.group(1)), int(match.group(2)))
        if not counts:
            return "", ""
        name = "last" if os.path.exists(os.path.join(self.options.folder, "heap-first.txt")) else "first"
        if not self.options.once and (name == "last" or self.now() > self.options.warm):
            with open(os.path.join(self.options.folder, f"heap-{name}.txt"), "w") as out:
                for kind, (instances, size) in counts.items():
                    out.write(f"{kind} {instances} {size}\n")
        return (sum(size for _, size in counts.values()) / MB,
                counts.get("org.apache.arrow.memory.BufferLedger", (0, 0))[0])

    def sample(self, collect):
        try:
            self.scrape()
        except (OSError, ValueError):
            pass  # the last ones then
        live, buffers = "", ""
        if collect:
            try:
                live, buffers = self.histogram()
            except (subprocess.SubprocessError, OSError):
                pass
        served, storage = self.sockets()
        store, files, unfinished = self.bucket()
        left, left_size = self.temporary()
        transfers, meter = self.transfers, self.meter
        with open(f"/proc/{self.options.pid}/stat") as stat:
            ticks = stat.read().rsplit(")", 1)[1].split()
        values = [self.now(), self.status("VmRSS") * 1024 / MB, self.group() if self.options.group else "",
                  meter("jvm_memory_used_bytes", 'area="heap"') / MB, live,
                  meter("jvm_memory_committed_bytes", 'area="nonheap"') / MB, self.status("Threads"),
                  len(os.listdir(f"/proc/{self.options.pid}/fd")), served, storage,
                  transfers.get("connections", {}).get("leased", 0),
                  transfers.get("slabs", {}).get("leased", 0) / MB, transfers.get("slabs", {}).get("pooled", 0) / MB,
                  meter("vgi_external_allocated_bytes") / MB, buffers, meter("vgi_external_in_flight_bytes") / MB,
                  meter("vgi_external_budget_waiting"), meter("vgi_external_leftovers"), store, files, unfinished,
                  left, left_size, (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")]
        return [round(value, 3) if isinstance(value, float) else value for value in values]

    def stopped(self):
        return os.path.exists(os.path.join(self.options.folder, "stop")) or not os.path.exists(
            f"/proc/{self.options.pid}")

    def health(self):
        """Every second, and an answer takes at most one."""
        with open(os.path.join(self.options.folder, "health.csv"), "w") as out:
            out.write("t,status,took_s\n")
            while not self.stopped():
                begun = time.monotonic()
                try:
                    with urllib.request.urlopen(self.options.management + "/actuator/health/liveness", timeout=1) as answer:
                        status = answer.status
                except urllib.error.HTTPError as error:
                    status = error.code
                except OSError:
                    status = 0
                took = time.monotonic() - begun
                out.write(f"{self.now():.1f},{status},{took:.3f}\n")
                out.flush()
                time.sleep(max(0, 1 - took))

    def run(self):
        threading.Thread(target=self.health, daemon=True).start()
        with open(os.path.join(self.options.folder, "samples.csv"), "w") as file:
            out = csv.writer(file)
            out.writerow(FIELDS)
            collected = -1e9
            while not self.stopped():
                due = self.now() + EVERY
                collect = self.now() - collected >= self.options.collect
                if collect:
                    collected = self.now()
                try:
                    out.writerow(self.sample(collect))
                except (OSError, TypeError):
                    continue  # it has just ended
                file.flush()
                if self.options.limit and self.status("VmRSS") * 1024 > self.options.limit:
                    print("the service has more than its limit", flush=True)
                    os.kill(self.options.pid, signal.SIGKILL)
                time.sleep(max(0.1, due - self.now()))


parser = argparse.ArgumentParser()
parser.add_argument("pid", type=int)
parser.add_argument("url")
parser.add_argument("management")
parser.add_argument("folder")
parser.add_argument("--storage-port", type=int, nargs="+", default=[])
parser.add_argument("--objects", required=True)
parser.add_argument("--temporary", required=True)
parser.add_argument("--group", default="")
parser.add_argument("--limit", type=int, default=0)
parser.add_argument("--began", type=float, default=0)
parser.add_argument("--collect", type=float, default=60)
parser.add_argument("--warm", type=float, default=0)
parser.add_argument("--jcmd", default="jcmd")
parser.add_argument("--once", action="store_true")
watched = Watch(parser.parse_args())
if watched.options.once:
    csv.writer(sys.stdout).writerows([FIELDS, watched.sample(True)])
else:
    watched.run()
