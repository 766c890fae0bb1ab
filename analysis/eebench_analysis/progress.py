"""A progress line on stderr: redrawn on a terminal, one plain line every ten seconds elsewhere."""

import sys
import time


def note(text):
    print(text, file=sys.stderr)


class Progress:
    def __init__(self, total, unit, done=0):
        """`done` of the `total` was there before."""
        self._total = total
        self._unit = unit
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._drawn = self._start
        self._before = self._done = done

    def advance(self, count):
        self._done += count
        now = time.monotonic()
        if now - self._drawn >= (0.1 if self._terminal else 10.0):
            self._drawn = now
            self._draw(now)

    def close(self):
        self._draw(time.monotonic())
        if self._terminal:
            sys.stderr.write("\n")

    def _draw(self, now):
        share = self._done / self._total if self._total else 1.0
        seconds = max(now - self._start, 1e-9)
        rate = (self._done - self._before) / seconds
        left = (self._total - self._done) / rate if rate > 0 else 0.0
        filled = round(20 * share)
        line = (
            f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}  {self._done:.0f}/{self._total:.0f} "
            f"{self._unit}  {rate:.0f} {self._unit}/s  left {left // 60:02.0f}:{left % 60:02.0f}"
        )
        sys.stderr.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        sys.stderr.flush()
