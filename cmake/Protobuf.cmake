# jwkd_protobuf(TARGET file.proto [libraries...]): a static library of the generated C code. Protobuf
# files import each other by their path below proto/ and service/.
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)
function(jwkd_protobuf target file)
  get_filename_component(stem ${file} NAME_WE)
  get_filename_component(folder ${file} DIRECTORY)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
    COMMAND ${PROTOC} --c_out=${out} -I ${folder} -I ${PROJECT_SOURCE_DIR}/proto ${file}
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/proto/jwkd.proto
    VERBATIM)
  add_library(${target} STATIC ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_compile_options(${target} PRIVATE -w)
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C ${ARGN})
endfunction()
