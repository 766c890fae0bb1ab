# Target eebench_headers: every header compiles alone. Not part of `all`; .ci/run builds it.
# Headers that need torch share its precompiled header, so a missing torch include escapes here.
add_library(eebench_headers OBJECT EXCLUDE_FROM_ALL)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/src/eebench/*.hpp")
list(FILTER headers EXCLUDE REGEX "/cuda/|-inl\\.hpp$")
foreach(header IN LISTS headers)
  string(REPLACE "/" "_" name "${header}")
  set(source "${PROJECT_BINARY_DIR}/headers/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${header}\"\n")
  target_sources(eebench_headers PRIVATE "${source}")
endforeach()
target_link_libraries(eebench_headers PRIVATE eebench::cli)
eebench_compile_settings(eebench_headers)
eebench_use_torch(eebench_headers)
