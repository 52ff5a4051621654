# shellcheck shell=bash disable=SC2034,SC2154 # part of debian.sh
# Is this the place, what does its environment say, and who lives there?

require_debian() {
  local ID='' ID_LIKE='' glibc
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || . /etc/os-release
  [[ " $ID $ID_LIKE " == *' debian '* ]] || fail "this is ${ID:-a system without a name}: neither Debian nor made from it"
  glibc=$(getconf GNU_LIBC_VERSION | sed 's/^glibc //')
  printf '2.28\n%s\n' "$glibc" | sort --check=silent --version-sort ||
    fail "glibc $glibc does not run Node.js 26: 2.28 is needed (Debian 10, Ubuntu 18.10)"
}

# Services are run from it, some as root: nobody else may write there.
require_release() {
  local folder=$release
  [[ $release == "$releases"/* ]] || fail "this release lies in $release: put it into a folder of $releases first"
  "$release/node_modules/.bin/node" --version >/dev/null || fail "npm ci has to be run in $release first"
  while [[ $folder != / ]]; do
    [[ $(stat --format '%u %A' -- "$folder") =~ ^0\ d....-..-. ]] ||
      fail "$folder can be written by others than root: chown root:root $folder; chmod go-w $folder"
    folder=$(dirname -- "$folder")
  done
}

# setting NAME [DEFAULT]: of the environment file, for which the template stands as long as there is none.
setting() {
  local environment_file=$environment_file
  [[ -e $environment_file ]] || environment_file=$work/environment.sh
  environment_value "$@"
}

read_settings() {
  local folder
  sed -e "s/^export BLOT_HOST=$/&$host/" -e "s/^export EDGE_ACME_EMAIL=$/&$email/" \
    "$release/ops/environment/environment.sh" >"$work/environment.sh"
  edge_user=$(setting EDGE_USER blot-edge)
  edge_group=$(id --group --name -- "$edge_user" 2>/dev/null || printf '%s\n' "$edge_user")
  edge_data=$(setting EDGE_DATA_DIRECTORY /var/lib/blot-edge)
  blot_user=$(setting BLOT_USER blot)
  blot_folder=$(setting BLOT_DIRECTORY /var/www/blot)
  blot_data=$(setting BLOT_DATA_DIRECTORY /var/www/blot/data)
  blogs=$(setting BLOT_BLOGS_DIRECTORY "$blot_data/blogs")
  cache=$(setting BLOT_CACHE_DIRECTORY /cache)
  app_port=$(setting BLOT_PORT 8080)
  for folder in "$edge_data" "$blot_folder" "$blot_data" "$blogs" "$cache"; do
    [[ $folder == /?* ]] || fail "$folder in $environment_file is no absolute path"
  done
}

ensure_packages() {
  local name installed missing=()
  # shellcheck disable=SC2016 # fields of dpkg's
  installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for name; do
    [[ $'\n'$installed$'\n' == *$'\n'"$name installed"$'\n'* ]] || missing+=("$name")
  done
  if ((${#missing[@]} == 0)); then
    report ok "packages $*"
  else
    change "install ${missing[*]}" install_packages "${missing[@]}"
  fi
}

install_packages() {
  apt-get --quiet=2 update
  DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 install --yes --no-install-recommends "$@"
}

# ensure_user NAME HOME
ensure_user() {
  local number
  if number=$(id --user -- "$1" 2>/dev/null); then
    [[ $number != 0 ]] || fail "$1 is root: name an unprivileged user in $environment_file"
    report ok "user $1"
  else
    change "make user $1" useradd --system --user-group --home-dir "$2" --no-create-home --shell /usr/sbin/nologin "$1"
  fi
}

# From then on it is the operator's; who may read it is ours to see to.
ensure_environment() {
  if [[ ! -e $environment_file ]]; then
    change "write $environment_file, to be filled in" install_file "$work/environment.sh" "$environment_file" 640 "root:$edge_group"
  elif [[ $(stat --dereference --format '%U:%G %a' -- "$environment_file") != "root:$edge_group 640" ]]; then
    change "give $environment_file to root:$edge_group, mode 640" set_owner_and_mode "$environment_file" 640 "root:$edge_group"
  else
    report ok "$environment_file (root:$edge_group 640)"
  fi
  if [[ -e $environment_file && -z $(environment_value EDGE_PID_FILE) ]]; then
    report warn "without EDGE_PID_FILE=/run/blot-edge/edge.pid in $environment_file, blot-edge check does not find the edge that runs"
  fi
}

# A web server of before, which reads these folders as a user of its own, would be shut out.
ensure_shared_folder() {
  local path=$1 mode=2750 owner=$blot_user:$edge_group
  if [[ -d $path && $(stat --dereference --format '%U:%G %a' -- "$path") != "$owner $mode" ]] && pgrep --exact 'nginx|openresty' >/dev/null; then
    pending=$((pending + 1))
    report warn "$path stays as it is while nginx runs: usermod --append --groups $edge_group www-data, restart nginx, chown $owner $path, chmod $mode $path"
  else
    ensure_folder "$path" "$mode" "$owner"
  fi
}
