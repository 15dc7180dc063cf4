# Sourced by ../interop: connections that carry calls one after the other, over standard streams and Unix sockets.

pipes_part() {
  local code=0 release
  for release in flat newest; do
    suite "pipes-$release" "$release" "$parts/pipes/test_pipes.py" "$@" || code=1
    pipes_client "$release" || code=1
  done
  pipes_page || code=1
  return $code
}

# pipes_client RELEASE: our client against the reference's worker, inline and with every batch in storage
pipes_client() {
  local code=0 release=$1 venv inline stored
  venv=$(environment "$release")
  say "pipes: our client, worker of vgi-rpc $("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("vgi-rpc"))')"
  started "$venv/bin/python" -m vgi_rpc.conformance.fake_storage || return 1
  inline=("$venv/bin/vgi-rpc-conformance")
  stored=("${inline[@]}" --fake-storage "$address" --externalize-threshold 1)
  # The older release's command stores nothing.
  [ "$release" = newest ] ||
    stored=("$venv/bin/python" -B "$parts/reference_server.py" --fake-storage "$address" --threshold 1)
  rows "pipe-$release" "pipe:${inline[*]} --pipe" storage || code=1
  rows "pipe-$release-stored" "pipe:${stored[*]} --pipe" || code=1
  started "${inline[@]}" --unix "$run/$release.sock" && rows "unix-$release" "$address" storage || code=1
  started "${stored[@]}" --unix "$run/$release-stored.sock" && rows "unix-$release-stored" "$address" || code=1
  return $code
}

# pipes_page: the programs of docs/workers.md, as they stand there
pipes_page() {
  local code=0 venv jar page=$run/page
  venv=$(environment newest)
  mkdir "$page"
  "$venv/bin/python" -B "$parts/pipes/page.py" "$here/../docs/workers.md" "$page" || return 1
  say "pipes: the programs of docs/workers.md"
  expect Spring "2.5" program dev.vgi.external.workers.ModelApplication --spring.main.web-application-type=none \
    "--vgi.rpc.workers.model.command=$venv/bin/python,-B,$page/worker.py" || code=1
  jar=$(sample_jar) || return 1
  expect client.py "8323 flights" bounded 120 "$venv/bin/python" -B "$page/client.py" "$jar" || code=1
  listening "$run/flights" java -jar "$jar" --vgi.rpc.unix.path="$run/flights" --spring.main.web-application-type=none &&
    FLIGHTS=$run/flights expect program.py "8323 flights" bounded 120 "$venv/bin/python" -B "$page/program.py" || code=1
  return $code
}

# listening SOCKET COMMAND...: starts what makes the socket, and waits for that; it is ended with the run
listening() {
  local socket=$1 log=$run/listening.log pid try
  shift
  setsid "$@" >"$log" 2>&1 9>&- &
  pid=$!
  touch "$run/pids/$pid"
  for ((try = 0; try < 600; try++)); do
    [ ! -S "$socket" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  say "no socket from: $*" >&2
  tail -n 20 "$log" >&2
  return 1
}

# expect NAME LINE COMMAND...: the program succeeds, and its output has the line
expect() {
  local name=$1 line=$2
  shift 2
  if "$@" >"$run/page-$name.out" 2>"$run/page-$name.log" && grep -qxF "$line" "$run/page-$name.out"; then
    say "pipes: $name: $line"
    return 0
  fi
  say "pipes: $name FAILED"
  tail -n 20 "$run/page-$name.out" "$run/page-$name.log" >&2
  return 1
}
