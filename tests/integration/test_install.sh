#!/usr/bin/env bash
# What the documents promise of building and installing, on a copy of the source: the quickstart's build can be
# installed; the example of client/README.md builds against what is installed, in C and C++, by pkg-config and by CMake,
# shared, static and wholly static, and each program runs before an installed daemon; valgrind finds nothing;
# uninstalling leaves nothing. Arguments: the source directory.
set -euo pipefail
source=$1
work=$(mktemp -d)
daemon=
leave() {
  [[ -z $daemon ]] || { kill "$daemon" && wait "$daemon"; } || true
  rm -rf "$work"
}
trap leave EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
# quietly COMMAND...: shows what it said only if it fails.
quietly() { "$@" >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "$*"; }; }

mkdir "$work/source"
tar -C "$source" --exclude=./build --exclude=./.git -cf - . | tar -C "$work/source" -xf -
cd "$work/source"

# ---- Build and install, both documented ways ----

quietly deploy/quickstart.sh build
there=$work/there
quietly cmake --install build/release --prefix "$there"
quietly cmake --preset release -DBUILD_TESTING=OFF
quietly cmake --build --preset release
quietly cmake --install build/release --prefix "$there"
# Used from another place, since an installed tree may be moved.
tree=$work/tree
cp -a "$there" "$tree"
export PKG_CONFIG_PATH=$tree/lib/pkgconfig LD_LIBRARY_PATH=$tree/lib
for page in man1/jwkctl.1 man3/libjwkd.3 man8/jwkd.8; do
  [[ -s $tree/share/man/$page ]] || fail "$page is not installed"
done

# ---- The programs ----

mkdir "$work/me"
cd "$work/me"
document=$work/source/client/README.md
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$document" >me.c
grep '^cc ' "$document" >commands || true
[[ $(grep -c . commands) == 3 ]] || fail "client/README.md should have three commands: shared, static and wholly static"
cp me.c me.cc

read -ra flags <<<"$(pkg-config --cflags --libs jwkd)"
quietly gcc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror me.c -o strict "${flags[@]}"
quietly g++ -Wall -Wextra -Werror me.cc -o cplusplus "${flags[@]}"
kinds=(shared static wholly)
for kind in "${kinds[@]}"; do
  read -r command
  quietly bash -c "$command"
  mv a.out "$kind"
done <commands

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(me C)
find_package(jwkd REQUIRED)
add_executable(cmake_shared me.c)
target_link_libraries(cmake_shared PRIVATE jwkd::jwkd)
add_executable(cmake_static me.c)
target_link_libraries(cmake_static PRIVATE jwkd::jwkd_static)
END
quietly cmake -S . -B . -G Ninja -DCMAKE_PREFIX_PATH="$tree"
quietly cmake --build .
# As the document says it, but for the folders.
examples=$(grep '^cmake -S client/examples ' "$document" || true)
[[ $examples ]] || fail "client/README.md does not say how to build the examples"
examples=${examples//\/tmp\/examples/$work/examples}
(cd "$work/source" && quietly bash -c "${examples//\/usr\/local/$tree}")

needs() { readelf -d "$1" 2>/dev/null | grep NEEDED || true; }
for program in strict cplusplus shared cmake_shared; do
  [[ $(needs $program) == *libjwkd.so* ]] || fail "$program has not the shared library"
done
for program in static cmake_static; do
  [[ $(needs $program) != *libjwkd* && $(needs $program) == *libnng* ]] || fail "$program has not the static library"
done
[[ -z $(needs wholly) ]] || fail "wholly is not static"

# ---- They run ----

export PATH=$tree/bin:$PATH JWKD_URL=$work/run/rpc.sock
jwkd --data "$work/data" --socket-dir "$work/run" 2>"$work/jwkd.log" &
daemon=$!
for ((i = 0; i < 600; i++)); do jwkctl ping >/dev/null 2>&1 && break; sleep 0.1; done
quietly jwkctl ping
quietly jwkctl env create shop --issuer https://shop.example.org --algorithm ES256
quietly jwkctl generate shop
for program in strict cplusplus shared static wholly cmake_shared cmake_static; do
  said=$("./$program" 2>&1) || fail "$program: $said"
  [[ $said == VALID ]] || fail "$program says: $said"
done
token=$("$work/examples/sign" "$JWKD_URL" shop bob) || fail "the example 'sign'"
said=$("$work/examples/verify-and-watch" "$JWKD_URL" shop "$token" </dev/null) || fail "the example 'verify-and-watch'"
[[ $said == *" VALID "* ]] || fail "verify-and-watch says: $said"

# wholly has glibc's own malloc, which valgrind cannot replace.
for program in shared static; do
  quietly valgrind --leak-check=full --error-exitcode=9 --suppressions="$tree/share/jwkd/valgrind.supp" "./$program"
  grep -q VALID "$work/log" || fail "$program under valgrind: $(<"$work/log")"
done

# ---- And are taken away again ----

cd "$work/source"
touch "$there/bin/of-somebody-else" "$there/include/of-somebody-else.h"
quietly cmake --build build/release --target uninstall
left=$(cd "$there" && find . -type f -o -type l -o -name jwkd | sort | tr '\n' ' ')
[[ $left == "./bin/of-somebody-else ./include/of-somebody-else.h " ]] || fail "uninstalling leaves: $left"
cmake --build build/release --target uninstall >"$work/log" 2>&1 && fail "uninstalling twice is not an error"
exit 0
