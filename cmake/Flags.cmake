# The flags of every target, and jwkd_library(): one static library per folder.
add_compile_definitions(_GNU_SOURCE NNG_ELIDE_DEPRECATED OPENSSL_API_COMPAT=30000)
add_compile_options(
  -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wswitch-enum -Wvla
  -fstack-protector-strong -fno-common -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-cast-qual) # protobuf-c's initialisers cast; gcc knows that they are constants
endif()
if(JWKD_WERROR)
  add_compile_options(-Werror)
endif()
if(JWKD_SANITIZE)
  add_compile_options(-fsanitize=${JWKD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${JWKD_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(JWKD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-Wl,-z,relro,-z,now)

# jwkd_library(NAME sources...): the static library of one folder. Headers are included from the
# folder above it, as "NAME/header.h".
function(jwkd_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/..)
endfunction()
