#!/usr/bin/env bash
# Does stock Django work through Tidegate? Runs examples/django/check.py against a demo of its own.
#
#   tests/django.sh           builds the program unless TIDEGATE names one; RISINGWAVE_URL is used where it is set
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/demo_lib.sh

start_demo --no-tour
examples/django/run check || fail "the Django example's check failed"
stop_demo TERM
