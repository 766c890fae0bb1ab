import os
import shutil
import subprocess

import pytest


def test_doctor_looks_at_everything(eebench):
    end = eebench("doctor")
    assert end.code == 0 and end.err == ""
    for topic in ("MPI", "cores", "threads", "OpenMP", "HDF5", "MPI-IO", "results", "locks", "GPU", "NCCL"):
        assert any(line.split()[1] == topic for line in end.out.splitlines() if line[:1] != " "), topic
    assert "1 OpenMP runtime(s) loaded" in end.out


@pytest.mark.parametrize("ranks", [0, 3])
def test_doctor_tries_mpi_io_in_the_folder_of_results(eebench, tmp_path, ranks):
    (line,) = [line for line in eebench("doctor", ranks=ranks).out.splitlines() if "MPI-IO" in line]
    assert line.startswith("ok ") and f"writes and reads in {tmp_path} (" in line
    assert list(tmp_path.iterdir()) == []
    romio = eebench("doctor", ranks=ranks, OMPI_MCA_io="romio321").out
    if "Open MPI v4" in romio:
        assert "romio321 writes and reads" in romio and "export OMPI_MCA_io=ompio" in romio


def test_doctor_says_what_to_do_about_threads_and_ranks(eebench):
    assert "lower OMP_NUM_THREADS" in eebench("doctor", OMP_NUM_THREADS="4096").out
    too_many = os.cpu_count() + 1
    assert "more ranks than cores" in eebench("doctor", ranks=too_many).out
    assert "slots: " in eebench("doctor", ranks=2).out and "slots" not in eebench("doctor").out


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 or not shutil.which("taskset"), reason="two cores, taskset")
def test_ranks_bound_to_cores_of_their_own_have_all_of_them():
    bound = [["-n", "1", "taskset", "-c", str(core), os.environ["EEBENCH_PROGRAM"], "doctor"]
             for core in sorted(os.sched_getaffinity(0))[:2]]  # fmt: skip
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", *bound[0], ":", *bound[1]]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "2 rank(s) on this node, 2 core(s)" in out
    assert "more ranks than cores" not in out


@pytest.mark.skipif(not os.path.isdir("/proc/1"), reason="no /proc")
def test_a_folder_that_cannot_be_written_is_unusable(eebench):
    end = eebench("doctor", "-o", "/proc/1")
    assert end.code == 77
    assert "BAD" in end.out and "choose another folder" in end.out
    assert "BAD  MPI-IO     ompio fails in /proc/1" in end.out
