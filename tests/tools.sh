#!/bin/sh
# Installs the programs that some tests start, if they are missing: on Debian, as root.
#
# The packages prometheus and redis-server would start services. Their programs are unpacked
# into a folder instead, which tests/conftest.py adds to the PATH.
folder=$1
PATH="$PATH:/usr/games:$folder/usr/bin"
export DEBIAN_FRONTEND=noninteractive

engines="stockfish fairy-stockfish gnuchess fairymax ethereal-chess toga2"

missing() {
    for program in $engines redis-cli redis-server promtool prometheus kubectl; do
        command -v "$program" >/dev/null || printf '%s ' "$program"
    done
}

unless_there() { # PROGRAM COMMAND...
    command -v "$1" >/dev/null && return
    shift
    "$@"
}

install() {
    apt-get -qq --yes --no-install-recommends install "$@"
}

unpack() {
    mkdir -p "$folder" && (
        cd "$folder" && apt-get -qq download "$@" || exit
        for package in *.deb; do dpkg-deb --extract "$package" . && rm "$package" || exit; done
    )
}

fetch() {
    for engine in $engines; do unless_there "$engine" install "$engine" || return; done
    unless_there redis-cli install redis-tools &&
        unless_there redis-server unpack redis-server redis-tools && # one links to the other
        unless_there promtool unpack prometheus &&
        unless_there prometheus unpack prometheus
}

if [ -n "$(missing)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    fetch || { apt-get -qq update && fetch; }
fi >/dev/null 2>&1 </dev/null
[ -z "$(missing)" ] || echo "missing here: $(missing)- the tests that need them are skipped"
