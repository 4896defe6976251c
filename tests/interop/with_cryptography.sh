#!/usr/bin/env bash
# with_cryptography.sh PROGRAM ARGUMENT...: runs a Python program, if there is python3-cryptography.
set -euo pipefail
if ! /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
  echo "skipped: python3-cryptography is not installed"
  [[ ${JWKD_TEST_ALL:-} == 1 ]] && exit 1
  exit 77
fi
exec /usr/bin/python3 -B "$@"
