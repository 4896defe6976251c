#!/usr/bin/env bash
# Checks the model of delivery exhaustively with spin: as it is, no step breaks a promise; with any one rule broken,
# some step does, or the model would prove nothing.
#   tests/model/check.sh          all of it, a line a run
#   tests/model/check.sh RULE...  the shortest way to a broken promise without that rule, step by step
# DEFINES="UNDER_WAY=2 NEXT_LEASE=2" changes the numbers at the head of the model.
set -euo pipefail
model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/delivery.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$model" .
failures=0

# What breaks a rule, as it is called after #ifdef in the model; proto/DELIVERY.md names it with the rule. After a
# colon: ONLY_3, if promise 3 is what must break; or what must be able to happen for the rule to matter. Leaving the
# rest out saves time.
rules=(
  # States
  APPLY_ACROSS_GAP TAKE_OLDER_SNAPSHOT:ONLY_3 IGNORE_EPOCH:BACKUP SIGN_AT_ONCE_AFTER_RESTORE:BACKUP
  # Time
  OFFSET_FROM_ANSWER:ONLY_3 STOP_CLOCK_IN_SUSPEND:ONLY_3 DRIFT_IN_EACH_LEASE:ONLY_3
  # Registration
  FOLLOW_AFTER_SNAPSHOT STAY_FRESH_OVER_HELLO REVIVE_INSTANCE KEEP_NO_LONGER_THAN_REGISTERED REGISTERED_FROM_ANSWER
  CONFIRM_BEFORE_SWAP:ONLY_3 IGNORE_SEQUENCE:STRAY RENEW_WHILE_ASKING:STRAY
  # Heartbeats, freshness
  STAMP_AFTER_REVISIONS:ONLY_3 LIST_ONLY_WHAT_WAS_SENT:ONLY_3 IGNORE_COVERS_FROM:ONLY_3 KEEP_LEASE_WHILE_BEHIND:ONLY_3
  READ_SERVICE_REVISION_LAST:ONLY_3 SYNCHRONISE_BY_ANOTHER_ENVIRONMENT:ONLY_3 READ_STATE_BEFORE_SIGNATURE:ONLY_3
  TRUST_ANOTHER_BOOT:RESTART
  # Promotion. The first is --now, and the last of these four what a deactivation does that cannot wait.
  PROMOTE_AT_ONCE PROMOTE_BY_TIMEOUT PROMOTE_WITHOUT_DRIFT PROMOTE_SUCCESSOR_UNCONFIRMED
  PROMOTE_AT_ONCE_AFTER_START:RESTART FORGET_LONGER_LEASE:RESTART
)

# explore CC_FLAGS DEFINES...: searches; the file out is what was said.
explore() {
  local flags=$1 started=${EPOCHREALTIME/[.,]/}
  # shellcheck disable=SC2206
  defines=(${DEFINES:-} "${@:2}")
  defines=("${defines[@]/#/-D}")
  rm -f pan pan.* ./*.trail
  # shellcheck disable=SC2086
  { spin "${defines[@]}" -a delivery.pml && ${CC:-cc} -w -DSAFETY -DNOREDUCE $flags -o pan pan.c &&
    ./pan -m200000 -w22; } >out 2>&1 || true
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out | head -1)
  took=$(((${EPOCHREALTIME/[.,]/} - started) / 100000))
}

# break_rule CC_FLAGS RULE[:WHAT]
break_rule() {
  local broken_by=("${2%:*}") what
  for what in RESTART BACKUP STRAY; do
    [[ $2 == *:$what ]] || broken_by+=("WITHOUT_$what")
  done
  [[ $2 != *:ONLY_3 ]] || broken_by+=(ONLY_3)
  explore "$1" "${broken_by[@]}"
}

report() { # WHAT RESULT
  printf '%-43s %-21s %8s states %3d.%d s\n' "$1" "$2" "${states:-no}" $((took / 10)) $((took % 10))
}
failed() { # WHAT RESULT
  failures=$((failures + 1))
  report "$1" "FAILED: $2"
  grep -vE '^$|^Depth' out | head -30
}

# The search was whole: nothing found, nothing cut short, and no statement (but the end of the endless loop) not taken.
holds() {
  grep -q 'errors: 0' out && ! grep -qE 'not completed|too small|out of memory' out &&
    [[ $(grep -c 'delivery.pml:.*, state' out) == 1 ]] && grep -q -- '-end-' out
}

# What was broken; nothing if nothing was. The assertions are told apart by what is in them.
broken() {
  case $(grep -m 1 'assertion violated' out) in
    '') ;;
    *answered*) echo "breaks promise 2" ;;
    *changed*) echo "breaks promise 3" ;;
    *) echo "breaks the receipt" ;;
  esac
}

# find_rule NAME: as it stands in the list.
find_rule() {
  local rule
  for rule in "${rules[@]}"; do
    [[ ${rule%:*} != "$1" ]] || { echo "$rule"; return; }
  done
  echo "$1 is no rule of the model: ${rules[*]%:*}" >&2
  return 2
}

if (($#)); then
  for name in "$@"; do
    rule=$(find_rule "$name")
    break_rule "-O1 -DBFS" "$rule" # breadth first: nothing shorter leads there
    [[ -n $(broken) ]] || { failed "$name" "breaks nothing"; exit 1; }
    report "$name" "$(broken)"
    spin "${defines[@]}" -t delivery.pml | sed -n '/^ *spin:/q; s/^ */  /p'
  done
  exit
fi

explore "-O2 -DSFH"
if holds; then report "the rules" "hold"; else failed "the rules" "a promise is broken, or not all was searched"; fi
for rule in "${rules[@]}"; do
  # Ways to a broken promise 3 are long: depth first finds one sooner, and breadth first the others.
  if [[ $rule == *:ONLY_3 ]]; then break_rule "-O0 -DSFH" "$rule"; else break_rule "-O0 -DBFS" "$rule"; fi
  name="without ${rule%:*}"
  if [[ -n $(broken) ]]; then report "$name" "$(broken)"; else failed "$name" "breaks nothing"; fi
done
((failures == 0)) || { echo "$failures of $((${#rules[@]} + 1)) runs did not come out as they must"; exit 1; }
