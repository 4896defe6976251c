#!/usr/bin/env bash
# Installs what the build needs, builds, and shows jwkd at work: sign, verify in two other processes, rotate,
# deactivate. Runs on Debian 12 and 13, as root or with sudo. Everything it starts, it ends; what is built stays
# in build/release.
#   deploy/quickstart.sh         all of it
#   deploy/quickstart.sh build   the packages and the build only
set -euo pipefail
export LC_ALL=C # so that EPOCHREALTIME has a point
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/packages.sh
bin=$PWD/build/release/bin

step() { printf '\n== %s\n' "$*"; }
# Shows a command as one would type it, then runs it.
run() {
  echo "\$ $*"
  "$@"
}
fail() {
  echo "quickstart: $*" >&2
  exit 1
}
now_us() { echo "${EPOCHREALTIME/./}"; }

# ---- Build ----

# Says every tenth of the way; what the compiler says is in the log.
show_progress() {
  local line percent shown=0
  while IFS= read -r line; do
    echo "$line" >&3
    [[ $line =~ ^\ *([0-9]+)%\  ]] || continue
    percent=$((BASH_REMATCH[1] / 10 * 10))
    ((percent > shown)) || continue
    shown=$percent
    echo "  $shown %"
  done
}

build() {
  local log=build/quickstart.log
  mkdir -p build
  cmake --preset release -DBUILD_TESTING=OFF >"$log" 2>&1 || { tail -20 "$log" >&2; fail "the build could not be configured"; }
  NINJA_STATUS='%p ' cmake --build --preset release -j "$(nproc)" 2>&1 | show_progress 3>>"$log" ||
    { tail -40 "$log" >&2; fail "the build failed; all of it is in $log"; }
}

# ---- Processes ----

scratch=
leave() {
  local status=$? pid
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
  wait
  if [[ $status != 0 && $status != 130 && -s $scratch/jwkd.log ]]; then
    echo "The daemon's log ends with:" >&2
    tail -15 "$scratch/jwkd.log" >&2
  fi
  [[ -z $scratch ]] || rm -rf "$scratch"
  exit "$status"
}

# await SECONDS WHAT COMMAND...: until the command succeeds.
await() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || fail "$what did not happen in time"
    pause
  done
}
# A millisecond, without a process: nobody ever writes to this end.
pause() { read -rt 0.001 -u "$silence" || true; }

start_daemon() {
  jwkd --data "$scratch/data" --socket-dir "$scratch/run" 2>"$scratch/jwkd.log" &
  await 20 "the daemon's start" jwkctl ping
}

# A verifier fetches the keys once, follows the events, and judges a token a line without asking anybody.
start_verifier() {
  local name=$1 to from
  mkfifo "$scratch/$name.in" "$scratch/$name.out"
  exec {to}<>"$scratch/$name.in" {from}<>"$scratch/$name.out"
  tokens[$name]=$to verdicts[$name]=$from
  jwkctl verify demo --local --aud orders <"$scratch/$name.in" >"$scratch/$name.out" &
  echo "verifier $name is process $!"
}

# ask NAME TOKEN: the verifier's line about the token, in $verdict.
ask() {
  echo "$2" >&"${tokens[$1]}"
  read -rt 20 -u "${verdicts[$1]}" verdict || fail "verifier $1 did not answer"
}

# both EXPECTED TOKEN WHAT: both verifiers say so.
both() {
  local name
  for name in A B; do
    ask "$name" "$2"
    printf 'verifier %s: %s: %.150s\n' "$name" "$3" "$verdict"
    [[ $verdict == "$1 "* ]] || fail "verifier $name was expected to say $1"
  done
}

# ---- What is shown ----

primary_kid() { jwkctl --json env show demo | sed -n 's/.*"primary_kid":"\([^"]*\)".*/\1/p'; }
has_event() { grep -qF -e "$1" "$scratch/events"; }

# Asks one verifier about the token until it refuses; leaves the moment in a file.
await_refusal() {
  local until=$((SECONDS + 20))
  verdict=VALID
  while [[ $verdict == "VALID "* || $verdict == VALID ]]; do
    ((SECONDS < until)) || fail "verifier $1 still accepts the token"
    pause
    ask "$1" "$2"
  done
  echo "$(now_us) $verdict" >"$scratch/$1.refused"
}

