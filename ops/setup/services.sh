# shellcheck shell=bash disable=SC2154 # part of debian.sh
# The services, for the supervisor of this machine. None is started or stopped.

ensure_services() {
  case $(find_supervisor) in
  systemd) ensure_systemd ;;
  upstart) ensure_upstart ;;
  # An image that is being made.
  none)
    command -v systemctl >/dev/null || fail 'neither systemd nor Upstart is on this machine'
    ensure_systemd
    ;;
  esac
}

ensure_systemd() {
  local to=/etc/systemd/system before=$changes name
  for name in blot-edge.service blot-edge-http.socket blot-edge-https.socket blot-app@.service redis-server.service.d/blot.conf; do
    ensure_file "$release/ops/systemd/$name" "$to/$name" 644 root:root
  done
  # What environment.sh says and a unit has to say too.
  print_edge_unit >"$work/edge.conf"
  print_app_unit >"$work/app.conf"
  ensure_file "$work/edge.conf" "$to/blot-edge.service.d/50-environment.conf" 644 root:root
  ensure_file "$work/app.conf" "$to/blot-app@.service.d/50-environment.conf" 644 root:root
  for name in http https; do
    print_socket_unit "$name" >"$work/$name.conf"
    ensure_file "$work/$name.conf" "$to/blot-edge-$name.socket.d/50-environment.conf" 644 root:root
  done
  if [[ -d /run/systemd/system && $changes != "$before" ]]; then
    systemctl daemon-reload
  fi
  for name in blot-edge-http.socket blot-edge-https.socket blot-edge.service "blot-app@$app_port.service" redis-server.service monit.service; do
    ensure_enabled "$name"
  done
}

ensure_enabled() {
  if systemctl --quiet is-enabled "$1" 2>/dev/null; then
    report ok "$1 starts with the machine"
  else
    change "have $1 start with the machine" systemctl --quiet enable "$1"
  fi
}

print_edge_unit() {
  cat <<END
# Made from /etc/blot/environment.sh by ops/setup/debian.sh: run that again after a change.
[Service]
User=$edge_user
Group=$edge_group
ReadWritePaths=-$cache/.edge -$edge_data
END
}

print_app_unit() {
  cat <<END
# Made from /etc/blot/environment.sh by ops/setup/debian.sh: run that again after a change.
[Service]
User=$blot_user
Group=$(id --group --name -- "$blot_user" 2>/dev/null || printf '%s' "$blot_user")
ReadWritePaths=-$cache -$blot_folder -$blot_data -$blogs
END
}

# print_socket_unit http|https
print_socket_unit() {
  local address port
  address=$(setting EDGE_ADDRESS ::)
  if [[ $1 == http ]]; then port=$(setting EDGE_HTTP_PORT 80); else port=$(setting EDGE_HTTPS_PORT 443); fi
  case $address in
  ::) address='' ;;
  *:*) address="[$address]:" ;;
  *) address="$address:" ;;
  esac
  cat <<END
# Made from /etc/blot/environment.sh by ops/setup/debian.sh: run that again after a change.
[Socket]
ListenStream=
ListenStream=$address$port
END
}

ensure_upstart() {
  local name
  sed "s/^env PORT=.*/env PORT=$app_port/" "$release/ops/upstart/blot.conf" >"$work/blot.conf"
  ensure_file "$work/blot.conf" /etc/init/blot.conf 644 root:root
  for name in redis edge monit; do
    ensure_file "$release/ops/upstart/$name.conf" "/etc/init/$name.conf" 644 root:root
  done
  # Debian's own scripts would start a second one.
  for name in redis-server monit; do
    if compgen -G "/etc/rc2.d/S??$name" >/dev/null; then
      change "leave $name to Upstart" update-rc.d "$name" disable
    fi
  done
}
