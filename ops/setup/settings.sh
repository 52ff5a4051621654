# shellcheck shell=bash disable=SC2154 # part of debian.sh
# What other programs of the machine read: kernel, limits, logs, shells, Monit.

ensure_settings() {
  local from=$release/ops/environment
  ensure_file "$from/profile.sh" /etc/profile.d/blot.sh 644 root:root
  ensure_file "$from/logrotate.conf" /etc/logrotate.d/blot 644 root:root
  ensure_file "$from/limits.conf" /etc/security/limits.d/60-blot.conf 644 root:root
  ensure_file "$from/sysctl.conf" /etc/sysctl.d/60-blot.conf 644 root:root
  ensure_file "$from/tmpfiles.conf" /etc/tmpfiles.d/blot.conf 644 root:root
  if [[ -d /etc/fail2ban ]]; then
    ensure_file "$from/fail2ban/filter.conf" /etc/fail2ban/filter.d/blot-edge.conf 644 root:root
    ensure_file "$from/fail2ban/jail.conf" /etc/fail2ban/jail.d/blot-edge.conf 644 root:root
  fi
  ensure_kernel_settings
}

# What is written is in force after a restart; this is for now.
ensure_kernel_settings() {
  local pages=/sys/kernel/mm/transparent_hugepage/enabled name value
  if systemd-detect-virt --container --quiet 2>/dev/null; then
    report warn 'kernel settings are those of the host: this is a container'
    return 0
  fi
  while IFS='= ' read -r name value; do
    if [[ $(sysctl --values "$name" | tr '\t' ' ') == "$value" ]]; then
      report ok "$name = $value"
    else
      change "set $name = $value" sysctl --quiet --write "$name=$value"
    fi
  done < <(grep --extended-regexp '^[a-z]' "$release/ops/environment/sysctl.conf")
  if [[ ! -e $pages || $(<"$pages") == *'[never]'* ]]; then
    report ok 'no transparent huge pages'
  else
    change 'set transparent huge pages to never' write_value never "$pages"
  fi
}

write_value() {
  printf '%s\n' "$1" >"$2"
}

ensure_swap() {
  local flags=()
  if [[ $dry_run == true ]]; then flags=(--check); fi
  "$release/ops/environment/swap" "${flags[@]}" || pending=$((pending + 1))
}

# render SOURCE NAME VALUE…: @NAME@ becomes VALUE. @prints the text
render() {
  local text
  text=$(<"$1")
  shift
  while (($# > 0)); do
    text=${text//"@$1@"/"$2"}
    shift 2
  done
  printf '%s\n' "$text"
}

# The mount point of a folder, which may not be there yet, or be a link.
mount_of() {
  local path
  path=$(readlink --canonicalize-missing -- "$1")
  while [[ ! -e $path ]]; do path=$(dirname -- "$path"); done
  stat --format %m -- "$path"
}

ensure_monit() {
  local name address days redis redis_host redis_port
  address=$(setting EDGE_ADDRESS ::)
  case $address in
  :: | 0.0.0.0) address=127.0.0.1 ;;
  esac
  # They are renewed when a third of their life is left: 30 days, or 2 from the machine's own CA.
  days=7
  [[ $(setting EDGE_ISSUER acme) != local ]] || days=1
  redis=$(setting BLOT_REDIS_HOST)
  redis_host=${redis%%:*} redis_port=6379
  [[ ! $redis =~ ^(.+):([0-9]+)$ ]] || redis_host=${BASH_REMATCH[1]} redis_port=${BASH_REMATCH[2]}
  for name in control edge app redis machine; do
    if [[ $name == redis && -z $redis ]]; then continue; fi
    if [[ $name == edge && -z $(setting BLOT_HOST) ]]; then
      report warn "Monit does not watch the edge yet: run this again when BLOT_HOST is in $environment_file"
      continue
    fi
    render "$release/ops/monit/$name.conf" EDGE_ADDRESS "$address" BLOT_HOST "$(setting BLOT_HOST)" \
      EDGE_HTTP_PORT "$(setting EDGE_HTTP_PORT 80)" EDGE_HTTPS_PORT "$(setting EDGE_HTTPS_PORT 443)" \
      EDGE_PID_FILE "$(setting EDGE_PID_FILE /run/blot-edge/edge.pid)" BLOT_PORT "$app_port" \
      CACHE_MOUNT "$(mount_of "$cache")" CERTIFICATE_DAYS "$days" \
      REDIS_HOST "$redis_host" REDIS_PORT "$redis_port" \
      >"$work/monit-$name.conf"
    ensure_file "$work/monit-$name.conf" "/etc/monit/conf.d/blot-$name.conf" 600 root:root
  done
}
