#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. As root or with sudo, on Debian 12 and 13.
#   tests/run.sh         everything: gcc, clang, the sanitizers, and a short run of each fuzz target
#   tests/run.sh quick   the gcc build and its tests only
# The last line is "N passed, N failed". Exit status 0 only if nothing failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/packages.sh
fuzz_sec=${FUZZ_SEC:-5} # a target
passed=0 failed=0 summary=()

# record PASSED FAILED WHAT [NOTE]: one line of the summary.
record() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  summary+=("$(printf '%-34s %4d passed, %d failed%s' "$3" "$1" "$2" "${4:+, $4}")")
}

# build PRESET: a build is a check of its own, since warnings are errors.
build() {
  local log=build/$1.log
  mkdir -p build
  echo "== $1: build"
  if cmake --preset "$1" >"$log" 2>&1 && cmake --build --preset "$1" -j "$(nproc)" >>"$log" 2>&1; then
    record 1 0 "$1: build"
  else
    grep -E -A8 'error|FAILED|CMake Error' "$log" | head -60 || tail -40 "$log"
    record 0 1 "$1: build (all of it in $log)"
    return 1
  fi
}

# An attribute of the whole run in ctest's JUnit report.
attribute() { sed -n "s/^[[:space:]]*$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -1; }

# suite PRESET [ctest arguments]: what ctest counts. A suite that ran nothing has failed.
suite() {
  local preset=$1 report=$PWD/build/$1/report.xml total=0 bad=0 skipped=0 status=0 note=
  shift
  echo "== $preset: tests"
  rm -f "$report"
  "${unrandomized[@]}" ctest --preset "$preset" -j 2 --output-junit "$report" "$@" || status=$?
  if [[ -f $report ]]; then
    total=$(attribute "$report" tests) bad=$(attribute "$report" failures)
    skipped=$(($(attribute "$report" skipped) + $(attribute "$report" disabled)))
  fi
  ((total - skipped > 0 && (status == 0 || bad > 0))) || bad=$((bad + 1)) total=$((total + 1))
  if ((skipped)); then note="$skipped skipped"; fi
  record $((total - bad - skipped)) "$bad" "$preset: tests" "$note"
}

# Starts from the kept corpus; what it finds stays below build/.
fuzz() {
  local target name good=0 bad=0 found
  for target in build/fuzz/bin/fuzz_*; do
    [[ -x $target ]] || continue
    name=${target##*/fuzz_} found=build/fuzz/found/$name
    mkdir -p "$found/corpus"
    if "$target" -max_total_time="$fuzz_sec" -timeout=20 -rss_limit_mb=2048 -print_final_stats=0 \
      -artifact_prefix="$found/" "$found/corpus" "tests/fuzz/corpus/$name" >"$found/log" 2>&1; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "== fuzz_$name found a fault; what it was given is in $found:"
      tail -30 "$found/log"
    fi
  done
  ((good + bad > 0)) || bad=1
  record "$good" "$bad" "fuzz: ${fuzz_sec} s a target"
}

finish() {
  printf '\n== Summary\n'
  printf '%s\n' "${summary[@]}"
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

case ${1:-all} in all | quick) ;; *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac
unrandomized=()
install_packages "${build_packages[@]}" "${test_packages[@]}"
export JWKD_TEST_ALL=1 # they are there now: test_interop fails where it would leave one out
if build ci; then suite ci; fi
if [[ ${1:-all} == all ]]; then
  # The sanitizers' runtime of clang is a package with the version in its name.
  install_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
  build clang || true
  if build asan; then suite asan; fi
  # ThreadSanitizer's fixed memory layout does not always meet a randomised one. Parsers have no threads.
  if setarch -R true 2>/dev/null; then unrandomized=(setarch -R); fi
  # Each program sleeps at its end, for a second unless it is said: the scripts start hundreds.
  export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp:atexit_sleep_ms=100"
  if build tsan; then suite tsan -E '^fuzz_'; fi
  unrandomized=()
  if build fuzz; then fuzz; fi
fi
finish
