#pragma once

#include <array>
#include <functional>
#include <stdexcept>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace eebench::test {

struct ChildEnd {
  int status;          ///< as of waitpid
  std::string errors;  ///< what it wrote to stderr
};

/// Runs `action` in a process of its own, which leaves with 0 after it.
inline ChildEnd run_in_child(const std::function<void()>& action) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw std::runtime_error("no pipe");
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    alarm(20);
    action();
    _exit(0);
  }
  close(ends[1]);
  ChildEnd end{};
  std::array<char, 256> buffer{};
  for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    end.errors.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  waitpid(child, &end.status, 0);
  return end;
}

}  // namespace eebench::test
