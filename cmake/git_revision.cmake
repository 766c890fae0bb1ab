# Run at every build (cmake -P): writes OUTPUT with the commit of SOURCE_DIR, only when it changed.
cmake_minimum_required(VERSION 3.25)
set(sha "unknown")
set(dirty "false")
execute_process(COMMAND git -C "${SOURCE_DIR}" rev-parse HEAD
  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(NOT failed)
  set(sha "${found}")
  execute_process(COMMAND git -C "${SOURCE_DIR}" status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty "true")
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [=[
#pragma once

namespace eebench {
inline constexpr const char* git_sha = "@sha@";
inline constexpr bool git_dirty = @dirty@;
}  // namespace eebench
]=])
