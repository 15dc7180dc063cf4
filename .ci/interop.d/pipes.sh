# Sourced by ../interop: connections that carry calls one after the other, over standard streams and Unix sockets.

pipes_part() {
  local code=0 release
  for release in flat newest; do
    suite "pipes-$release" "$release" "$parts/pipes/test_pipes.py" "$@" || code=1
  done
  return $code
}
