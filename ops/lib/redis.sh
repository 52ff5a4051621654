# shellcheck shell=bash
# Redis: on this machine or elsewhere.
# shellcheck source=common.sh source-path=SCRIPTDIR source-path=SCRIPTDIR/../lib
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

# redis_url: where the edge's Redis is, empty with files as the store.
redis_url() {
  local store host
  store=$(environment_value EDGE_STORE)
  host=$(environment_value BLOT_REDIS_HOST)
  if [[ -z $store && -n $host ]]; then
    [[ $host == *:* ]] || host=$host:6379
    store=redis://$host
  fi
  case $store in redis://* | rediss://*) printf '%s\n' "$store" ;; esac
}

# What may be shown of such a URL.
mask_redis() {
  sed -E 's#(://[^@/]*:)[^@/]*@#\1***@#' <<<"$1"
}

# ask_redis COMMAND…: an error that Redis answers is an error here. The password goes by the environment: `ps` shows the words.
ask_redis() {
  local url=${redis_at-} rest user='' host
  [[ -n $url ]] || url=$(redis_url)
  rest=${url#*://}
  if [[ $rest == *@* ]]; then
    user=${rest%%@*}
    rest=${rest#*@}
  fi
  host=${rest%%/*}
  local words=(-h "${host%:*}" -p "${host##*:}" -e)
  [[ $host == *:* ]] || words=(-h "$host" -p 6379 -e)
  [[ $rest != */* || -z ${rest#*/} ]] || words+=(-n "${rest#*/}")
  [[ $url != rediss://* ]] || words+=(--tls)
  [[ -z ${user%%:*} ]] || words+=(--user "$(decode_percent "${user%%:*}")")
  if [[ $user == *:* ]]; then
    local -x REDISCLI_AUTH
    REDISCLI_AUTH=$(decode_percent "${user#*:}")
  fi
  redis-cli "${words[@]}" "$@"
}

decode_percent() {
  printf '%b' "${1//%/\\x}"
}

# redis_setting NAME: of CONFIG GET.
redis_setting() {
  ask_redis --raw config get "$1" | sed -n 2p
}

redis_info() {
  ask_redis info "$1" | tr -d '\r' | sed -n "s/^$2://p"
}

# Is a snapshot being written now?
is_saving() {
  [[ $(redis_info persistence rdb_bgsave_in_progress) == 1 ]]
}

# bgsave_and_wait: resolves once a snapshot that began after this call is on the disk.
bgsave_and_wait() {
  local before
  require_commands redis-cli
  # One that is under way began before, and is not ours.
  wait_until 3600 redis_is_quiet || fail 'Redis is saving for an hour already'
  before=$(ask_redis lastsave)
  # LASTSAVE counts in seconds: the next one has to differ.
  wait_until 5 second_is_over "$before" || true
  ask_redis bgsave >/dev/null
  wait_until 3600 redis_is_quiet || fail 'Redis did not end its snapshot within an hour'
  [[ $(redis_info persistence rdb_last_bgsave_status) == ok && $(ask_redis lastsave) != "$before" ]] ||
    fail 'Redis could not save: see its log, and df -h'
}

redis_is_quiet() {
  ! is_saving
}

second_is_over() {
  (($(date +%s) > $1))
}

# save_redis FILE: what Redis holds, as of one moment; checked.
save_redis() {
  local file directory
  bgsave_and_wait
  directory=$(redis_setting dir)
  file=$directory/$(redis_setting dbfilename)
  if is_local_redis && [[ -f $file ]]; then
    cp -- "$file" "$1"
  else
    ask_redis --rdb "$1" >/dev/null
  fi
  if command -v redis-check-rdb >/dev/null; then
    redis-check-rdb "$1" >/dev/null || fail "the copy of Redis is damaged"
  fi
}

is_local_redis() {
  local url host
  url=${redis_at-$(redis_url)}
  host=${url#*://}
  host=${host#*@}
  case ${host%%[:/]*} in 127.0.0.1 | localhost) return 0 ;; esac
  return 1
}
