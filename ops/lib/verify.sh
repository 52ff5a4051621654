# shellcheck shell=bash disable=SC2154 # part of deploy
# What visitors are shown, before and after: certificates, and a page for each kind of site.

edge_address() {
  local address
  address=$(environment_value EDGE_ADDRESS ::)
  case $address in
  :: | 0.0.0.0) echo 127.0.0.1 ;;
  *) printf '%s\n' "$address" ;;
  esac
}

# certificates FILE: `NAME SERIAL` of each active certificate in the store, by name.
list_certificates() {
  "$current/bin/blot-edge" certificates list --json --state active |
    jq --raw-output 'select(.serial != null and (.name | startswith("*.") | not)) | .name + " " + .serial' | sort >"$1"
}

# presented FILE NAMES: `NAME SERIAL` of what a handshake gets for each of the names, several at a time.
list_presented() {
  local address port
  address=$(edge_address)
  port=$(environment_value EDGE_HTTPS_PORT 443)
  # shellcheck disable=SC2016 # it is the inner shell that expands
  cut --delimiter=' ' --fields=1 "$2" | xargs --no-run-if-empty --max-args=1 --max-procs=4 sh -c '
    serial=$(timeout 20 openssl s_client -connect "$0" -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null)
    printf "%s %s\n" "$1" "${serial#serial=}"' "$([[ $address == *:* ]] && echo "[$address]:$port" || echo "$address:$port")" | sort >"$1"
}

# One page for each kind of site: the site itself, its cdn, a handle, a domain.
list_pages() {
  local host
  host=$(environment_value BLOT_HOST)
  printf 'https://%s/\nhttp://%s/\nhttps://cdn.%s/\n' "$host" "$host" "$host"
  cut --delimiter=' ' --fields=1 "$1" | grep --max-count=1 --fixed-strings ".$host" | sed 's#.*#https://&/#' || true
  cut --delimiter=' ' --fields=1 "$1" | grep --max-count=1 --invert-match --fixed-strings "$host" | sed 's#.*#https://&/#' || true
}

# statuses FILE URLS: `URL STATUS` of each.
list_statuses() {
  local address url host http https
  address=$(edge_address)
  http=$(environment_value EDGE_HTTP_PORT 80)
  https=$(environment_value EDGE_HTTPS_PORT 443)
  while read -r url; do
    host=${url#*://}
    host=${host%%/*}
    printf '%s %s\n' "$url" "$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 --insecure --noproxy '*' \
      --connect-to "$host:443:$address:$https" --connect-to "$host:80:$address:$http" "$url")"
  done <"$2" >"$1"
}

# snapshot FOLDER [NAMES]: what is shown now; of the names of another snapshot where they are given.
take_snapshot() {
  mkdir --parents -- "$1"
  list_certificates "$1/stored"
  list_presented "$1/presented" "${2-$1}/stored"
  list_pages "${2-$1}/stored" >"$1/pages"
  list_statuses "$1/statuses" "$1/pages"
}

# compare_snapshots BEFORE AFTER: says what differs. A certificate that was renewed meanwhile is the one in the store.
# @returns 1 when anything does.
compare_snapshots() {
  local before=$1 after=$2 differing
  differing=$(comm -23 "$before/presented" "$after/presented" | while read -r name _; do
    grep --line-regexp --fixed-strings --quiet "$(grep --max-count=1 "^$name " "$after/presented")" "$after/stored" || printf '%s\n' "$name"
  done)
  if [[ -n $differing ]]; then
    report fault "other certificates than before: $(tr '\n' ' ' <<<"$differing" | cut --characters=1-300)"
  fi
  if ! cmp --silent "$before/statuses" "$after/statuses"; then
    report fault "pages answer otherwise: $(diff "$before/statuses" "$after/statuses" | sed -n 's/^[<>] /&/p' | tr '\n' ' ' | cut --characters=1-300)"
    return 1
  fi
  [[ -z $differing ]]
}
