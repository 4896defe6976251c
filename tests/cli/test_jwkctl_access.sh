#!/usr/bin/env bash
# jwkctl before a real daemon: who may do what. What takes another user is left out unless root runs it.
#   test_jwkctl_access.sh JWKCTL JWKD SOURCE_DIR
set -u

jwkctl=$1
jwkd=$2
source_dir=$3
work=$(mktemp -d /tmp/jwkctl-XXXXXX) # a socket's path is short
daemon= watcher=
# shellcheck disable=SC2317 # called at the end
leave() {
    for process in $watcher $daemon; do { kill "$process" && wait "$process"; } 2>/dev/null; done
    rm -rf "$work"
}
trap leave EXIT
export JWKD_URL=$work/run/rpc.sock
unset JWKD_TOKEN_FILE
# shellcheck source=tests/cli/checks.sh
source "$source_dir/tests/cli/checks.sh"

await() { # WHAT COMMAND...: until the command succeeds
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

lacks() { # what, part, text
    [[ $3 != *"$2"* ]] || failed "$1: has $2"
}
member() { grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" <<<"${2-$out}" | head -n 1 | cut -d: -f2- | tr -d '"'; }
start() {
    "$jwkd" --data "$work/data" --socket-dir "$work/run" "$@" 2>>"$work/log" &
    daemon=$!
    await 'the start of the daemon' "$jwkctl" ping || exit 1
}
stop() { kill "$daemon" && wait "$daemon"; daemon=; }

start
ok env create shop --issuer https://shop.example --algorithm ES256
ok env create tenant-1 --issuer https://one.example --algorithm ES256
ok env create tenant-10 --issuer https://ten.example --algorithm ES256
ok generate shop
kid=$("$jwkctl" --json env show shop)
kid=$(member primary_kid "$kid")
me=$(member principal "$("$jwkctl" --json whoami)")
equal 'whoami' "uid:$(id -u)" "$me"

# ---- An account, its token, and what it may by a rule

fails 'create it first' grant add account:orders signer shop
ok account create orders --note 'the order service'
fails 'already' account create orders
fails 'begins with a letter or digit' account create Orders
ok token create orders --out "$work/token" --ttl 1d
equal 'mode of a token file' 600 "$(stat -c %a "$work/token")"
fails 'exists' token create orders --out "$work/token"
as_orders=(--token-file "$work/token")
fails 'it takes the right "sign" there (denial ' "${as_orders[@]}" sign shop --sub acct-1

rule='{"aud": ["billing"], "claims": {"sub": {"prefix": "acct-"}}, "max_ttl": "10m"}'
fails 'there is no role' grant add account:orders boss shop
fails 'max_ttl' grant add account:orders signer shop --rule '{"max_ttl": 10}'
ok grant add account:orders signer shop --rule "$rule" --dry-run
ok grant list account:orders
contains 'a dry run grants nothing' 'no such grant' "$err"
ok --json grant add account:orders signer shop --rule "$rule"
grant=$(member id)
fails "by grant $grant" grant add account:orders signer shop

ok "${as_orders[@]}" sign shop --sub acct-1 --aud billing --ttl 10m
fails 'claim "sub"' "${as_orders[@]}" sign shop --sub root --aud billing
fails 'claim "aud"' "${as_orders[@]}" sign shop --sub acct-1 --aud ledger
fails 'claim "aud"' "${as_orders[@]}" sign shop --sub acct-1
fails 'longest that is allowed is 600' "${as_orders[@]}" sign shop --sub acct-1 --aud billing --ttl 11m
ok "${as_orders[@]}" sign shop --sub acct-1 --aud billing
contains 'a token by the default lifetime' . "$out"
JWKD_TOKEN_FILE=$work/token ok "${as_orders[@]}" whoami
contains 'whoami by a token' 'account:orders' "$out"
contains 'whoami by a token' 'which does not count' "$out"

ok grant test account:orders sign shop --claims '{"sub":"acct-1"}' --aud billing
run grant test account:orders sign shop --claims '{"sub":"root"}' --aud billing
equal 'a test that says no: exit code' 1 "$code"
contains 'a test that says no' 'no: claim "sub"' "$out"
run grant test account:orders rotate shop
equal 'a test of another right: exit code' 1 "$code"
contains 'a test of another right' 'the right "manage"' "$out"

# ---- What is denied, and why

for denied in "list shop" "generate shop" "deactivate shop $kid" "destroy shop $kid" "env delete shop" "status" \
    "account list" "token list" "grant list" "env update shop --leeway 1s" "sign tenant-1 --sub acct-1" \
    "receipt shop $kid"; do
    [[ $denied != receipt* ]] || continue # has no verb of its own
    # shellcheck disable=SC2086
    fails '(denial ' "${as_orders[@]}" $denied
done
# Whether there is such an environment is not told.
fails 'it takes the right "see" there' "${as_orders[@]}" list tenant-1
of_one_there=${err//tenant-1/X}
fails 'it takes the right "see" there' "${as_orders[@]}" list tenant-2
of_none=${err//tenant-2/X}
equal 'of an environment that is not there' "${of_one_there%(denial*}" "${of_none%(denial*}"
ok "${as_orders[@]}" env list
contains 'what one may verify in' shop "$out"
lacks 'what one may not see' tenant "$out"
fails '"manage"' "${as_orders[@]}" generate shop
denial=$(grep -oE 'denial [0-9a-f]+' <<<"$err" | cut -d' ' -f2)
ok explain "$denial"
contains 'explain' 'generate' "$out"
contains 'explain' 'account:orders' "$out"
fails 'no denial' explain 0000000000
fails '"audit"' "${as_orders[@]}" explain "$denial"

# ---- Prefixes end at their separators

ok account create tenant
ok token create tenant --out "$work/tenant"
ok grant add account:tenant viewer 'tenant-*'
ok --token-file "$work/tenant" list tenant-1
ok --token-file "$work/tenant" list tenant-10
fails '"see"' --token-file "$work/tenant" list shop
fails 'only begin alike' grant add account:tenant viewer 'tenant-1*'
# An operation is found by its id only by one who may see its environment.
ok --json rotate shop
operation=$(member id "${out#*'"operation":'}")
ok operation show "$operation"
fails 'that you may see' --token-file "$work/tenant" operation show "$operation"
ok --token-file "$work/tenant" env list
contains 'environments of a prefix' tenant-10 "$out"
lacks 'environments of a prefix' shop "$out"
ok account delete tenant
fails 'no API token of this service' --token-file "$work/tenant" whoami

# ---- Credentials that are none

sed 's/.$/a/; t; s/$/a/' "$work/token" >"$work/wrong"
tr 'a-y' 'b-z' <"$work/token" >"$work/other"
: >"$work/empty"
chmod 600 "$work"/{wrong,other,empty}
fails 'no API token' --token-file "$work/other" whoami
fails 'nothing on its first line' --token-file "$work/empty" whoami
fails 'No such file' --token-file "$work/none" whoami
chmod 640 "$work/token"
fails 'chmod 600' "${as_orders[@]}" whoami
chmod 600 "$work/token"
ok --json token list orders
id=$(member id)
ok token revoke "$id"
fails 'revoked' "${as_orders[@]}" sign shop --sub acct-1 --aud billing
fails 'no token' token revoke "$id"

# ---- Grants end, and the last admin stays

ok grant remove "$grant"
fails 'no grant' grant remove "$grant"
ok grant add account:orders signer tenant-1
ok env delete tenant-1 --yes
ok env create tenant-1 --issuer https://one.example --algorithm ES256
ok grant list account:orders
contains 'a grant of an environment that was deleted' 'no such grant' "$err"
while read -r admin; do last=$admin; done < <("$jwkctl" grant list | awk '$3 == "admin" {print $1}')
for admin in $("$jwkctl" grant list | awk '$3 == "admin" {print $1}'); do
    [[ $admin == "$last" ]] || ok grant remove "$admin"
done
fails 'the last grant of admin' grant remove "$last"

# ---- A restart keeps all of it; another admin by an option

ok grant add uid:4242 importer shop
before=$("$jwkctl" grant list | sort)
stop
start --admin uid:4243
equal 'grants after a restart' "$(grep -v 4243 <<<"$before")" "$("$jwkctl" grant list | grep -v 4243 | sort)"
contains 'the log' 'uid:4243 was made an admin' "$(<"$work/log")"
stop
for wrong in "--ipc-role boss" "--tcp-role signer" "--insecure-tcp perhaps" "--admin everybody" \
    "--listen tcp://127.0.0.1:1 --listen-events tcp://127.0.0.1:2"; do
    # shellcheck disable=SC2086
    "$jwkd" --data "$work/data" --socket-dir "$work/run" $wrong 2>"$work/err"
    equal "jwkd $wrong: exit code" 2 "$?"
done
contains 'a tcp socket for nobody' 'tcp-role = verifier' "$(<"$work/err")"

# ---- Another user

if ((EUID == 0)) && command -v setpriv >/dev/null; then
    start
    chmod 755 "$work" "$work/run"
    chmod 666 "$work"/run/*.sock
    # Where the programs are built nobody else may be able to go.
    cp "$jwkctl" "$work/jwkctl" && cp "$(ldd "$jwkctl" | awk '/libjwkd/ {print $3}')" "$work/"
    cp "$source_dir/tests/tsan.supp" "$work/" && chmod 644 "$work/tsan.supp"
    [[ -z ${TSAN_OPTIONS-} ]] || export TSAN_OPTIONS=suppressions=$work/tsan.supp:atexit_sleep_ms=100
    as() { LD_LIBRARY_PATH=$work setpriv --reuid "$1" --regid "$1" --clear-groups "$work/jwkctl" "${@:2}"; }
    contains 'a user without a grant' ipc_role "$(as 4244 whoami)"
    contains 'a user without a grant' 'the right "sign"' "$(as 4244 sign shop --sub x 2>&1)"
    contains 'the overflow uid' 'It may nothing' "$(as 65534 whoami)"
    # One that hears is cut off when it may no longer, and hears again when it may.
    LD_LIBRARY_PATH=$work setpriv --reuid 4244 --regid 4244 --clear-groups "$work/jwkctl" watch shop \
        >"$work/watched" 2>&1 &
    watcher=$!
    hears() { "$jwkctl" generate shop >/dev/null; grep -q KEY_PUBLISHED "$work/watched"; }
    await 'an event at another user' hears
    ok --json grant add uid:4244 importer shop
    grant=$(member id)
    await 'the end of the event stream' grep -q DISCONNECTED "$work/watched"
    contains 'a watch without the right' 'may not hear events' "$(as 4244 watch shop 2>&1)"
    ok grant remove "$grant"
    again() { (($(grep -c '"CONNECTED"' "$work/watched") >= 2)); }
    await 'the event stream again' again
    stop
fi

((failures == 0)) || echo "$failures failed"
exit $((failures > 0))
