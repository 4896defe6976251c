# What the scripts here share: checks that go on after a failure. They set $jwkctl and $work.
# shellcheck shell=bash disable=SC2154,SC2034

failures=0

failed() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$@"
}

equal() { # what, expected, got
    [[ $2 == "$3" ]] || failed "$1" "  expected: $2" "  got:      $3"
}

contains() { # what, part, text
    [[ $3 == *"$2"* ]] || failed "$1" "  expected a part: $2" "  got: $3"
}

# Runs jwkctl: $out, $err and $code are what came of it.
run() {
    timeout 60 "$jwkctl" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    out=$(<"$work/out")
    err=$(<"$work/err")
}
