# shellcheck shell=bash disable=SC2034 # scripts use what is unused here
# The machine that Blot runs on: its environment file, its supervisor, who answers.
# shellcheck source=common.sh source-path=SCRIPTDIR source-path=SCRIPTDIR/../lib
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

environment_file=/etc/blot/environment.sh
releases=/opt/blot-edge/releases
# The release that runs, or runs next: a link to one of the releases.
current=/opt/blot-edge/current

# environment_value NAME [DEFAULT]: what the environment file says. An empty value is the same as none.
environment_value() {
  local value=''
  if [[ -r $environment_file ]]; then
    # shellcheck disable=SC2016 # it is the inner shell that expands
    value=$(env --ignore-environment PATH="$PATH" sh -c '. "$1" >/dev/null && eval "printf %s \"\${$2-}\""' sh "$environment_file" "$1") ||
      fail "$environment_file cannot be read as a shell would: blot-edge check says which line is wrong"
  fi
  printf '%s\n' "${value:-${2-}}"
}

# Who keeps services alive on this machine: systemd, upstart or none.
find_supervisor() {
  if [[ -d /run/systemd/system ]]; then
    echo systemd
  elif [[ $(initctl version 2>/dev/null) == *upstart* ]]; then
    echo upstart
  else
    echo none
  fi
}

# service start|stop|restart edge|app PORT|redis|monit
service() {
  local action=$1 name=$2 port=${3-}
  case $(find_supervisor) in
  systemd)
    case $name in
    edge) run systemctl "$action" blot-edge.service ;;
    app) run systemctl "$action" "blot-app@$port.service" ;;
    redis) run systemctl "$action" redis-server.service ;;
    monit) run systemctl "$action" monit.service ;;
    esac
    ;;
  upstart)
    case $name in
    app) upstart_job "$action" blot PORT="$port" ;;
    *) upstart_job "$action" "$name" ;;
    esac
    ;;
  none) fail "neither systemd nor Upstart runs on this machine: nothing can $action the $name" ;;
  esac
}

# Upstart takes it for an error to start what runs and to stop or restart what does not; systemd does not.
upstart_job() {
  local action=$1 is_running=false
  shift
  if [[ $(initctl status "$@" 2>/dev/null) == *start/* ]]; then is_running=true; fi
  case $action:$is_running in
  start:true | stop:false) ;;
  # `initctl restart` would go on with the job's old definition.
  restart:true)
    run initctl stop "$@"
    run initctl start "$@"
    ;;
  restart:false) run initctl start "$@" ;;
  *) run initctl "$action" "$@" ;;
  esac
}

# app_keeps_ending PORT: was it started again and again by its supervisor, or given up?
app_keeps_ending() {
  case $(find_supervisor) in
  systemd) (($(systemctl show --property=NRestarts --value "blot-app@$1.service") >= 3)) ;;
  upstart) [[ $(initctl status blot PORT="$1" 2>/dev/null) != *start/* ]] ;;
  none) return 1 ;;
  esac
}

# answers URL [CURL OPTION…]: is it a 2xx within five seconds?
answers() {
  curl --silent --fail --output /dev/null --max-time 5 --noproxy '*' "${@:2}" -- "$1"
}

# The ports that the app may be reached at on this machine, in the order of EDGE_UPSTREAMS: BLOT_PORT where that is not set.
app_ports() {
  local upstreams
  upstreams=$(environment_value EDGE_UPSTREAMS "http://127.0.0.1:$(environment_value BLOT_PORT 8080)")
  tr ',' '\n' <<<"$upstreams" | sed -nE 's#^ *http://(127\.0\.0\.1|localhost|\[::1\]):([0-9]+)(;backup)? *$#\2#p'
}
