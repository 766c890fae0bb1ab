"""However a rank fails, the job ends soon, with the right code and one line that says why."""

import pytest

SECONDS = 30


@pytest.mark.parametrize(
    "kind, code, message",
    [
        ("all ranks", 2, "eebench: nobody likes this file"),
        ("agreed", 2, "eebench: one rank dislikes this file"),
        ("one rank", 74, "this rank's disk is full"),
        ("internal", 70, 'phase="test:internal" internal error: vector is empty'),
        ("thread", 70, "internal error outside the main path: thread is sad"),
        ("hang", 74, 'phase="test:hang" did not end within its limit'),
    ],
)
@pytest.mark.parametrize("ranks", [1, 3])
def test_failure(faults, kind, code, message, ranks):
    end = faults(kind, ranks)
    assert end.code == code
    assert end.seconds < SECONDS
    lines = end.error_lines()
    assert len([line for line in lines if message in line]) == 1, end.err
    assert "stack trace" not in end.err


def test_a_rank_that_fails_alone_is_named_with_host_and_phase(faults):
    (line,) = faults("one rank").error_lines()
    assert line.startswith("[eebench] rank 2/3 host=")
    assert 'phase="test:one rank"' in line


def test_the_code_of_a_run_that_was_stopped_comes_back(faults):
    assert faults("preempted").code == 75
    assert faults("none").code == 0
