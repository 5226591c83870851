# A server of PostgreSQL for as long as somebody holds this script's standard input: folder, programs, port, settings...
# A line means: stop, as at a loss of power. Its end means: stop, and leave nothing.
set -e
umask 077
folder=$1 programs=$2 port=$3
shift 3
if [ ! -d "$folder/data" ]; then
  mkdir -p "$folder"
  printf %s "$PASSWORD" >"$folder/password"
  "$programs/initdb" -D "$folder/data" -U knowmvg -E UTF8 --no-locale --no-sync -A scram-sha-256 \
    --pwfile="$folder/password" >"$folder/initdb.log" 2>&1
  printf %s "$CERTIFICATE" >"$folder/data/server.crt"
  printf %s "$KEY" >"$folder/data/server.key"
fi
"$programs/postgres" -D "$folder/data" -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 "$@" >>"$folder/server.log" 2>&1 &
server=$!
if read -r _; then
  kill -QUIT $server
  wait $server || true
else
  kill -QUIT $server
  wait $server || true
  rm -rf "$folder"
fi
