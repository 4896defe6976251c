#!/usr/bin/env bash
# jwkctl before a real daemon: rotation, retirement, deactivation.
#   test_jwkctl_service.sh JWKCTL JWKD SOURCE_DIR
set -u

jwkctl=$1
jwkd=$2
source_dir=$3
work=$(mktemp -d /tmp/jwkctl-XXXXXX) # a socket's path is short
daemon=
# shellcheck disable=SC2317 # called at the end
leave() {
    [[ -z $daemon ]] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null
    rm -rf "$work"
}
trap leave EXIT
export JWKD_URL=$work/run/rpc.sock
# shellcheck source=tests/cli/checks.sh
source "$source_dir/tests/cli/checks.sh"

# await WHAT COMMAND...: until the command succeeds.
await() {
    local until=$((SECONDS + 60)) what=$1
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= until)); then
            failed "$what did not happen in time"
            return 1
        fi
        sleep 0.05
    done
}

ok() { # what succeeds
    run "$@"
    equal "'$*': exit code ($err)" 0 "$code"
}

fails() { # with which message, what fails
    run "${@:2}"
    equal "'${*:2}': exit code" 1 "$code"
    contains "'${*:2}'" "$1" "$err"
}

# A member of the JSON in $out, or in the second argument: the first of its name.
member() { grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" <<<"${2-$out}" | head -n 1 | cut -d: -f2- | tr -d '"'; }
# Where there are two of a name, the operation's.
of_operation() { member "$1" "${out#*'"operation":'}"; }
primary() { member primary_kid "$("$jwkctl" --json env show "$1")"; }
key_state() { member state "$("$jwkctl" --json show "$1" -- "$2")"; }
has_state() { [[ $(key_state "$1" "$2") == "$3" ]]; }
generate() { member kid "$("$jwkctl" --json generate "$@")"; }

"$jwkd" --data "$work/data" --socket-dir "$work/run" 2>"$work/log" &
daemon=$!
await 'the start of the daemon' "$jwkctl" ping || exit 1

# ---- watch: tells changes, and who made them

"$jwkctl" watch >"$work/watched" 2>&1 &
watch=$!
ok env create seen --algorithm ES256
change_seen() { # again and again, since the watch may begin behind it
    "$jwkctl" env update seen --leeway "$((RANDOM % 60))s" && grep '"ENVIRONMENT_UPDATED"' "$work/watched"
}
await 'an event' change_seen
contains 'watch' "\"principal\":\"uid:$(id -u)\"" "$(grep '"ENVIRONMENT_UPDATED"' "$work/watched")"
kill "$watch"
wait "$watch"
ok env delete seen

# ---- a socket that lets us not in

mkdir "$work/closed"
chmod 700 "$work/closed"
shut_out=(env)
if ((EUID == 0)); then
    shut_out=(setpriv --reuid 65534 --regid 65534 --clear-groups)
else
    chmod 000 "$work/closed"
fi
if "${shut_out[@]}" "$jwkctl" --version >/dev/null 2>&1; then
    out=$("${shut_out[@]}" "$jwkctl" --url "$work/closed/rpc.sock" ping 2>&1)
    equal 'no permission on the socket: exit code' 3 $?
    contains 'no permission on the socket' 'no permission to connect to ' "$out"
    contains 'no permission on the socket' "'ls -l'" "$out"
fi

# ---- closed descriptors: nothing else may get their numbers

ok env create closed --algorithm ES256
generate closed >/dev/null
err=$("$jwkctl" sign closed --sub a 2>&1 >&-)
equal 'sign >&-: exit code' 1 $?
contains 'sign >&-' 'cannot write to standard output' "$err"
# While it waits for the service, which does not answer; it gives up after some seconds, and is started anew.
sign_closed() {
    "$jwkctl" sign closed --sub a <&- >&- 2>&- &
    waiting=$!
    while kill -0 "$waiting" 2>/dev/null; do
        local held='' fd
        [[ $(readlink "/proc/$waiting/exe") != */jwkctl ]] ||
            for fd in 0 1 2; do held+=$(readlink "/proc/$waiting/fd/$fd"); done
        [[ $held != /dev/null/dev/null/dev/null ]] || return 0
        sleep 0.05
    done
    return 1
}
kill -STOP "$daemon"
await 'standard descriptors on /dev/null' sign_closed
kill -CONT "$daemon"
wait "$waiting"
equal 'sign <&- >&- 2>&-: exit code' 1 $?

# ---- generate: at once where the environment has no followers, and with --now and --hold

ok env create plain --algorithm ES256
ok generate plain
[[ $out =~ ^made\ [^\ ]+\ \(ES256\):\ primary\;\ plain\ is\ at\ revision\ 2 ]] || failed "generate printed: $out"
contains 'the reason' 'it signs already (nobody follows the environment)' "$out"
first=$(primary plain)
ok generate plain --hold
contains 'generate --hold' ': active; plain is at revision 3' "$out"
equal 'generate --hold: lines' 1 "$(wc -l <"$work/out")"
equal 'the primary key after --hold' "$first" "$(primary plain)"
ok --json generate plain --hold
equal '--json generate --hold: held' true "$(member held)"
[[ $out != *'"operation"'* ]] || failed "a held key has an operation: $out"
ok --json generate plain --now
equal '--json generate --now: state' primary "$(member state)"
equal '--json generate --now: phase' 'done' "$(of_operation phase)"
equal '--json generate --now: kind' promotion "$(of_operation kind)"
contains '--json generate --now' 'as was asked' "$(of_operation reason)"

# ---- each kind of key, from making it to verifying by a document

for algorithm in ES256 ES384 ES512 ES256K EdDSA Ed448; do
    name=with-${algorithm,,}
    ok env create "$name" --algorithm "$algorithm"
    ok generate "$name"
    contains "generate, $algorithm" "($algorithm)" "$out"
    "$jwkctl" sign "$name" --sub alice >"$work/token"
    ok verify "$name" "$(<"$work/token")"
    ok verify "$name" --local "$(<"$work/token")"
    "$jwkctl" jwks "$name" >"$work/jwks"
    contains "the key set, $algorithm" "\"alg\":\"$algorithm\"" "$(<"$work/jwks")"
    ok verify --jwks "$work/jwks" --alg "$algorithm" "$(<"$work/token")"
    ok jwks "$name" --pem
    contains "a key in PEM, $algorithm" 'BEGIN PUBLIC KEY' "$out"
done
openssl ecparam -name secp256k1 -genkey -noout -out "$work/secp256k1.pem"
ok import with-es256k "$work/secp256k1.pem" --now
contains 'import, ES256K' '(ES256K)' "$out"
ok verify with-es256k "$("$jwkctl" sign with-es256k --sub alice)"
equal 'a key set of secp256k1' 2 "$("$jwkctl" jwks with-es256k | grep -o '"crv":"secp256k1"' | wc -l)"

# ---- a promotion that waits: readers of the JWKS are given the time to fetch it

ok env create slow --algorithm ES256 --jwks-max-age 1h
ok generate slow
first=$(primary slow)
ok generate slow
contains 'a promotion that waits' "published; becomes primary when its subscribers have it: 'jwkctl operation show " "$out"
id=$(grep -oE '[0-9a-f]{32}' <<<"$out" | head -n 1)
second=$(cut -d' ' -f2 <<<"${out%%$'\n'*}")
equal 'the primary key meanwhile' "$first" "$(primary slow)"
ok operation show "$id"
contains 'operation show' 'phase          waiting' "$out"
contains 'operation show' "key            $second" "$out"
contains 'operation show' ' s more' "$out"
ok --json operation show "$id"
equal 'operation show --json' "$id promotion waiting slow $second" \
    "$(member id) $(member kind) $(member phase) $(member environment) $(member kid)"
(($(member at_most_ms) > 0)) || failed "at_most_ms: $out"
equal 'operation show --json: ended_at' '' "$(member ended_at)"
ok env show slow
contains 'env show' "pending        $second becomes primary: " "$out"
contains 'env show' "operation      $id" "$out"
contains 'env show' 'JWKS           readers may keep it for 1h' "$out"
ok --json env show slow
equal 'env show --json' "$id waiting" "$(of_operation id) $(of_operation phase)"
equal 'env show --json: jwks_max_age_sec' 3600 "$(member jwks_max_age_sec)"

fails 'is published and not primary yet' generate slow --wait --timeout 0
contains 'a wait that is over' "jwkctl operation show " "$err"
ok --json operation show "$id"
equal 'a promotion after another one began' "cancelled" "$(member phase)"
contains 'a promotion after another one began' 'later key' "$(member reason)"

# One command waits for a promotion, another one cancels it.
"$jwkctl" generate slow --wait >"$work/waiting" 2>"$work/told" &
waiting=$!
await 'what will be' grep -q ^made "$work/waiting"
ok set-primary slow -- "$first"
wait "$waiting"
equal 'a promotion that set-primary cancels: exit code' 1 $?
contains 'a promotion that set-primary cancels' 'does not become primary: another key was set primary' "$(<"$work/told")"
equal 'the primary key after the cancelling' "$first" "$(primary slow)"
ok --json env show slow
equal 'nothing waits then' null "$(member operation)"

ok --json generate slow
id=$(of_operation id)
third=$(member kid)
ok set-primary slow -- "$third"
ok --json operation show "$id"
equal 'a promotion by hand' 'done it was set primary by hand' "$(member phase) $(member reason)"

fails 'no operation of this id' operation show 00000000000000000000000000000000
run operation show 12
equal 'operation show 12: exit code' 2 "$code"
contains 'operation show 12' '32 hexadecimal digits' "$err"

# ---- rotate

ok env create read --algorithm ES256 --jwks-max-age 1h
ok generate read
old=$(primary read)
ok --json rotate read
new=$(member kid)
equal 'a rotation that waits' 'rotation waiting' "$(of_operation kind) $(of_operation phase)"
equal 'a rotation that waits: primary_kid' "$old" "$(member primary_kid)"
fails 'is waiting to become primary already' rotate read
ok rotate read --abort
contains 'abort before the promotion' "took back $new (ES256): active;" "$out"
contains 'abort before the promotion' "read signs with $old" "$out"
equal 'the key of an aborted rotation' 'active true' "$(key_state read "$new") $(member held "$("$jwkctl" --json show read -- "$new")")"
ok env update read --jwks-max-age 1s
ok --json rotate read
equal 'a rotation after a lowered --jwks-max-age' 'waiting' "$(of_operation phase)"
(($(member at_most_ms) > 3000000)) || failed "a rotation after a lowered --jwks-max-age: $out"

ok env create shop --algorithm ES256 --jwks-max-age 1s --leeway 0
ok generate shop
old=$(primary shop)
ok sign shop --sub a --ttl 1h
ok generate shop --hold
ok --json rotate shop --wait
new=$(member kid)
equal 'rotate --wait' 'primary rotation done' "$(member state) $(of_operation kind) $(of_operation phase)"
equal 'rotate --wait: primary_kid' "$new" "$(member primary_kid)"
equal 'the key that was replaced' retiring "$(key_state shop "$old")"
ok list shop
contains 'list' 'IN USE' "$out"
[[ $out =~ ${old:0:12}\ +retiring\ +ES256\ .*\ in\ [0-9]+m\ +1\  ]] || failed "list of a retiring key: $out"
ok --json list shop
equal 'list --json: tokens_signed' $'0\n0\n1' "$(grep -o '"tokens_signed":[0-9]*' <<<"$out" | cut -d: -f2)"
ok show shop -- "$old"
contains 'show' 'signed         1 token since the service was started' "$out"
for field in 'retiring since' 'in use until' 'last used'; do contains 'show' "$field " "$out"; done
ok --json show shop -- "$old"
for field in retiring_since last_expiry last_used_at; do (($(member "$field") > 1700000000)) || failed "show --json: $field: $out"; done
equal 'show --json: tokens_signed' 1 "$(member tokens_signed)"
ok rotate shop --abort
contains 'abort after the promotion' "shop signs with $old" "$out"
equal 'the old key after the abort' primary "$(key_state shop "$old")"
ok --json rotate shop --now
equal 'rotate --now' 'primary rotation done' "$(member state) $(of_operation kind) $(of_operation phase)"
ok env create single --algorithm ES256 --mode exclusive
ok generate single
fails 'exclusive mode does not rotate' rotate single
fails 'there is no environment "none"' env show none
fails 'there is no environment "none"' list none

# ---- a kid is named by any beginning that no other has, of four characters or more

jwk_with_kid() { # kid, file
    tr -d '\n' <"$source_dir/tests/data/keys/$2" | sed -E 's/,? *"(use|key_ops|kid)": *("[^"]*"|\[[^]]*\])//g; s/\{/{"kid":"'"$1"'",/; s/,,/,/' >"$work/$1.jwk"
    chmod 600 "$work/$1.jwk"
}
jwk_with_kid deadbeef rfc7517-a2-ec.jwk
jwk_with_kid deadbeef-second rfc7515-a3.jwk
jwk_with_kid --Dashed rfc8037-a1.jwk
ok env create short --algorithm ES256
ok import short "$work/deadbeef.jwk"
ok import short "$work/deadbeef-second.jwk" --hold
ok import short "$work/--Dashed.jwk" --hold --algorithm EdDSA
run --json show short dead
equal 'a beginning of two kids: exit code' 1 "$code"
contains 'a beginning of two kids' '"dead\" is the beginning of 2 kids of short' "$err"
run show short dead
contains 'a beginning of two kids: the one' $'\n  deadbeef primary' "$err"
contains 'a beginning of two kids: the other' $'\n  deadbeef-second active' "$err"
run deactivate short dead --allow-none
equal 'what is ambiguous is not deactivated' '1 primary active' "$code $(key_state short deadbeef) $(key_state short deadbeef-second)"
ok --json show short deadbeef
equal 'a whole kid stands for itself' deadbeef "$(member kid)"
ok --json show short deadbeef-
equal 'a beginning of one kid' deadbeef-second "$(member kid)"
fails 'no key with the kid' show short dea
contains 'a beginning that is too short' $'\n  the beginning of a kid stands for it from 4 characters on' "$err"
fails 'no key with the kid' show short deadbeef-x
fails 'there is no environment "none"' show none dead
ok set-primary short deadbeef-s
contains 'set-primary of a beginning' 'promoted deadbeef-second (ES256)' "$out"
ok retire short deadbeef
ok show short --Da
contains 'a kid that begins with two dashes' 'kid            --Dashed' "$out"
ok deactivate short --Dash
contains 'deactivate of a beginning' 'stopped --Dashed (EdDSA): deactivated' "$out"
ok destroy short --Dash
contains 'destroy of a beginning' 'erased --Dashed (EdDSA): destroyed' "$out"
single_kid=$(primary single)
ok generate single --invalidate "${single_kid:0:10}"
contains 'generate --invalidate of a beginning' "stopped $single_kid" "$out"
equal 'generate --invalidate of a beginning' deactivated "$(key_state single "$single_kid")"

# ---- tables are no wider than a terminal, and what they show of a kid names it

ok env create a-name-of-forty-characters-and-even-some-more --algorithm RS256 --issuer https://accounts.example.org/a/tenant/with/a/long/path
ok list short
equal 'list: lines wider than 80' '' "$(awk 'length > 80' <<<"$out")"
contains 'list tells kids apart' 'deadbeef-sec ' "$out"
listed=$("$jwkctl" list plain | awk 'NR == 2 { print $1 }')
equal 'what list shows of a kid' 12 "${#listed}"
ok show plain "$listed"
ok env list
equal 'env list: lines wider than 80' '' "$(awk 'length > 80' <<<"$out")"
listed=$(awk '$1 == "plain" { print $5 }' <<<"$out")
ok --json show plain "$listed"
equal 'what env list shows of a kid' primary "$(member state)"

# ---- verify --local without the keys

ok env create quiet --algorithm ES256 --show-once
ok generate quiet
token=$("$jwkctl" sign quiet --sub a)
run verify quiet --local "$token"
equal 'verify --local of a key that was shown once' \
    'UNKNOWN_KEY the environment showed this key once only, and nobody added it here' "$out"
run verify quiet "$token"
equal 'verify of a key that was shown once' VALID "${out%% *}"

# ---- claims in the spelling that was signed, from each way of judging

ok env create exact --algorithm ES256
generate exact >/dev/null
"$jwkctl" jwks exact >"$work/exact.jwks"
token=$("$jwkctl" sign exact --aud b --ttl 5m --claims '{"id":12345678901234567890,"ratio":1.10,"iss":"","sub":"a","e":"é"}')
for how in 'exact' 'exact --local' "--jwks $work/exact.jwks"; do
    # shellcheck disable=SC2086
    run --json verify $how "$token"
    contains "verify --json $how" '"ratio":1.10,"iss":"","sub":"a","e":"\u00E9"}}' "$out"
    contains "verify --json $how" '"id":12345678901234567890,' "$out"
    # shellcheck disable=SC2086
    run verify $how "$token"
    [[ $out =~ ^VALID\ kid=[^\ ]+\ iss=\"\"\ sub=a\ aud=b\ exp=20[0-9T:-]+Z$ ]] || failed "verify $how: $out"
done

# ---- by schedule

ok --json env create often --algorithm ES256 --rotate-every 1s
equal 'env create --rotate-every' 1 "$(member rotate_every_sec)"
before=$(generate often)
rotated() { [[ $(primary often) != "$before" ]]; }
await 'a rotation by schedule' rotated
ok env show often
contains 'env show of a schedule' 'rotates        every 1s' "$out"
ok --json env update often --rotate-every 0
equal 'env update --rotate-every 0' '0 null' "$(member rotate_every_sec) $(member rotate_at)"

# ---- retire

ok env create brief --algorithm ES256 --leeway 0 --max-ttl 5s
old=$(generate brief)
ok sign brief --sub a --ttl 1s
fails 'is the primary key' retire brief -- "$old"
ok generate brief
ok retire brief -- "$old"
contains 'retire' "$old (ES256) retires; brief is at revision " "$out"
contains 'retire' 'once its last token has expired, 20' "$out"
await 'the deactivation of a key that retires' has_state brief "$old" deactivated
idle=$(generate brief --hold)
ok retire brief -- "$idle"
contains 'retire of a key that signed nothing' 'it signed nothing' "$out"
await 'the deactivation of a key that signed nothing' has_state brief "$idle" deactivated
fails 'no key with the kid' retire brief none
back=$(generate brief --hold)
ok env update brief --leeway 10m
ok set-primary brief -- "$back"
ok sign brief --sub a
ok generate brief
ok --json retire brief -- "$back"
equal 'retire --json' retiring "$(member state)"
ok set-primary brief -- "$back"
equal 'a retirement taken back' primary "$(key_state brief "$back")"

# ---- deactivate: succeeds, with or without news of subscribers

ok env create gone --algorithm ES256
old=$(generate gone)
token=$("$jwkctl" sign gone --sub a)
new=$(generate gone)
ok deactivate gone --yes -- "$old"
contains 'deactivate' "stopped $old (ES256): deactivated; gone is at revision 4" "$out"
contains 'deactivate' "gone signs with $new" "$out"
run verify gone "$token"
equal 'a token of the deactivated key' KEY_DEACTIVATED "${out%% *}"
ok --json deactivate gone --no-wait -- "$old"
contains 'deactivate --json' '"receipt":' "$out"
ok destroy gone -- "$old"
ok deactivate gone --yes -- "$old"
contains 'deactivate of a destroyed key' "already stopped $old (ES256): destroyed; gone is at revision 5" "$out"
fails 'last active key' deactivate gone --yes -- "$new"
ok deactivate gone --yes --allow-none -- "$new"
contains 'deactivate --allow-none' 'gone has no key to sign with' "$out"
fails 'no key with the kid' deactivate gone --yes none

# ---- deactivate on a terminal: what it says before it asks

at_terminal() { # answer, arguments
    local line
    printf -v line '%q ' "$jwkctl" "${@:2}"
    out=$(set -o pipefail; timeout 60 script -qec "$line" /dev/null <<<"$1" | tr -d '\r')
    code=$?
}
if command -v script >/dev/null; then
    ok env create asked --algorithm ES256
    only=$(generate asked)
    ok sign asked --sub a
    at_terminal y deactivate asked -- "$only"
    contains 'the last key' 'this is the last active key' "$out"
    equal 'the last key: exit code' 1 "$code"
    [[ $out != *'[y/N]'* ]] || failed "deactivate asked what is refused anyway: $out"
    equal 'the last key' primary "$(key_state asked "$only")"
    at_terminal n deactivate asked --allow-none -- "$only"
    contains 'the last key with --allow-none' "$only is primary in asked and signed 1 token since" "$out"
    contains 'the last key with --allow-none' 'Nothing can be signed then.' "$out"
    held=$(generate asked --hold)
    at_terminal n deactivate asked -- "$only"
    contains 'the one before a held key' "$held signs then." "$out"
    contains 'an answer of no' 'nothing was changed' "$out"
    new=$(generate asked)
    at_terminal n deactivate asked -- "$new"
    contains 'the one before an active and a held key' "$only signs then." "$out"
    generate asked >/dev/null
    at_terminal n deactivate asked -- "$(primary asked)"
    contains 'the one before two active keys' 'One of 2 other keys signs then.' "$out"
    at_terminal y deactivate asked -- "$only"
    contains 'a key that does not sign' "$only is active in asked" "$out"
    [[ $out != *'signs then'* ]] || failed "deactivate named a successor of a key that did not sign: $out"
    equal 'an answer of yes' deactivated "$(key_state asked "$only")"
fi

# ---- destroy and env delete ask on a terminal, too

if command -v script >/dev/null; then
    at_terminal n destroy asked "${only:0:8}"
    contains 'destroy: what it says' "$only (ES256) of asked was deactivated " "$out"
    contains 'destroy: the question' 'Erase its private key, for good? [y/N]' "$out"
    contains 'destroy: an answer of no' 'nothing was changed' "$out"
    equal 'destroy: an answer of no' '1 deactivated' "$code $(key_state asked "$only")"
    at_terminal n destroy asked --yes -- "$only"
    [[ $out != *'[y/N]'* ]] || failed "destroy --yes asked: $out"
    equal 'destroy --yes' '0 destroyed' "$code $(key_state asked "$only")"
    at_terminal n destroy asked -- "$(primary asked)"
    [[ $out != *'[y/N]'* ]] || failed "destroy asked what is refused anyway: $out"
    at_terminal y env delete asked
    [[ $out != *'[y/N]'* ]] || failed "env delete asked what is refused anyway: $out"
    equal 'env delete with active keys: exit code' 1 "$code"
    at_terminal n env delete asked --force
    contains 'env delete: what it says' 'asked has 3 active keys, whose tokens are refused from then on.' "$out"
    contains 'env delete: an answer of no' 'nothing was changed' "$out"
    ok env show asked
    at_terminal y env delete asked --force
    equal 'env delete: an answer of yes' 0 "$code"
    fails 'there is no environment' env show asked
    ok env create empty
    at_terminal n env delete empty
    contains 'env delete of an empty one' 'empty has no active key.' "$out"
    at_terminal n env delete empty --yes
    equal 'env delete --yes' 0 "$code"
    fails 'there is no environment' env show empty
fi

((failures == 0)) || echo "$failures failed"
exit $((failures > 0))
