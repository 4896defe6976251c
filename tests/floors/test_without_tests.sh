#!/bin/sh
# With BUILD_TESTING=OFF the build needs no cmocka, and makes the programs and libraries and nothing else. Arguments:
# the source directory, the generator, the C compiler, pkg-config.
set -eu
source=$1 generator=$2 cc=$3 pkg_config=$4

fail() { echo "FAILED: $*" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A machine without cmocka.
cat > "$work/pkg-config" <<END
#!/bin/sh
case "\$*" in *cmocka*) exit 1 ;; esac
exec "$pkg_config" "\$@"
END
chmod +x "$work/pkg-config"
export PKG_CONFIG="$work/pkg-config"

configure() { # BUILD_TESTING
    cmake -S "$source" -B "$work/$1" -G "$generator" -DCMAKE_C_COMPILER="$cc" -DBUILD_TESTING="$1" > "$work/log" 2>&1
}
configure OFF || { tail -20 "$work/log"; fail "cmocka is needed without the tests"; }
configure ON && fail "the tests are built without cmocka: this test notices nothing"

targets=$(cmake --build "$work/OFF" --target help | tr -c 'a-zA-Z0-9_-' '\n')
for target in jwkd jwkctl jwkd_shared jwkd_static; do
    echo "$targets" | grep -qx -- "$target" || fail "$target is not built"
done
strangers=$(echo "$targets" | grep -E '^(test_|fuzz_|jwkd-bench)' | sort -u || true)
[ -z "$strangers" ] || fail "built without the tests: $strangers"
