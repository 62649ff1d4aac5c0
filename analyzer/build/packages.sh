#!/bin/sh
# Installs the system packages that are missing: packages.sh GROUP...   Groups: run, qemu, test, bench.
set -eu

run="gdb graphviz python3 python3-venv binutils util-linux seabios ipxe-qemu qemu-system-data"
qemu="gcc libc6-dev make dpkg-dev patch pkg-config bzip2 xz-utils python3-venv
      libglib2.0-dev libpixman-1-dev zlib1g-dev libfdt-dev"
# On Ubuntu the package is chromium-browser (which installs a snap), and perf is in linux-tools-generic.
if grep -qs '^ID=ubuntu' /etc/os-release; then
    browser="chromium-browser chromium-chromedriver"
    perf="linux-tools-generic"
else
    browser="chromium chromium-driver"
    perf="linux-perf"
fi
# The packages of NodeSource contain npm, and conflict with Debian's package of it.
command -v npm >/dev/null && npm="" || npm="nodejs npm"
test="$browser gcc g++ clang llvm git strace dwz debuginfod valgrind zsh fish $npm $perf"
bench="uftrace $perf"

packages=""
for group in "$@"; do
    case $group in
        run) packages="$packages $run" ;;
        qemu) packages="$packages $qemu" ;;
        test) packages="$packages $test" ;;
        bench) packages="$packages $bench" ;;
        *) echo "packages.sh: no group $group (run, qemu, test, bench)" >&2; exit 2 ;;
    esac
done

if ! command -v apt-get >/dev/null; then
    echo "This host does not run Debian or Ubuntu. Install the equivalents of these packages by hand:" >&2
    echo "$packages" >&2
    echo "Then run make again with SYSTEM_PACKAGES=no." >&2
    exit 3
fi

missing=""
for package in $packages; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

echo "System packages to install:$missing"
if [ -t 0 ] && [ -t 1 ]; then
    printf "Install them now? [Y/n] "
    read -r answer
    case $answer in
        n* | N*) echo "Install them by hand, then run make with SYSTEM_PACKAGES=no." >&2; exit 3 ;;
    esac
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run this as root, or install sudo." >&2; exit 3; }
    as_root="sudo"
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -q update
# shellcheck disable=SC2086 # the list must be split
$as_root apt-get -q -y install --no-install-recommends $missing
