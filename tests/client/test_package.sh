#!/bin/sh
# What is installed: only our names are visible, the headers are strict C11 and C++17, and the examples build against
# the installed library with CMake and with pkg-config, shared and static, and take what they are given. Arguments: the
# build directory, the source directory, the C compiler, the C++ compiler or "", and "sanitized" or "".
set -eu
build=$1 source=$2 cc=$3 cxx=$4 sanitized=$5

fail() { echo "FAILED: $*" >&2; exit 1; }
prefix=$(mktemp -d)
daemon=
leave() {
    [ -z "$daemon" ] || kill "$daemon" || true
    [ -z "$daemon" ] || wait "$daemon" || true
    rm -rf "$prefix"
}
trap leave EXIT

cmake --install "$build" --prefix "$prefix" --component library > /dev/null
library=$(dirname "$(find "$prefix" -name 'libjwkd.so.0')")
[ -f "$library/libjwkd.a" ] || fail "no static library"
[ -f "$prefix/include/jwkd/status.h" ] || fail "no <jwkd/status.h>"
[ -s "$prefix/share/man/man3/libjwkd.3" ] || fail "no manual page"

# Names. Everything that <jwkd.h> declares is there, and nothing else is.
declared=$(cat "$prefix/include/jwkd.h" "$prefix/include/jwkd/status.h" | tr '\n' ' ' | sed 's/JWKD_API/\n&/g' |
    sed -n 's/^JWKD_API [^(]*[ *]\(jwkd_[a-z_]*\)(.*/\1/p' | sort -u)
exported=$(nm -D --defined-only "$library/libjwkd.so.0" | awk '{ print $3 }' | sort -u)
if [ -z "$sanitized" ]; then
    differ=$(printf '%s\n%s' "$declared" "$exported" | sort | uniq -u | tr '\n' ' ')
    [ "$declared" = "$exported" ] || fail "declared and exported names differ: $differ"
    strangers=$(nm -g --defined-only "$library/libjwkd.a" | awk 'NF == 3 { print $3 }' | grep -v '^jwkd_' || true)
    [ -z "$strangers" ] || fail "names in libjwkd.a that are not ours: $strangers"
fi

# Headers, each alone.
strict="-pedantic -Wall -Wextra -Werror -fsyntax-only"
for header in jwkd.h jwkd/status.h; do
    printf '#include <%s>\nint main(void) { return jwkd_status_exit_code(JWKD_OK); }\n' "$header" > "$prefix/strict.c"
    # shellcheck disable=SC2086 # words are meant to be split
    "$cc" -std=c11 $strict -I"$prefix/include" "$prefix/strict.c" || fail "$header as C11"
    if [ -n "$cxx" ]; then
        cp "$prefix/strict.c" "$prefix/strict.cc"
        # shellcheck disable=SC2086
        "$cxx" -std=c++17 $strict -I"$prefix/include" "$prefix/strict.cc" || fail "$header as C++17"
    fi
done
[ -n "$cxx" ] || echo "no C++ compiler here: the headers are not tried as C++"

if [ -n "$sanitized" ]; then
    echo "a sanitized library needs its sanitizer in every program: the examples are not built"
    exit 0
fi

usage() { # PROGRAM: it runs, finds its library, and says how it is used
    status=0
    "$@" > /dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || fail "$1 ended with $status"
}

cmake -S "$source/client/examples" -B "$prefix/cmake" -G Ninja -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix" > /dev/null
cmake --build "$prefix/cmake" > /dev/null
usage "$prefix/cmake/sign"
usage "$prefix/cmake/verify-and-watch"

# Static by CMake: nothing of the library but the archive of this very prefix.
mkdir "$prefix/static"
cat > "$prefix/static/CMakeLists.txt" << LISTS
cmake_minimum_required(VERSION 3.25)
project(static LANGUAGES C)
find_package(jwkd REQUIRED)
add_executable(sign-static "$source/client/examples/sign.c")
target_link_libraries(sign-static PRIVATE jwkd::jwkd_static)
LISTS
cmake -S "$prefix/static" -B "$prefix/static/build" -G Ninja -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix" > /dev/null
cmake --build "$prefix/static/build" > "$prefix/log" || { cat "$prefix/log"; fail "jwkd::jwkd_static"; }
usage "$prefix/static/build/sign-static"
! ldd "$prefix/static/build/sign-static" | grep -q libjwkd || fail "jwkd::jwkd_static is the shared library"

export PKG_CONFIG_PATH="$library/pkgconfig"
for example in sign verify-and-watch; do
    # shellcheck disable=SC2046 # words are meant to be split
    "$cc" -std=c11 -Wall -Wextra -Werror -o "$prefix/$example" "$source/client/examples/$example.c" \
        $(pkg-config --cflags --libs jwkd) -pthread
    LD_LIBRARY_PATH="$library" usage "$prefix/$example"
    # shellcheck disable=SC2046
    "$cc" -std=c11 -o "$prefix/$example-static" "$source/client/examples/$example.c" \
        $(pkg-config --cflags jwkd) "$library/libjwkd.a" $(pkg-config --static --libs jwkd | sed 's/-ljwkd//')
    usage "$prefix/$example-static"
    ! ldd "$prefix/$example-static" | grep -q libjwkd || fail "$example-static wants the shared library"
done

# A line is a token, however long it is, and a token that is not kept is told of.
"$build/bin/jwkd" --data "$prefix/data" --socket-dir "$prefix/run" 2> "$prefix/log" &
daemon=$!
export JWKD_URL="$prefix/run/rpc.sock"
tries=0
until "$build/bin/jwkctl" env create prod > /dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "no service to try verify-and-watch with: $(cat "$prefix/log")"
    sleep 0.1
done
said() { "$prefix/verify-and-watch-static" "$JWKD_URL" prod 2> "$prefix/log" | cut -d' ' -f2; }
# An event, of which there may be one more, has it judged again.
judged=$(head -c 100000 /dev/zero | tr '\0' A | said | uniq -c | awk '$2 == "MALFORMED" { print $1 }' | sort -u)
[ "$judged" = 1 ] || fail "verify-and-watch judged one line so many times in a row: $judged"
counted=$(yes | head -n 1025 | said | grep -c MALFORMED)
[ "$counted" -ge 1024 ] || fail "verify-and-watch judged $counted of 1024 tokens"
grep -q 'a token is left out' "$prefix/log" || fail "verify-and-watch left a token out and said nothing"
