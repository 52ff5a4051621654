# shellcheck shell=bash
# Keeps Monit from restarting what a script is restarting itself.
# shellcheck source=common.sh source-path=SCRIPTDIR source-path=SCRIPTDIR/../lib
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

# pause_monitoring SERVICE…: until the script ends, after a failure too, and after kill -9. A service that nobody monitors
# stays so. Without Monit there is nothing to pause.
pause_monitoring() {
  local service paused=()
  command -v monit >/dev/null && monit summary >/dev/null 2>&1 || return 0
  for service; do
    is_monitored "$service" || continue
    run monit unmonitor "$service"
    paused+=("$service")
  done
  if ((${#paused[@]} == 0)) || [[ $dry_run == true ]]; then return 0; fi
  on_exit "resume_monitoring ${paused[*]@Q}"
  watch_over_pause "${paused[@]}"
}

resume_monitoring() {
  local service
  for service; do
    wait_until 10 monit monitor "$service" ||
      warn "Monit does not watch $service again: monit monitor $service"
  done
  kill "$pause_watcher" 2>/dev/null || true
}

is_monitored() {
  monit -B status "$1" 2>/dev/null | grep --quiet --extended-regexp '^ *monitoring status +(Monitored|Initializing|Waiting)'
}

# Not even kill -9 may leave a service without its watch: somebody else waits for the end of this script.
pause_watcher=''
watch_over_pause() {
  (
    [[ -z $lock_fd ]] || exec {lock_fd}>&-
    # shellcheck disable=SC2016 # it is the inner shell that expands
    exec setsid sh -c 'tail --pid="$0" --follow /dev/null; for service; do monit monitor "$service"; done' "$$" "$@" \
      </dev/null >/dev/null 2>&1
  ) &
  pause_watcher=$!
}
