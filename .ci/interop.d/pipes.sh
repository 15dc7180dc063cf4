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
  stored=("${inline[@]}" --fake-storage "http://127.0.0.1:$port" --externalize-threshold 1)
  # The older release's command stores nothing.
  [ "$release" = newest ] ||
    stored=("$venv/bin/python" -B "$parts/reference_server.py" --fake-storage "http://127.0.0.1:$port" --threshold 1)
  rows "pipe-$release" "pipe:${inline[*]} --pipe" storage || code=1
  rows "pipe-$release-stored" "pipe:${stored[*]} --pipe" || code=1
  started "${inline[@]}" --unix "$run/$release.sock" && rows "unix-$release" "unix:$port" storage || code=1
  started "${stored[@]}" --unix "$run/$release-stored.sock" && rows "unix-$release-stored" "unix:$port" || code=1
  return $code
}

# pipes_page: the programs of docs/workers.md, as they stand there
pipes_page() {
  local code=0 venv jar page=$run/page flights
  venv=$(environment newest)
  mkdir "$page"
  "$venv/bin/python" -B "$parts/pipes/page.py" "$here/../docs/workers.md" "$page"
  say "pipes: the sample as the worker of a Python program, and a Python worker, as on docs/workers.md"
  if jar=$(sample_jar); then
    flights=$(cd "$page" && PATH=$venv/bin:$PATH bounded 60 python3 -B client.py "$jar" 2>"$run/page-client.log") || code=1
    say "pipes: client.py: $flights"
  else
    code=1
  fi
  return $code
}