show_deactivation() {
  local kid=$1 token=$2 name begun answered moment waiting=()
  for name in A B; do
    await_refusal "$name" "$token" &
    waiting+=($!)
  done
  begun=$(now_us)
  run jwkctl deactivate demo --yes --no-wait -- "$kid" # one kid of 4096 begins with two dashes
  answered=$(now_us)
  for name in A B; do wait "${waiting[0]}"; waiting=("${waiting[@]:1}"); done
  awk -v us=$((answered - begun)) 'BEGIN { printf "the command took %.1f ms, its own start included\n", us / 1000 }'
  for name in A B; do
    read -r moment verdict <"$scratch/$name.refused"
    awk -v us=$((moment - begun)) -v name="$name" -v verdict="$verdict" 'BEGIN {
      printf "verifier %s refused the old token %.1f ms after the command began: %s\n", name, us / 1000, verdict }'
  done
}

demonstrate() {
  local old_kid new_kid old_token new_token
  step "A daemon"
  start_daemon
  run jwkctl ping

  step "An environment, and its first RSA-4096 key (made now, which takes seconds; later ones come from a reserve)"
  run jwkctl env create demo --issuer https://id.example.org
  run jwkctl generate demo
  old_kid=$(primary_kid)

  step "An access token"
  echo '$ jwkctl sign demo --sub alice --aud orders --ttl 10m'
  jwkctl sign demo --sub alice --aud orders --ttl 10m | tee "$scratch/old"
  old_token=$(<"$scratch/old")
  run jwkctl inspect - <"$scratch/old"

  step "Two verifiers, each a process of its own with its own copy of the keys"
  jwkctl watch demo >"$scratch/events" &
  start_verifier A
  start_verifier B
  both VALID "$old_token" "the token"

  step "A rotation: the new key signs once every verifier has it, the old one still verifies"
  run jwkctl rotate demo --wait
  new_kid=$(primary_kid)
  [[ $new_kid != "$old_kid" ]] || fail "the key did not change"
  await 20 "the event of the rotation" has_event "$new_kid"
  printf "'jwkctl watch' saw: %.130s...\n" "$(grep -F -e "$new_kid" "$scratch/events" | head -1)"
  new_token=$(jwkctl sign demo --sub alice --aud orders --ttl 10m)
  both VALID "$new_token" "a token of the new key"
  both VALID "$old_token" "the token of the old key"
  run jwkctl list demo

  step "The old key is deactivated: its tokens are refused from now on"
  show_deactivation "$old_kid" "$old_token"
  both KEY_DEACTIVATED "$old_token" "the token of the old key"
  both VALID "$new_token" "the token of the new key"
}

next_steps() {
  step "That was jwkd. What to try next"
  cat <<NEXT
Start one of your own, in one terminal:
  export PATH=$bin:\$PATH
  jwkd --data /tmp/jwkd-data --socket-dir /tmp/jwkd-run
and in another:
  export PATH=$bin:\$PATH JWKD_URL=/tmp/jwkd-run/rpc.sock
  jwkctl env create shop --issuer https://shop.example.org --algorithm ES256
  jwkctl generate shop
  jwkctl sign shop --sub bob | jwkctl verify shop
  jwkctl watch shop        # then rotate from a third terminal: jwkctl rotate shop --wait
  jwkctl help

Run every test:        tests/run.sh
Run it for real:       deploy/README.md
NEXT
}

case $#:${1:-} in 0: | 1:build) ;; *) sed -n '2,6s/^# \{0,1\}//p' deploy/quickstart.sh >&2; exit 2 ;; esac
step "Packages and build"
install_packages "${build_packages[@]}"
build
if [[ ${1:-} == build ]]; then exit; fi

trap leave EXIT
trap 'exit 130' INT TERM
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jwkd-quickstart.XXXXXX")
mkfifo "$scratch/silence"
exec {silence}<>"$scratch/silence"
declare -A tokens=() verdicts=()
export JWKD_URL=$scratch/run/rpc.sock PATH=$bin:$PATH
demonstrate
next_steps
