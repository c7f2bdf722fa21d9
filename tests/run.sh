#!/bin/sh
# Runs the tests: makes a virtual environment, installs the project and the embedded model in it,
# and passes its arguments on to pytest. `sh tests/run.sh -m "not model"` leaves the model out;
# plain `pytest -q` runs the fast ones alone. PROMPTREG_TEST_HEAVY=1 adds what needs torch and
# embedding models, some 900 MB of packages (on a plain index, torch may bring its GPU packages too).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/environment.sh"
cd "$root"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Tests of one group (those of the model) stay on one worker, so that one server serves them all.
marked="not benchmark"
[ -n "${PROMPTREG_TEST_HEAVY:-}" ] || marked="$marked and not heavy"
exec "$python" -m pytest -q -m "$marked" -n 2 --dist loadgroup "$@"
