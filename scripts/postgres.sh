#!/usr/bin/env bash
# Installs PostgreSQL for the tests of `knowmvg listen`, if it is missing, where this is Debian and run by root.
#
#   scripts/postgres.sh
#
# The tests start servers of their own, in temporary folders. Where it can't be installed, they say by name what they skip.
set -euo pipefail

skip() {
  printf 'SKIPPED: the queue in PostgreSQL: %s\n' "$*"
  exit 0
}

is_there() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

is_there && exit 0
command -v apt-get >/dev/null || skip "it needs PostgreSQL, and this is no Debian"
[ "$(id -u)" = 0 ] || skip "it needs PostgreSQL; install it, or run this as root"
# Debian starts services when they are installed, and makes a database; neither is wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null ||
  skip "it could not be installed"
is_there || skip "its programs are not where they should be"
