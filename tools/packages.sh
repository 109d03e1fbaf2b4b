#!/usr/bin/env bash
# Installs the Debian packages that tests and load tests use, if they are missing and this user may.
# Without them everything else still runs; what is missing is said.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

missing=()
for pair in redis-server:redis-server nginx:nginx-light wrk:wrk slapd:slapd java:default-jre-headless javac:default-jdk-headless chromium:chromium node:nodejs npm:npm; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
# the faces in which the trace page is shown best; it needs neither
[[ " ${missing[*]} " == *" chromium "* ]] && missing+=(fonts-inter fonts-jetbrains-mono)

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    echo "Installing ${missing[*]}"
    install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 --yes)
    if { "${install[@]}" update && "${install[@]}" install --no-install-recommends "${missing[@]}"; } \
        </dev/null >/dev/null 2>&1; then
        exit 0
    fi
    echo "apt-get could not install them." >&2
fi
echo "Missing: ${missing[*]}. Tests and load tests that need them are skipped; on Debian:" >&2
echo "  sudo apt-get install ${missing[*]}" >&2
