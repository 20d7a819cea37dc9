"""A real Slurm of one node, the tests' own: everything in one folder, on free ports of the loopback interface."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
PACKAGES = "apt-get install slurm-wlm munge"
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=5
MinJobAge=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Return why there can be no Slurm here; None if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH_PATH) is None]
    if missing:
        return f"there is no {missing[0]}: {PACKAGES}"
    return None if os.getuid() == 0 else "Slurm's daemons need root"


class SlurmCluster:
    """munged, slurmctld and slurmd in the foreground, each ended by its process id."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)  # munge wants its socket to be reachable by all
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.settings = {"SLURM_CONF": f"{self.folder}/slurm.conf", "PATH": SEARCH_PATH}

    def start(self) -> None:
        """Start the daemons, and wait until the node takes jobs."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        host = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(folder=self.folder, host=host, ports=free_ports(2))
        (self.folder / "slurm.conf").write_text(text)
        own = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._start("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *own)
        self._wait(lambda: (self.folder / "munge.socket").exists(), "munged")
        self._start("slurmctld", "-D", "-i")
        self._start("slurmd", "-D")
        self._wait(lambda: self.run("sinfo", "-h", "-o", "%T") == "idle", "the node")

    def _start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("ab") as output:
            daemon = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | self.settings, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.daemons.append(daemon)

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end:
                logs = "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))
                raise RuntimeError(f"waited for {what} of Slurm:\n{logs}")
            time.sleep(0.1)

    def run(self, *command: str) -> str:
        """Run one of Slurm's programs; return what it prints."""
        done = subprocess.run(command, env=os.environ | self.settings, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def queue(self) -> list[str]:
        """Return the jobs that wait or run."""
        return self.run("squeue", "-h", "-o", "%i").split()

    def stop(self) -> None:
        """Cancel what is left, and end the daemons."""
        if self.daemons[1:]:
            self.run("scancel", *self.queue(), "--signal=KILL", "--full")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_ports(n: int) -> list[int]:
    """Return ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
