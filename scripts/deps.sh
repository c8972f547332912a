#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what Shoal needs from Debian's or Ubuntu's packages, and nothing else.
# Idempotent: with everything there it needs neither root nor the network.
#
#   scripts/deps.sh [--lint] [--bench] [--tools] [--check]
#
# --lint adds clang's tools and shellcheck, --bench the peers that the
# benchmarks compare with, --tools the programs that judge the examples of
# cluster/jobs/tools; --check only says what is missing (exit status 1).

# Lists of package names are split on purpose.
# shellcheck disable=SC2086
set -eu

build="make gcc libc6-dev pkg-config libzmq3-dev libmsgpack-dev libsqlite3-dev
       libsodium-dev libfyaml-dev libpcre2-dev libmicrohttpd-dev libopenmpi-dev
       libgsl-dev libhwloc-dev"
run="openmpi-bin berkeley-abc procps curl"
tests="check util-linux python3"
lint="clang clang-format clang-tidy shellcheck"
bench="gearman-job-server libgearman-dev python3-distributed python3-simpy3 parallel"
tools="yosys iverilog ngspice"

want="$build $run $tests"
check=
for arg; do
    case $arg in
    --lint) want="$want $lint" ;;
    --bench) want="$want $bench" ;;
    --tools) want="$want $tools" ;;
    --check) check=yes ;;
    *)
        echo "usage: scripts/deps.sh [--lint] [--bench] [--tools] [--check]" >&2
        exit 2
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "deps: this is not Debian or Ubuntu; install the equivalents of:" $want >&2
    exit 1
fi

# The packages of "$@" that are not installed.  Newer releases rename a package
# (libmsgpack-dev became libmsgpack-c-dev), so a name may have an heir.
missing_of() {
    for p; do
        case $p in
        libmsgpack-dev) names="libmsgpack-dev libmsgpack-c-dev" ;;
        pkg-config) names="pkg-config pkgconf" ;;
        *) names=$p ;;
        esac
        found=
        for n in $names; do
            if dpkg-query -W -f '${db:Status-Status}\n' "$n" 2>/dev/null | grep -qx installed; then
                found=yes
            fi
        done
        [ -n "$found" ] || printf ' %s' "$p"
    done
}

missing=$(missing_of $want)
if [ -z "$missing" ]; then
    echo "deps: everything is installed"
    exit 0
fi
if [ -n "$check" ]; then
    echo "deps: missing:$missing"
    exit 1
fi

sudo=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        sudo="sudo"
    else
        echo "deps: root is needed once, to install:$missing" >&2
        exit 1
    fi
fi
apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
        -o Dpkg::Use-Pty=0 "$@"
}

# True when apt has a version of every missing package in its lists.
known() {
    for p in $missing; do
        apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [0-9]' || return 1
    done
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        return 1
    fi
}
echo "deps: installing$missing"
known || quietly apt update
# In releases with the new name the old one has no candidate.
case " $missing " in
*" libmsgpack-dev "*)
    apt-cache policy libmsgpack-dev | grep -q 'Candidate: [0-9]' ||
        missing=$(echo "$missing" | sed 's/libmsgpack-dev/libmsgpack-c-dev/')
    ;;
esac
# Lists that are there but old name versions that the mirror has dropped.
quietly apt install -y --no-install-recommends $missing || {
    echo "deps: once more, with fresh package lists"
    quietly apt update
    quietly apt install -y --no-install-recommends $missing
}
still=$(missing_of $want)
if [ -n "$still" ]; then
    echo "deps: still missing:$still" >&2
    exit 1
fi
echo "deps: done"
