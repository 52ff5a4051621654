#!/usr/bin/env bash
# Runs a command in a copy of this machine that is gone afterwards: its files, processes and network are its own.
# Usage: unshare --mount --net --pid --fork --kill-child --propagation private throw-away.sh FOLDER COMMAND [ARGUMENT]…
set -euo pipefail

folder=$1
shift
# What is written goes into memory, over the files of the real machine.
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/written" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/written,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
# The kernel's settings are not ours to copy: they can be read.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --rbind /dev dev
mount --bind -o ro /sys sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir run/lock
ip link set lo up
exec chroot . "$@"
