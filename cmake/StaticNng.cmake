# static_nng: what a program linked with -static needs for libnng.a, which says it nowhere. Debian's holds nng's TLS,
# and so needs Mbed TLS.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
set(static_nng_source "
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
int main(void) { nng_socket socket; return nng_req0_open(&socket); }")
set(static_nng -lnng)
set(CMAKE_REQUIRED_LIBRARIES ${static_nng} -pthread)
check_c_source_compiles("${static_nng_source}" JWKD_STATIC_NNG_ALONE)
if(NOT JWKD_STATIC_NNG_ALONE)
  set(static_nng "-lnng -lmbedtls -lmbedx509 -lmbedcrypto")
endif()
unset(CMAKE_REQUIRED_LINK_OPTIONS)
unset(CMAKE_REQUIRED_LIBRARIES)
