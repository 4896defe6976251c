# shellcheck shell=bash disable=SC2034
# What the scripts need from Debian 12 or 13, and install_packages, which gets what is missing. Sourced, not run.

build_packages=(
  gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler
  libprotobuf-c-dev libnng-dev libmbedtls-dev libssl-dev liblmdb-dev libjansson-dev
)
# cmocka, three other implementations of JOSE (jose, jwcrypto, PyJWT), the second compiler, and tools that tests call.
test_packages=(
  zlib1g-dev libzstd-dev # what pkg-config --static names behind Debian 13's libcrypto
  libcmocka-dev clang g++ binutils valgrind openssl mandoc procps util-linux mount bash-completion spin
  jose python3 python3-jwcrypto python3-jwt python3-cryptography
)

# install_packages NAME...: installs those that are not there yet; does not touch apt if none is missing.
install_packages() {
  local name missing=() as_root=()
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      { echo "These packages are missing; install them as root: ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log; log=$(mktemp)
  if "${as_root[@]}" apt-get update -qq >"$log" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -20 "$log" >&2
    rm -f "$log"
    echo "The packages could not be installed." >&2
    return 1
  fi
}
