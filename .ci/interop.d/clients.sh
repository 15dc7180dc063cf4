# Sourced by ../interop: our client against the servers of others, and the clients of others against our worker.

# started COMMAND... -> the address that it printed as PORT:<n> or UNIX:<path>; its process group is ended with the run
started() {
  local log=$run/server-$((servers += 1)).log pid try
  : >"$log"
  setsid "$@" >"$log" 2>&1 9>&- &
  pid=$!
  touch "$run/pids/$pid"
  for ((try = 0; try < 300; try++)); do
    address=$(sed -n 's#^PORT:\([0-9][0-9]*\).*#http://127.0.0.1:\1#p; s#^UNIX:#unix:#p' "$log" | head -n 1)
    case $address in
      http:*) return 0 ;;
      unix:*) [ ! -S "${address#unix:}" ] || return 0 ;; # the older release says so before it listens
    esac
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  say "no address from: $*" >&2
  tail -n 20 "$log" >&2
  return 1
}
servers=0
address=

# program MAIN-CLASS ARGUMENT...: one of the test sources
program() {
  local module=$here/../vgi-external-autoconfigure
  if [ ! -s "$module/target/test-classpath.txt" ] || [ ! -d "$module/target/test-classes" ]; then
    (cd "$here/.." && mvn -B -ntp -q -pl vgi-external-autoconfigure test-compile) >&2
  fi
  bounded 240 java --add-opens=java.base/java.nio=ALL-UNNAMED --enable-native-access=ALL-UNNAMED \
    -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m \
    -cp "$module/target/test-classes:$module/target/classes:$(cat "$module/target/test-classpath.txt")" "$@"
}

# rows NAME ADDRESS WITHOUT...: our client's rows against one server
rows() {
  program dev.vgi.external.conformance.ClientConformance "$@" 2>"$run/client-$1.log" && return 0
  tail -n 20 "$run/client-$1.log" >&2
  return 1
}

# the npm package and a newer Node beside the installed one, in the cache -> the folder
typescript_environment() {
  local home=$cache/typescript arch wanted
  command -v npm >/dev/null && command -v node >/dev/null || die "no node and npm found"
  case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) die "no newer Node for $(uname -m)" ;; esac
  wanted="$(cat "$parts/typescript/package.json") $arch $NEWER_NODE"
  mkdir -p "$home"
  exec 9>"$cache/typescript.lock"
  flock 9
  if [ -n "${VGI_INTEROP_REFRESH:-}" ] || [ "$(cat "$home/.ready" 2>/dev/null)" != "$wanted" ]; then
    say "installing the TypeScript package into $home" >&2
    rm -rf "$home" && mkdir -p "$home"
    cp "$parts/typescript/package.json" "$home/"
    # No install scripts: the Node of the second package is a plain binary.
    retry 4 npm --prefix "$home" install --silent --no-audit --no-fund --ignore-scripts --fetch-retries 5 \
      "node-linux-$arch@$NEWER_NODE" >&2 || die "could not install the TypeScript package"
    printf '%s\n' "$wanted" >"$home/.ready"
  fi
  cp "$parts"/typescript/*.mjs "$home/"
  exec 9>&-
  ln -sfn "node_modules/node-linux-$arch/bin/node" "$home/newer-node"
  printf '%s\n' "$home"
}
NEWER_NODE=24

client_part() {
  local code=0 release venv home
  for release in flat newest; do
    venv=$(environment "$release")
    say "client: our client, server of vgi-rpc $("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("vgi-rpc"))')"
    started "$venv/bin/python" -B "$parts/reference_server.py" && rows "python-$release" "$address" || code=1
  done
  started "$venv/bin/python" -B "$parts/reference_server.py" --threshold 1 --zstd && rows python-all-zstd "$address" ||
    code=1
  home=$(typescript_environment)
  say "client: our client, TypeScript server on Node $(node --version)"
  # The types of the reference that the TypeScript package has no shorthand for.
  started node "$home/server.mjs" && rows typescript "$address" types rich-header || code=1
  return $code
}

typescript_part() {
  local code=0 home node
  [ -x "$VGI_CONFORMANCE_WORKER" ] || die "no executable worker at $VGI_CONFORMANCE_WORKER"
  home=$(typescript_environment)
  for node in node "$home/newer-node"; do
    say "typescript: TypeScript client on Node $("$node" --version), our worker"
    bounded 180 "$node" "$home/client.mjs" "$VGI_CONFORMANCE_WORKER" || code=1
  done
  return $code
}

# a Chromium -> its executable: one that is there, or else the distribution's
find_chromium() {
  local candidate
  for candidate in ${VGI_INTEROP_CHROMIUM:+"$VGI_INTEROP_CHROMIUM"} chromium chromium-browser google-chrome; do
    command -v "$candidate" && return 0
  done
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
  say "no Chromium found; installing the distribution's" >&2
  export DEBIAN_FRONTEND=noninteractive
  retry 3 apt-get -qq update >&2 && retry 3 apt-get -qq install -y --no-install-recommends chromium >&2 || return 1
  command -v chromium
}

browser_part() {
  local code=0 chromium home compression
  if ! chromium=$(find_chromium); then
    say "browser: SKIPPED, as no Chromium is here or could be installed (VGI_INTEROP_CHROMIUM names one)" >&2
    [ -z "${VGI_INTEROP_REQUIRE_BROWSER:-}" ]
    return
  fi
  [ -x "$VGI_CONFORMANCE_WORKER" ] || die "no executable worker at $VGI_CONFORMANCE_WORKER"
  home=$(typescript_environment)
  "$home/node_modules/.bin/esbuild" "$home/page.mjs" --bundle --format=esm --log-level=warning --outfile="$run/page.js" ||
    return 1
  say "browser: TypeScript client in $("$chromium" --version 2>/dev/null), our worker"
  for compression in none zstd; do
    bounded 120 node "$home/browser.mjs" "$VGI_CONFORMANCE_WORKER" "$chromium" "$run/page.js" "$run" "$compression" || code=1
  done
  return $code
}

readers_part() {
  local code=0 venv home compression
  [ -x "$VGI_CONFORMANCE_WORKER" ] || die "no executable worker at $VGI_CONFORMANCE_WORKER"
  venv=$(environment newest)
  home=$(typescript_environment)
  say "readers: vgi-rpc, pyarrow, curl and TypeScript, our worker's result sets"
  for compression in none zstd; do
    bounded 120 "$venv/bin/python" -B "$parts/readers_client.py" "$compression" node "$home/table.mjs" || code=1
  done
  return $code
}
