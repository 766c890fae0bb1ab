"""A Slurm of one node, this machine, with ports, sockets and logs of its own: real arrays, signals and requeues."""

import os
import shutil
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SECONDS = 60
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A task that is requeued waits for its old credential to expire, usually two minutes.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SchedulerParameters=sched_interval=2,bf_interval=2
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=16
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """What this machine lacks for a Slurm of its own; empty where it can have one."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=search_path())]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root alone"


def search_path():
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def free_ports(count):
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class SlurmNode:
    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": search_path()}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        host = socket.gethostname()
        (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, folder=folder, ports=free_ports(2)))
        (folder / "cgroup.conf").write_text("# none\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self.run(
            "munged", "--force", "--key-file", key,
            *(f"--{option}={folder}/munge.{end}" for option, end in places.items()),
        )  # fmt: skip
        self.run("slurmctld")
        self.run("slurmd", "-N", host)
        self.until(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T"), "an idle node")

    def run(self, *command, cwd=None, **variables):
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd, env=self.environment | variables,
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def submit(self, *arguments, **options):
        """Number of the job."""
        return int(self.run("sbatch", "--parsable", *arguments, **options))

    def states(self, job):
        """State of the job, or of each array task, that is not over."""
        lines = self.run("squeue", "-h", "-r", "-j", job, "-o", "%K %T").splitlines() if self.known(job) else []
        return dict(map(str.split, lines))

    def known(self, job):
        done = subprocess.run(["squeue", "-h", "-j", str(job)], env=self.environment, capture_output=True)
        return done.returncode == 0

    def until(self, condition, what, seconds=SECONDS):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(0.1)

    def stop(self):
        for name in ("slurmd", "slurmctld", "munge"):
            pid = self.folder / f"{name}.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text().strip()], check=False)
