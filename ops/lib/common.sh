# shellcheck shell=bash disable=SC2034 # scripts use what is unused here
# What every script of ops is built on: help, options, messages, dry runs, cleaning up, locks. See ops/README.md.

[[ $(type -t read_options) != function ]] || return 0 # once, whoever asks for it

script_path=$(readlink -f -- "$0")
# The folder of this release.
release=$(dirname -- "$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")")

# Options as they were given: ${option[dry-run]}, ${option[host]}; the words without a dash are in `arguments`.
declare -A option=()
declare -a arguments=()
dry_run=false

# read_options 'check host= all' "$@"
# A name with `=` takes a value (--host NAME or --host=NAME), the others are true or absent. --help and --dry-run are
# known to every script. What is unknown is wrong usage.
read_options() {
  local known=" $1 help dry-run " word name
  shift
  while (($# > 0)); do
    word=$1
    shift
    case $word in
    --)
      arguments+=("$@")
      break
      ;;
    -h) word=--help ;;
    -n) word=--dry-run ;;
    -?*) ;;
    *)
      arguments+=("$word")
      continue
      ;;
    esac
    name=${word#--}
    name=${name%%=*}
    if [[ $known == *" $name= "* ]]; then
      if [[ $word == *=* ]]; then
        option[$name]=${word#*=}
      else
        (($# > 0)) || wrong_usage "--$name needs a value"
        option[$name]=$1
        shift
      fi
    elif [[ $word == --"$name" && $known == *" $name "* ]]; then
      option[$name]=true
    else
      wrong_usage "unknown option $word"
    fi
  done
  if [[ ${option[help]-} == true ]]; then
    print_help
    exit 0
  fi
  dry_run=${option[dry-run]-false}
}

# The comment at the head of the script is its help.
print_help() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$script_path"
}

if [[ -t 2 && -z ${NO_COLOR-} ]]; then
  colour_bad=$'\e[31m' colour_good=$'\e[32m' colour_notice=$'\e[33m' colour_end=$'\e[0m'
else
  colour_bad='' colour_good='' colour_notice='' colour_end=''
fi

# What was found or done, on standard output, one line each: report ok|did|would|run|warn|fault TEXT
report() {
  local colour=$colour_good
  case $1 in
  would | warn) colour=$colour_notice ;;
  fault) colour=$colour_bad ;;
  esac
  [[ -t 1 ]] || colour=''
  printf '%s%-6s%s %s\n' "$colour" "$1" "${colour:+$colour_end}" "$2"
}

warn() {
  printf '%s: %s%s%s\n' "${0##*/}" "$colour_notice" "$*" "$colour_end" >&2
}

# A fault, explained. @exits 1
fail() {
  printf '%s: %s%s%s\n' "${0##*/}" "$colour_bad" "$*" "$colour_end" >&2
  exit 1
}

# @exits 2
wrong_usage() {
  printf '%s: %s: see %s --help\n' "${0##*/}" "$*" "$0" >&2
  exit 2
}

# run COMMAND…: does it and says so; in a dry run it only says what it would do.
run() {
  local words
  printf -v words '%q ' "$@"
  if [[ $dry_run == true ]]; then
    report would "${words% }"
    return 0
  fi
  report run "${words% }"
  "$@"
}

require_root() {
  ((EUID == 0)) || fail "this has to be run as root: sudo $0"
}

# require_commands PROGRAM…: all that are missing, at once.
require_commands() {
  local name missing=()
  for name; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || fail "not installed: ${missing[*]}"
}

# if_killed COMMAND [WORD…]: on_exit for kill -9, where it is somebody else who waits for the end of this script.
declare -a watchers=()
if_killed() {
  (
    [[ -z $lock_fd ]] || exec {lock_fd}>&-
    # shellcheck disable=SC2016 # it is the inner shell that expands
    exec setsid sh -c 'tail --pid="$0" --follow /dev/null; "$@"' "$$" "$@" </dev/null >/dev/null 2>&1
  ) &
  watchers+=("$!")
}

# What is being done, for the message if it fails.
under_way=''

# on_exit COMMAND: also after a failure and after a signal; the last one that was given is the first that is run.
declare -a exit_commands=()
on_exit() {
  exit_commands=("$1" "${exit_commands[@]}")
}

run_exit_commands() {
  local status=$? command
  trap - EXIT
  set +e
  [[ $status == 0 || -z $under_way ]] || warn "failed: $under_way"
  for command in "${exit_commands[@]}"; do
    eval "$command"
  done
  # What they stood by for has been done.
  ((${#watchers[@]} == 0)) || kill "${watchers[@]}" 2>/dev/null
  exit "$status"
}
trap run_exit_commands EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# hold_lock NAME: one at a time on this machine; it is let go of when the script ends, however it ends. A process that
# outlives the script must close $lock_fd.
lock_fd=''
hold_lock() {
  local file=/run/blot/$1.lock
  [[ -d /run/blot ]] || mkdir --mode 700 /run/blot
  exec {lock_fd}>>"$file"
  flock --nonblock "$lock_fd" || fail "another one is at work (it holds $file): wait for it to end"
}

# wait_until SECONDS COMMAND…: asks every quarter of a second. @returns 1 when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.25
  done
}
