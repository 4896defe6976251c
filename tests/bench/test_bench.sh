#!/bin/sh
# jwkd-bench runs to its end and prints every figure as an object with its floor. How fast it is does not matter here.
set -eu
bench=$1
out=$("$bench" --quick --json)
for case in \
    verify:RS256-2048 verify:RS256-4096 verify:PS256-2048 verify:ES256 verify:Ed25519 \
    sign:RSA-2048 sign:RSA-2048-batch16 sign:ES256 sign:ES256-batch16 sign:Ed25519 sign:Ed25519-batch16 \
    sign:lone-ES256 generate:ES256 generate:RSA-2048 fanout:subscribers-1 fanout:subscribers-100 \
    store:start store:resident store:resident-signing store:sign \
    lease:ipc-1 lease:ipc-100 lease:ipc-1000 lease:tcp-1 lease:tcp-100 lease:tcp-1000 lease:relay-100 lease:promote-100 \
    lease:heartbeat-cpu lease:sign-tracking lease:verify-reread \
    hostile:ipc-unread-1 hostile:ipc-unread-8 hostile:ipc-unread-64 hostile:tcp-unread-64 hostile:relay-ipc-unread-8 \
    hostile:relay-tcp-unread-64 hostile:ipc-gone-unread hostile:tcp-half-2000 hostile:relay-tcp-register-5000 \
    hostile:tcp-batches hostile:held-10000 access:check access:token access:sign-by-token
do
    pattern="^{\"bench\":\"${case%%:*}\",\"case\":\"${case#*:}\",.*\"unit\":\"[a-zA-Z/]*\",\"floor\":[0-9.e+-]*,\"ratio\":"
    if [ "$(printf '%s\n' "$out" | grep -c "$pattern")" != 1 ]; then
        echo "no figure, or more than one, for $case in:" "$out" >&2
        exit 1
    fi
done
printf '%s\n' "$out" | grep -q '"case":"disk","p50":[0-9]' # is itself a floor
"$bench" --help | grep -q -- --case
"$bench" --version | grep -q '^jwkd-bench [0-9]'
code=0; "$bench" nonsense 2>/dev/null || code=$?
[ "$code" = 2 ]
# What cannot run is an error, not a figure.
code=0; "$bench" --dir /nonexistent sign 2>/dev/null >/dev/null || code=$?
[ "$code" = 1 ]
