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
  # shellcheck disable=SC2016 # it is the inner shell that expands
  if_killed sh -c 'for service; do monit monitor "$service"; done' sh "${paused[@]}"
}

resume_monitoring() {
  local service
  for service; do
    wait_until 10 monit monitor "$service" ||
      warn "Monit does not watch $service again: monit monitor $service"
  done
}

# await_monitoring SERVICE: where a script was killed, whoever watched over it has Monit look again within a second or two.
await_monitoring() {
  ! command -v monit >/dev/null || ! monit summary >/dev/null 2>&1 || wait_until 5 is_monitored "$1" || true
}

is_monitored() {
  monit -B status "$1" 2>/dev/null | grep --quiet --extended-regexp '^ *monitoring status +(Monitored|Initializing|Waiting)'
}
