# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Common ground of the entry points in this folder: Debian packages, messages, clean-up.
# To be sourced; sets the shell to stop at the first error.

set -euo pipefail

SOURCE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What Debian 12 has to have installed, by purpose. The only place where this is listed.
BUILD_PACKAGES=(
    g++ meson ninja-build pkg-config
    libdpdk-dev libxxhash-dev libconfig++-dev libspdlog-dev libboost1.81-dev
    libboost-json1.81-dev libcli11-dev libnl-3-dev libnl-route-3-dev libnftables-dev
    libsystemd-dev libcap-ng-dev libpcap-dev prometheus-cpp-dev
    libgtest-dev libgmock-dev libbenchmark-dev
)
LAB_PACKAGES=(iproute2 ethtool iputils-ping python3 nginx curl iperf3 tcpdump util-linux
    vsftpd python3-pyftpdlib python3-openssl lftp tnftp openssl tftpd-hpa tftp-hpa)
# Debian installs only one FTP server; this one's programs are unpacked to UNPACKED_DIR.
LAB_UNPACKED=(pure-ftpd)
UNPACKED_DIR=$SOURCE_DIR/build-packages
# testpmd; installed, its package would also set up devices for DPDK.
BENCH_UNPACKED=(dpdk-dev)
TEST_PACKAGES=(nftables systemd-container prometheus valgrind man-db mandoc zsh clang-14 clang-format-14 libclang-rt-14-dev llvm-14 ccache tshark)

# What was compiled in one checkout need not be compiled again in another.
export CCACHE_BASEDIR=$SOURCE_DIR CCACHE_NOHASHDIR=1

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' RED=$'\e[31m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
    BOLD='' RED='' DIM='' PLAIN=''
fi

# step TEXT: announces the next stage with the seconds since the script began.
step() {
    printf '%s[%4d s]%s %s%s%s\n' "$DIM" "$SECONDS" "$PLAIN" "$BOLD" "$*" "$PLAIN"
}

# fail TEXT: says on stderr why the script cannot go on, and ends it with 1.
fail() {
    printf '%s%s: %s%s\n' "$RED" "$(basename "$0")" "$*" "$PLAIN" >&2
    exit 1
}

# usage TEXT: for a command line that makes no sense; ends the script with 2.
usage() {
    printf '%s: %s (--help explains)\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# print_help FILE: prints the comment block at the head of FILE.
print_help() {
    sed -n '3,/^$/{s/^# \{0,1\}//p}' "$1"
}

# needs_root WHY
needs_root() {
    [[ $EUID -eq 0 ]] || fail "needs root: $*; try sudo $0"
}

# missing_packages NAME...: prints those that dpkg does not know as installed.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/ installed$//p') || true
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

# install_packages NAME...: installs what is missing. Services that come with a package (nginx)
# are kept from starting: the host is to stay as it was.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
    needs_root "Debian packages are missing: ${missing[*]}"
    step "installing ${#missing[@]} Debian packages: ${missing[*]}"
    local log="$RUN_DIR/apt.log"
    forbid_service_starts
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install: ${missing[*]}"
    fi
    allow_service_starts
}

# unpack_packages NAME...: puts their files under UNPACKED_DIR, and runs nothing of theirs.
unpack_packages() {
    local name
    for name in "$@"; do
        [[ ! -e $UNPACKED_DIR/usr/share/doc/$name ]] || continue
        step "unpacking $name"
        (cd "$RUN_DIR" && apt-get download "$name" >unpack.log 2>&1 &&
            dpkg-deb -x "$name"_*.deb "$UNPACKED_DIR") ||
            { cat "$RUN_DIR/unpack.log" >&2; fail "apt-get could not download $name"; }
    done
}

POLICY_FILE=/usr/sbin/policy-rc.d
POLICY_MADE=''

forbid_service_starts() {
    [[ ! -e $POLICY_FILE ]] || return 0
    POLICY_MADE=yes
    printf '#!/bin/sh\nexit 101\n' >"$POLICY_FILE"
    chmod 755 "$POLICY_FILE"
}

allow_service_starts() {
    [[ -n $POLICY_MADE ]] || return 0
    rm -f "$POLICY_FILE"
    POLICY_MADE=''
}

# clean_up_script: whatever way the script ends, nothing that it made is left.
clean_up_script() {
    allow_service_starts
    rm -rf "$RUN_DIR"
}

# replace_script PROGRAM ARGS...: the script's last act; the program gets all signals from then on.
replace_script() {
    clean_up_script
    exec "$@"
}

RUN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/shunt-run.XXXXXX")
trap clean_up_script EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
