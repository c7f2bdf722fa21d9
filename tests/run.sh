#!/bin/sh
# Runs the tests: makes a virtual environment, installs the project and the embedded model in it,
# and passes its arguments on to pytest. `sh tests/run.sh -m "not model"` leaves the model out.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/environment.sh"
cd "$root"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$python" -m pytest -q "$@"
