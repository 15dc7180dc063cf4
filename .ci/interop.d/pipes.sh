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
  jar=$(sample_jar) || return 1
  expect client.py "[0-9]+ flights" "$venv/bin/python" -B "$page/client.py" "$jar" || code=1
  expect Spring "2.5" program dev.vgi.external.workers.ModelApplication \
    "--vgi.rpc.workers.model.command=$venv/bin/python,$page/worker.py" || code=1
  expect "plain Java" "2.5" program dev.vgi.external.workers.PlainModel "$venv/bin/python" "$page/worker.py" || code=1
  return $code
}

# expect NAME LINE COMMAND...: the program succeeds, and a line of its output is LINE, an extended regular expression
expect() {
  local name=$1 line=$2
  shift 2
  if bounded 60 "$@" >"$run/page-$name.out" 2>"$run/page-$name.log" && grep -qxE "$line" "$run/page-$name.out"; then
    say "pipes: $name: $(grep -xE "$line" "$run/page-$name.out")"
    return 0
  fi
  say "pipes: $name FAILED"
  tail -n 20 "$run/page-$name.out" "$run/page-$name.log" >&2
  return 1
}
