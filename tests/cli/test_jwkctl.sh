#!/usr/bin/env bash
# jwkctl without a service: its command line, help, manual, completion, and what it judges by itself.
#   test_jwkctl.sh JWKCTL SOURCE_DIR
set -u

jwkctl=$1
source_dir=$2
data=$source_dir/tests/data/cli
keys=$source_dir/tests/data/keys
manual=$source_dir/client/cli/jwkctl.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset JWKD_URL
export XDG_RUNTIME_DIR=$work
# shellcheck source=tests/cli/checks.sh
source "$source_dir/tests/cli/checks.sh"

# Runs jwkctl with the first argument on its standard input.
run_with() {
    timeout 60 "$jwkctl" "${@:2}" >"$work/out" 2>"$work/err" <<<"$1"
    code=$?
    out=$(<"$work/out")
    err=$(<"$work/err")
}

names() { grep -o '"name":"[^"]*"' | cut -d'"' -f4; }

# The options of one verb, or with "" those of all verbs, from the program's own table.
options_of() {
    local part
    part=$("$jwkctl" --json help)
    if [[ -z $1 ]]; then
        part=${part##*'],"options":['}
    else
        part=${part#*"{\"name\":\"$1\",\"words\""}
        part=${part#*'"options":['}
    fi
    names <<<"${part%%']'*}"
}

# No line of $out is wider than a terminal.
narrow() { # what
    local wide
    wide=$(awk 'length > 80' <<<"$out")
    equal "$1: lines wider than 80" '' "$wide"
}

mapfile -t verbs < <("$jwkctl" --json help | sed 's/"options":\[[^]]*\]//g' | names)

# ---- Help and version: on standard output, with success

equal 'verbs in the table' 37 "${#verbs[@]}"
for arguments in --help -h help; do
    run "$arguments"
    equal "$arguments: exit code" 0 "$code"
    contains "$arguments" 'usage: jwkctl' "$out"
    equal "$arguments: standard error" '' "$err"
    for verb in "${verbs[@]}"; do contains "$arguments" "  $verb " "$out"; done
    narrow "$arguments"
done
run --version
equal '--version: exit code' 0 "$code"
[[ $out =~ ^jwkctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || failed "--version printed: $out"

for verb in "${verbs[@]}"; do
    # shellcheck disable=SC2086 # some verbs are two words
    run help $verb
    equal "help $verb: exit code" 0 "$code"
    contains "help $verb" "usage: jwkctl $verb" "$out"
    for option in $(options_of "$verb"); do contains "help $verb" "  --$option" "$out"; done
    explained=$out
    narrow "help $verb"
    # shellcheck disable=SC2086
    run $verb --help
    equal "$verb --help" "$explained" "$out"
done
run help env
equal 'help env: verbs' 5 "$(grep -c '^  env ' "$work/out")"

# ---- A wrong command line: exit code 2, nothing on standard output

usage() {
    run "$@"
    equal "'$*': exit code" 2 "$code"
    equal "'$*': standard output" '' "$out"
    [[ -n $err ]] || failed "'$*': said nothing"
}
usage
usage bogus
usage env
usage env bogus
usage operation
usage operation list
usage operation show
usage retire a
usage subscribers a b
usage deactivate a b --force
usage help bogus
usage list prod --bogus
usage show prod --bogus
usage bogus --help
usage list
usage list a b
usage show a
usage ping now
usage ping --url foo://x
usage ping --url=
usage ping --url tcp://127.0.0.1
usage list a --pem
usage list a --unknown
usage list a -x
usage list a --url
usage jwks a --pem=1
usage generate a --bits large
usage generate a --bits -1
usage generate a --hold --now
usage generate a --hold --wait
usage generate a --wait --no-wait
usage generate a --timeout 5s
usage generate a --wait --timeout soon
usage rotate a --hold
usage rotate a --abort --now
usage rotate a --abort --timeout 1s
usage rotate a --timeout 1s
usage import a f --hold --now
usage import a f --timeout 5s
usage sign a --ttl soon
usage sign a --ttl 5x
usage sign a --ttl 0
usage sign a --ttl 0s --sub b
usage sign a --claims '{}' --sub b
usage sign a --payload f
usage sign a --payload f --type t --ttl 5m
usage env create a --mode other
usage env create a --aud b --aud c
usage env create a --no-show-once
usage env create a --ttl 0s
usage env create a --max-ttl 0
usage env update a
usage env update a --show-once --no-show-once
usage verify
usage verify a --signature-only
usage verify a b c
usage verify --jwks f a b
usage verify --jwks f --local a
usage verify --jwks -
usage verify --jwks - -
usage verify a --alg PS256
usage verify a --leeway 1m
usage verify --jwks f --leeway 601
run lsit
contains 'a verb with a slip' "there is no verb 'lsit'; did you mean 'list'?" "$err"
run help env shw
contains 'help on a verb with a slip' "there is no verb 'env shw'; did you mean 'env show'?" "$err"
run --json bogus
equal 'usage error with --json: exit code' 2 "$code"
contains 'usage error with --json' '{"error":{"status":"INVALID_ARGUMENT","message":"there is no verb '"'bogus'"'"' "$err"

# ---- No service: exit code 3, and what to do

for url in "ipc://$work/none.sock" "$work/none.sock" tcp://127.0.0.1:1; do
    run ping --url "$url"
    equal "ping of $url: exit code" 3 "$code"
    contains "ping of $url" "$url" "$err"
    contains "ping of $url" 'jwkd --data DIR --socket-dir DIR' "$err"
    equal "ping of $url: standard output" '' "$out"
done
run --url "$work/none.sock" --json list prod
equal 'list --json without a service: exit code' 3 "$code"
contains 'list --json without a service' '{"error":{"status":"UNREACHABLE"' "$err"
run --url "$work/none.sock" deactivate prod -Zu4
equal 'a kid that begins with a dash: exit code' 3 "$code"
run --url "$work/none.sock" deactivate prod --Zu4_x --allow-none
equal 'a kid that begins with two dashes: exit code' 3 "$code"
JWKD_URL=ipc://$work/other.sock run status
equal 'status by JWKD_URL: exit code' 3 "$code"
contains 'status by JWKD_URL' "$work/other.sock" "$err"
JWKD_URL=foo://x run ping
equal 'a bad JWKD_URL: exit code' 1 "$code"
for arguments in 'watch' 'env create a --leeway 0' 'verify prod x.y.z' 'verify prod x.y.z --local' 'sign prod' 'env list' 'jwks prod'; do
    # shellcheck disable=SC2086
    run --url "$work/none.sock" $arguments
    equal "$arguments without a service: exit code" 3 "$code"
done

# ---- Files: exit code 1, and which

run sign prod --claims "$work/none" --url "$work/none.sock"
equal 'claims from no file: exit code' 1 "$code"
contains 'claims from no file' "$work/none" "$err"
head -c 8193 /dev/zero >"$work/large"
run sign prod --claims "$work/large" --url "$work/none.sock"
equal 'claims too large: exit code' 1 "$code"
contains 'claims too large' "$work/large has more than 8192 bytes: too many for the claims" "$err"
run sign prod --claims - --url "$work/none.sock"
equal 'empty claims on standard input: exit code' 1 "$code"
contains 'empty claims on standard input' 'the claims in standard input are empty' "$err"
: >"$work/empty"
run --json sign prod --claims "$work/empty" --url "$work/none.sock"
equal 'empty claims in a file: exit code' 1 "$code"
contains 'empty claims in a file' '{"error":{"status":"MALFORMED","message":"the claims in '"$work/empty are empty" "$err"
run verify --jwks "$work" token
equal 'a JWKS that is a folder: exit code' 1 "$code"
echo '-----BEGIN PUBLIC KEY-----' >"$work/key.pem"
run verify --jwks "$work/key.pem" token
equal 'a JWKS that is none: exit code' 1 "$code"
contains 'a JWKS that is none: its name' "$work/key.pem is no JSON Web Key Set" "$err"
echo '{}' >"$work/key.jwk"
chmod 644 "$work/key.jwk"
run import prod "$work/key.jwk" --url "$work/none.sock"
contains 'import of an exposed file' 'jwkctl: warning: ' "$err"
contains 'import of an exposed file' 'mode 644' "$err"
run --json import prod "$work/key.jwk" --url "$work/none.sock"
equal 'import --json of an exposed file: the warning' \
    '{"warning":{"message":"others than its owner may read this private key'"'"'s file (mode 644)"}}' "${err%%$'\n'*}"
contains 'import --json of an exposed file: the failure' '{"error":' "${err#*$'\n'}"
chmod 600 "$work/key.jwk"
run import prod "$work/key.jwk" --url "$work/none.sock"
[[ $err != *warning* ]] || failed 'import of a file with mode 600 warned'

# ---- verify --jwks

while IFS=$'\t' read -r verdict name token; do
    run verify --jwks "$data/keys.jwks" "$token"
    equal "$name: verdict" "$verdict" "${out%% *}"
    equal "$name: exit code" "$([[ $verdict == VALID ]] && echo 0 || echo 1)" "$code"
    equal "$name: standard error" '' "$err"
    run --json verify --jwks "$data/keys.jwks" "$token"
    contains "$name: --json" "{\"verdict\":\"$verdict\"," "$out"
done <"$data/tokens.tsv"

cut -f3 "$data/tokens.tsv" >"$work/tokens"
run_with "$(<"$work/tokens")" verify --jwks "$data/keys.jwks"
equal 'a line a token' "$(cut -f1 "$data/tokens.tsv")" "$(cut -d' ' -f1 <<<"$out")"
equal 'one refused of many: exit code' 1 "$code"
run_with "$(grep ^VALID "$data/tokens.tsv" | cut -f3)" verify --jwks "$data/keys.jwks" -
equal 'all valid: exit code' 0 "$code"

good=$(head -n 1 "$work/tokens")
run_with $'\n  \n'"$good"$' \r\n\n'"$good" verify --jwks "$data/keys.jwks"
equal 'blank lines and line ends' $'VALID\nVALID' "$(cut -d' ' -f1 <<<"$out")"
long=$(head -c 100000 /dev/zero | tr '\0' A)
run_with "$long"$'\n'"$good"$'\n'"$good$long" verify --jwks "$data/keys.jwks"
equal 'lines too long' $'MALFORMED\nVALID\nMALFORMED' "$(cut -d' ' -f1 <<<"$out")"
run_with '' verify --jwks "$data/keys.jwks"
equal 'no token: exit code' 1 "$code"
contains 'no token' 'no token was given' "$err"
run verify --jwks "$data/keys.jwks" ''
equal 'an empty token' 'MALFORMED 1' "${out%% *} $code"

run verify --jwks "$data/keys.jwks" "$good"
equal 'a valid token' 'VALID kid=es iss=https://id.example.org sub=alice aud=orders exp=2100-01-01T00:00:00Z' "$out"
run --json verify --jwks "$data/keys.jwks" "$good"
equal 'a valid token, --json' '{"verdict":"VALID","kid":"es","claims":{"iss":"https://id.example.org","sub":"alice","aud":"orders","iat":1700000000,"exp":4102444800}}' "$out"
quoted=$(awk -F'\t' '$2 == "subject-that-needs-quotes" { print $3 }' "$data/tokens.tsv")
run verify --jwks "$data/keys.jwks" "$quoted"
contains 'a claim cannot forge the line' ' sub="eve \u001B[31m exp=never" ' "$out"

verdict() { # expected, further arguments
    run verify --jwks "$data/keys.jwks" "${@:2}"
    equal "${*:3}" "$1" "${out%% *}"
}
verdict VALID "$good" --iss https://id.example.org --aud orders --type at+jwt
verdict VALID "$good" --aud billing --aud orders
verdict WRONG_ISSUER "$good" --iss https://other.example.org
verdict WRONG_AUDIENCE "$good" --aud billing
verdict WRONG_TYPE "$good" --type dpop+jwt
expired=$(awk -F'\t' '$1 == "EXPIRED" { print $3 }' "$data/tokens.tsv")
verdict VALID "$expired" --signature-only
note=$(<"$data/note.jws")
verdict VALID "$note" --signature-only
run --json verify --jwks "$data/keys.jwks" --signature-only "$note"
equal 'a payload that is no claims' "{\"verdict\":\"VALID\",\"kid\":\"es\",\"payload\":\"$(cut -d. -f2 <<<"$note")\"}" "$out"
verdict BAD_SIGNATURE "$(awk -F'\t' '$2 == "claims-altered" { print $3 }' "$data/tokens.tsv")" --signature-only

run_with "$(<"$data/keys.jwks")" verify --jwks - "$good"
equal 'a JWKS on standard input' VALID "${out%% *}"
echo 'no jwks' >"$work/bad.jwks"
run verify --jwks "$work/bad.jwks" "$good"
equal 'a bad JWKS: exit code' 1 "$code"
equal 'a bad JWKS: standard output' '' "$out"

# ---- verify --jwks with entries that are no use, and with algorithms of one's own

run verify --jwks "$data/keys.jwks" --alg HS256 "$good"
equal 'an algorithm that is none: exit code' 1 "$code"
contains 'an algorithm that is none' "'HS256'" "$err"
verdict VALID "$good" --alg PS256 --alg ES256
verdict ALGORITHM_NOT_ALLOWED "$good" --alg PS256
verdict EXPIRED "$expired" --leeway 0

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
rsa_token() { # header, claims, further arguments of openssl dgst
    local input
    input=$(printf %s "$1" | base64url).$(printf %s "$2" | base64url)
    printf %s.%s "$input" "$(printf %s "$input" | openssl dgst -sha256 "${@:3}" -sign "$keys/rsa-2048.pem" | base64url)"
}
rsa="\"kty\":\"RSA\",$(grep -o '"n": *"[^"]*"' "$keys/rsa-2048.jwk"),\"e\":\"AQAB\""
cat >"$work/odd.jwks" <<END
{"keys":[{"kty":"oct","k":"AQAB","kid":"secret"},{$rsa,"kid":"rsa"},{$rsa,"kid":null},7,{$rsa,"kid":"a\nb"},
{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"weak\u001b"}]}
END
now=$(date +%s)
ps=$(rsa_token '{"alg":"PS256","kid":"rsa"}' "{\"exp\":$((now + 3600))}" \
    -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1)
rs=$(rsa_token '{"alg":"RS256","kid":"rsa"}' "{\"exp\":$((now - 60))}")
run verify --jwks "$work/odd.jwks" --alg PS256 "$ps"
equal 'PS256 by a key without alg' VALID "${out%% *}"
equal 'a warning for each entry that is skipped' 5 "$(grep -c '^jwkctl: warning: key [0-9] of the JWKS' <<<"$err")"
contains 'the skipped entry' 'warning: key 1 of the JWKS (kid secret) is skipped: kty' "$err"
contains 'a kid cannot forge a line' '(kid a?b)' "$err"
run --json verify --jwks "$work/odd.jwks" "$ps"
contains 'RS256 by default' '"verdict":"ALGORITHM_NOT_ALLOWED"' "$out"
contains 'a warning in JSON' '{"warning":{"message":"key 4 of the JWKS is skipped: ' "$err"
run verify --jwks "$work/odd.jwks" "$(rsa_token '{"alg":"RS256","kid":"secret"}' '{}')"
contains 'a token that names a skipped key' 'UNKNOWN_KEY key 1 of the set, which has this kid, cannot be used: kty' "$out"
run verify --jwks "$work/odd.jwks" "$rs"
equal 'no leeway' EXPIRED "${out%% *}"
run verify --jwks "$work/odd.jwks" --leeway 10m "$rs"
equal 'with leeway' VALID "${out%% *}"

# ---- inspect

run inspect "$expired"
equal 'inspect: exit code' 0 "$code"
contains 'inspect' 'NOT VERIFIED' "$out"
contains 'inspect' '"kid": "es"' "$out"
contains 'inspect' '"sub": "alice"' "$out"
[[ $out =~ expires\ +2023-11-14T22:23:20Z\ \([0-9]+d\ ago\) ]] || failed "inspect said nothing of exp: $out"
run_with "$good" --json inspect
equal 'inspect --json' '{"header":{"alg":"ES256","typ":"at+jwt","kid":"es"},"claims":{"iss":"https://id.example.org","sub":"alice","aud":"orders","iat":1700000000,"exp":4102444800},"verified":false}' "$out"
run inspect "$note"
equal 'inspect of a payload that is no claims: exit code' 0 "$code"
contains 'inspect of a payload that is no claims' '"typ": "note"' "$out"
contains 'inspect of a payload that is no claims' $'\npayload (19 bytes, no claims) "a note, not claims\\n"' "$out"
run --json inspect "$note"
equal 'inspect --json of a payload that is no claims' \
    "{\"header\":{\"alg\":\"ES256\",\"typ\":\"note\",\"kid\":\"es\"},\"payload\":\"$(cut -d. -f2 <<<"$note")\",\"verified\":false}" "$out"
run inspect eyJhbGciOiJub25lIn0.AP8.
contains 'inspect of bytes' $'\npayload (2 bytes, no claims, no text)' "$out"
run inspect "$quoted"
[[ $out != *$'\x1b'* ]] || failed 'inspect let a control character through'
# What was signed is shown in its own spelling, on one line or on several.
jws() { # header, payload: a token that nobody signed
    local part
    for part in "$1" "$2"; do printf '%s' "$part" | base64 -w0 | tr '+/' '-_' | tr -d '='; printf .; done
}
odd='{"id":12345678901234567890, "ratio":1.10,"e":1E+2,"z":-0.0,"sub":"\u00e9\u001b[31mé😀","aud":[ ],"o":{ } ,
  "exp":4102444800.5,"huge":1e400,"deep":[{"id":12345678901234567890}]}'
run --json inspect "$(jws '{"alg":"none","n":123456789012345678901}' "$odd")"
equal 'inspect --json of odd claims' '{"header":{"alg":"none","n":123456789012345678901},"claims":{"id":12345678901234567890,"ratio":1.10,"e":1E+2,"z":-0.0,"sub":"\u00e9\u001b[31m\u00E9\uD83D\uDE00","aud":[],"o":{},"exp":4102444800.5,"huge":1e400,"deep":[{"id":12345678901234567890}]},"verified":false}' "$out"
run inspect "$(jws '{"alg":"none","n":123456789012345678901}' "$odd")"
contains 'inspect of odd claims' 'header {
  "alg": "none",
  "n": 123456789012345678901
}
claims {
  "id": 12345678901234567890,
  "ratio": 1.10,
  "e": 1E+2,
  "z": -0.0,
  "sub": "\u00e9\u001b[31m\u00E9\uD83D\uDE00",
  "aud": [],
  "o": {},
  "exp": 4102444800.5,
  "huge": 1e400,
  "deep": [
    {
      "id": 12345678901234567890
    }
  ]
}
expires        2100-01-01T00:00:00Z (in ' "$out"
run inspect "$(jws '{"alg":"none"}' $'{"sub":"a\x7fb\xc2\x9bc"}')"
contains 'inspect of raw control characters' '"sub": "a\u007Fb\u009Bc"' "$out"
for payload in '{"a":1,"a":2}' '{"a":01}' '[1.10]' '{"a":1} x'; do
    run inspect "$(jws '{"alg":"none"}' "$payload")"
    contains "inspect of $payload, no claims set" "(${#payload} bytes, no claims) \"${payload//\"/\\\"}\"" "$out"
done
run_with "$good"$'\ngarbage\n'"$good" --json inspect
equal 'inspect of garbage: exit code' 1 "$code"
equal 'inspect of garbage: lines' 3 "$(wc -l <"$work/out")"
contains 'inspect of garbage' '{"verified":false,"error":{"status":"MALFORMED"' "$out"

# ---- A reader that goes away, a full disk

if [[ -w /dev/full ]]; then
    "$jwkctl" help >/dev/full 2>"$work/err"
    equal 'output that cannot be written: exit code' 1 "$?"
    "$jwkctl" verify --jwks "$data/keys.jwks" "$good" >/dev/full 2>"$work/err"
    equal 'a verdict that cannot be written: exit code' 1 "$?"
fi

# ---- The manual tells every verb and option, and no others

for verb in "${verbs[@]}"; do
    grep -qE "^\.It Cm $verb( |\$)" "$manual" || failed "the manual lacks the verb $verb"
done
while read -r verb; do
    printf '%s\n' "${verbs[@]}" help | grep -qx -- "$verb" || failed "the manual has a verb $verb"
done < <(grep -oE '^\.It Cm (env |operation |account |token |grant )?[a-z-]+' "$manual" | cut -c8-)
"$jwkctl" --json help | sed 's/{"name":"[^"]*","words"//g' | names | sort -u >"$work/options"
grep -oE 'Fl -[a-z-]+' "$manual" | cut -c5- | sort -u >"$work/documented"
equal 'options of the manual' "$(<"$work/options")" "$(<"$work/documented")"
if command -v mandoc >/dev/null; then
    # That the manual of jwkd is installed is not its matter.
    lint=$(mandoc -Tlint "$manual" 2>/dev/null | grep -v 'referenced manual not found')
    equal 'mandoc -Tlint' '' "$lint"
fi

# ---- Completion

# shellcheck source=/dev/null
source "$source_dir/client/cli/jwkctl.bash"

# What is offered for the last of these words.
offered() {
    # shellcheck disable=SC2034 # read by _jwkctl
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _jwkctl
    printf '%s\n' "${COMPREPLY[@]}" | sort
}

for verb in "${verbs[@]}"; do
    # shellcheck disable=SC2086
    equal "options completed for $verb" "$({ options_of "$verb" && options_of ''; } | sed 's/^/--/' | sort)" \
        "$(offered "$jwkctl" $verb --)"
done
equal 'verbs completed' "$(printf '%s\n' "${verbs[@]%% *}" help | sort -u)" "$(offered "$jwkctl" '')"
equal 'operation verbs completed' show "$(offered "$jwkctl" operation '')"
equal 'env verbs completed' "$(printf '%s\n' "${verbs[@]}" | sed -n 's/^env //p' | sort)" "$(offered "$jwkctl" env '')"
for option in $(<"$work/options"); do
    "$jwkctl" list prod --url "$work/none.sock" "--$option" >/dev/null 2>"$work/err"
    needs=$(grep -c "needs a value" "$work/err")
    _jwkctl_takes_value "--$option"
    equal "completion knows whether --$option takes a value" "$needs" "$((1 - $?))"
done

cat >"$work/jwkctl" <<'PROGRAM'
#!/usr/bin/env bash
case $* in
'--url ipc:///here --json env list') echo '{"environments":[{"name":"prod","operation":{"id":"0a1b","kid":"xyz"}},{"name":"test"}]}' ;;
'--url ipc:///here --json list prod') echo '{"keys":[{"kid":"abc","state":"primary","public_jwk":{"kid":"abc"}},{"kid":"xyz","state":"active"},{"kid":"-Aa4","state":"retiring"},{"kid":"--Zu4","state":"active"},{"kid":"off","state":"deactivated"},{"kid":"end","state":"destroyed"}],"environment":{"name":"prod"}}' ;;
*) exit 3 ;;
esac
PROGRAM
chmod +x "$work/jwkctl"
equal 'environments completed' $'prod\ntest' "$(offered "$work/jwkctl" --url ipc:///here list '')"
equal 'an environment completed' test "$(offered "$work/jwkctl" env delete --url = ipc:///here t)"
equal 'kids completed' $'--Zu4\n-Aa4\nabc\nxyz' "$(offered "$work/jwkctl" --url ipc:///here deactivate prod '')"
equal 'a kid with a dash completed' -Aa4 "$(offered "$work/jwkctl" --url ipc:///here deactivate prod -A)"
contains 'kids with a dash completed beside options' '-Aa4' "$(offered "$work/jwkctl" --url ipc:///here deactivate prod -)"
contains 'options completed beside kids with a dash' '--yes' "$(offered "$work/jwkctl" --url ipc:///here deactivate prod -)"
equal 'a kid with two dashes completed' --Zu4 "$(offered "$work/jwkctl" --url ipc:///here deactivate prod --Z)"
equal 'a kid completed behind --' --Zu4 "$(offered "$work/jwkctl" --url ipc:///here deactivate prod -- --)"
equal 'nothing behind a kid with two dashes' '' "$(offered "$work/jwkctl" --url ipc:///here show prod --Zu4 '')"
equal 'kids to show completed' $'--Zu4\n-Aa4\nabc\nend\noff\nxyz' "$(offered "$work/jwkctl" --url ipc:///here show prod '')"
equal 'kids to promote completed' $'--Zu4\n-Aa4\nxyz' "$(offered "$work/jwkctl" --url ipc:///here set-primary prod '')"
equal 'kids to retire completed' $'--Zu4\nxyz' "$(offered "$work/jwkctl" --url ipc:///here retire prod '')"
equal 'kids to destroy completed' off "$(offered "$work/jwkctl" --url ipc:///here destroy prod '')"
equal 'environments to verify completed' $'prod\ntest' "$(offered "$work/jwkctl" --url ipc:///here verify '')"
equal 'nothing completed for a token' '' "$(offered "$work/jwkctl" --url ipc:///here verify --jwks f '')"
equal 'operations that wait completed' 0a1b "$(offered "$work/jwkctl" --url ipc:///here operation show '')"
equal 'a kid completed as a value' xyz "$(offered "$work/jwkctl" --url ipc:///here generate prod --invalidate x)"
equal 'modes completed' exclusive "$(offered "$work/jwkctl" env create prod --mode = e)"
for option in --alg --algorithm; do
    equal "values of $option completed" $'RS256\nRS384\nRS512' "$(offered "$work/jwkctl" verify prod "$option" RS)"
done
# What there is stands in one table.
algorithms=$(sed -n '/define ALG_TABLE/,$ s/^ *ROW([A-Z0-9_]*, *"\([^"]*\)".*/\1/p' "$source_dir/proto/jose/alg_table.h" | sort)
contains 'the table of algorithms' ES256K "$algorithms"
equal 'algorithms completed' "$algorithms" "$(offered "$jwkctl" verify prod --alg '')"
equal 'algorithms in the manual' "$algorithms" \
    "$(tr -d '\n' <"$manual" | sed 's/.*What its keys sign with: \([^.]*\)\..*/\1/; s/ or /,/; s/[, ]\+/\n/g' | sort)"
equal 'nothing completed without a service' '' "$(offered "$work/jwkctl" list '')"

((failures == 0)) || echo "$failures failed"
exit $((failures > 0))
