# shellcheck shell=bash
# Brings files and folders into a state; what is so already is left alone. `changes` counts what was changed, `pending` what
# would be, in a dry run.
# shellcheck source=common.sh source-path=SCRIPTDIR source-path=SCRIPTDIR/../lib
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

changes=0
pending=0

# What this machine was given by these scripts: `SHA256  PATH` a line. What an operator has changed since is not ours any more.
manifest=/var/lib/blot-setup/files

# change TEXT COMMAND…: does it, or says what it would do.
change() {
  local text=$1
  shift
  if [[ $dry_run == true ]]; then
    pending=$((pending + 1))
    report would "$text"
    return 0
  fi
  under_way=$text
  "$@"
  under_way=''
  changes=$((changes + 1))
  report did "$text"
}

# ensure_folder PATH MODE USER:GROUP. A link to a folder is one. What lies in it is not touched.
ensure_folder() {
  local path=$1 mode=$2 owner=$3
  if [[ ! -e $path && ! -L $path ]]; then
    change "make folder $path ($owner $mode)" make_folder "$path" "$mode" "$owner"
  elif [[ ! -d $path ]]; then
    fail "$path has to be a folder, and is none: move it away, or mend the link ($(readlink -- "$path" || echo 'no link'))"
  elif [[ $(stat --dereference --format '%U:%G %a' -- "$path") == "$owner $mode" ]]; then
    report ok "$path ($owner $mode)"
  else
    change "give $path to $owner, mode $mode" set_owner_and_mode "$path" "$mode" "$owner"
  fi
}

# ensure_private_folder PATH MODE USER:GROUP, in a folder that somebody else may write in: a link is refused, and nothing
# that this somebody puts in its place meanwhile is given away.
ensure_private_folder() {
  local path=$1 mode=$2 owner=$3
  [[ ! -L $path ]] || fail "$path is a link, which could lead anywhere: remove it"
  if [[ ! -e $path ]]; then
    change "make folder $path ($owner $mode)" make_private_folder "$path" "$mode" "$owner"
  elif [[ $(stat --format '%F %U:%G' -- "$path") != "directory $owner" ]]; then
    fail "$path is not a folder of $owner: move it away"
  else
    report ok "$path ($owner)"
  fi
}

make_folder() {
  mkdir --parents -- "$1"
  set_owner_and_mode "$@"
}

make_private_folder() {
  mkdir --mode "$2" -- "$1"
  chown --no-dereference -- "$3" "$1"
}

# chown takes setuid and setgid away, so the mode comes last. Four digits at least: chmod keeps a folder's setgid otherwise.
set_owner_and_mode() {
  chown -- "$3" "$1"
  chmod -- "$(printf '%05d' "$2")" "$1"
}

# ensure_file SOURCE TARGET MODE USER:GROUP: a file of this release, put where the machine reads it. One that an operator has
# written or changed is kept; the new one is then laid beside it as TARGET.new.
ensure_file() {
  local source=$1 target=$2 mode=$3 owner=$4
  if [[ ! -e $target ]]; then
    change "write $target" install_file "$@"
  elif cmp --silent -- "$source" "$target"; then
    if [[ $(stat --format '%U:%G %a' -- "$target") == "$owner $mode" ]]; then
      report ok "$target"
    else
      change "give $target to $owner, mode $mode" set_owner_and_mode "$target" "$mode" "$owner"
    fi
  elif is_as_installed "$target"; then
    change "update $target" install_file "$@"
  elif [[ -e $target.new ]] && cmp --silent -- "$source" "$target.new"; then
    report warn "$target was changed here and is kept; this release's is $target.new"
  else
    change "keep $target, which was changed here, and write this release's to $target.new" \
      install_file "$source" "$target.new" "$mode" "$owner"
  fi
}

# ensure_first_file SOURCE TARGET MODE USER:GROUP: a template, which is the operator's from then on.
ensure_first_file() {
  if [[ -e $2 ]]; then
    report ok "$2 (as it is)"
  else
    change "write $2" install_file "$@"
  fi
}

# Whole: a reader sees the old file or the new one.
install_file() {
  local source=$1 target=$2 mode=$3 owner=$4 temporary
  mkdir --parents -- "$(dirname -- "$target")"
  temporary=$(mktemp -- "$target.XXXXXX")
  cat -- "$source" >"$temporary"
  set_owner_and_mode "$temporary" "$mode" "$owner"
  sync -- "$temporary"
  mv --no-target-directory -- "$temporary" "$target"
  sync -- "$(dirname -- "$target")"
  remember_file "$target"
}

remember_file() {
  local temporary
  mkdir --parents -- "$(dirname -- "$manifest")"
  temporary=$(mktemp -- "$manifest.XXXXXX")
  {
    [[ ! -e $manifest ]] || grep --invert-match --fixed-strings --line-regexp --regexp "$(recorded "$1")" -- "$manifest" || true
    sha256sum -- "$1"
  } >"$temporary"
  sync -- "$temporary"
  mv --no-target-directory -- "$temporary" "$manifest"
}

# The line of a file in the manifest, if there is one.
recorded() {
  [[ -e $manifest ]] || return 0
  awk -v path="$1" 'substr($0, 67) == path' "$manifest"
}

is_as_installed() {
  [[ -n $(recorded "$1") && $(sha256sum -- "$1") == "$(recorded "$1")" ]]
}

# ensure_link TARGET LINK. A link that leads elsewhere is the operator's.
ensure_link() {
  local target=$1 link=$2
  if [[ -L $link ]]; then
    if [[ $(readlink -- "$link") == "$target" ]]; then
      report ok "$link -> $target"
    else
      report ok "$link -> $(readlink -- "$link") (as it is)"
    fi
  elif [[ -e $link ]]; then
    fail "$link is in the way: it has to be a link to $target"
  else
    change "link $link to $target" ln --symbolic --no-target-directory -- "$target" "$link"
  fi
}
