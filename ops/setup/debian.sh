#!/usr/bin/env bash
# Usage: ops/setup/debian.sh [--host NAME] [--email ADDRESS] [--check] [--dry-run]
#
# Prepares a Debian or Ubuntu machine for Blot and blot-edge: packages, users, folders with the right modes, services for
# systemd or Upstart, Monit, log rotation, kernel settings, swap. What is as it should be is left alone, and what an operator
# has changed is kept, so it can be run again at any time; it has to be after a change of users, folders or ports in
# /etc/blot/environment.sh. It starts and restarts no service: docs/operations.md says what comes next.
#
#   --host NAME      the site's own host, for a new /etc/blot/environment.sh
#   --email ADDRESS  whom the CA writes to, for the same
#   --check          changes nothing; 1 when there is something to do
#   --dry-run        says what would be done, and does nothing
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=../lib/files.sh source-path=SCRIPTDIR
. "$here/../lib/files.sh"
# shellcheck source=../lib/machine.sh source-path=SCRIPTDIR
. "$here/../lib/machine.sh"
# shellcheck source=place.sh source-path=SCRIPTDIR
. "$here/place.sh"
# shellcheck source=settings.sh source-path=SCRIPTDIR
. "$here/settings.sh"
# shellcheck source=services.sh source-path=SCRIPTDIR
. "$here/services.sh"

read_options 'host= email= check' "$@"
((${#arguments[@]} == 0)) || wrong_usage "nothing was expected behind the options, not ${arguments[*]}"
host=${option[host]-}
email=${option[email]-}
[[ $host =~ ^[A-Za-z0-9.-]*$ ]] || wrong_usage "--host is a name such as blot.im, not $host"
[[ $email =~ ^([A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+)?$ ]] || wrong_usage "--email is a mail address, not $email"
if [[ ${option[check]-} == true ]]; then dry_run=true; fi

require_root
require_debian
require_release
work=$(mktemp --directory)
on_exit "rm --recursive --force -- ${work@Q}"
read_settings

ensure_packages redis-server monit logrotate curl ca-certificates jq openssl rsync
ensure_user "$edge_user" "$edge_data"
ensure_user "$blot_user" "$blot_folder"

ensure_folder /etc/blot 750 "root:$edge_group"
ensure_environment
ensure_folder "$edge_data" 700 "$edge_user:$edge_group"
ensure_folder /var/log/blot 2750 root:adm
# fail2ban does not start without it.
ensure_first_file /dev/null /var/log/blot/edge.log 640 root:adm
ensure_shared_folder "$blot_folder"
ensure_shared_folder "$blot_data"
ensure_shared_folder "$blogs"
ensure_shared_folder "$cache"
ensure_private_folder "$cache/.edge" 700 "$edge_user:$edge_group"
ensure_link "$release" "$current"
ensure_link "$current/bin/blot-edge" /usr/local/bin/blot-edge

ensure_settings
ensure_monit
ensure_services
ensure_swap

if [[ ${option[check]-} == true ]]; then
  ((pending == 0)) || fail "$pending to do: run it without --check"
elif [[ $dry_run == false ]]; then
  report ok "prepared; what comes next: fill in $environment_file, then blot-edge check (docs/operations.md)"
fi
