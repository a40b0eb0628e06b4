#!/bin/sh
# What the tests use beyond Python: installed when we are root on a Debian-like machine, named otherwise.
set -u
missing=""
for pair in rg:ripgrep tmux:tmux bash:bash bwrap:bubblewrap strace:strace curl:curl; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing"
    # shellcheck disable=SC2086
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null 2>&1 && exit 0
fi
echo "Not installed:$missing. Tests that need them are skipped; install them with your package manager."
