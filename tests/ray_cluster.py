"""A real Ray cluster of two nodes on this machine, on free ports of the loopback interface."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.conftest import end_group, environment, wait_for

OBJECT_STORE = 100_000_000  # bytes; the workers hand over next to nothing
LIMIT = 60.0


def settings(token: str = "a-token-of-the-tests-with-more-than-32-characters") -> dict[str, str]:
    """Return what head, nodes and drivers must have in their environment to find each other."""
    return {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_DEDUP_LOGS": "0"}


class RayCluster:
    """A head and another node, with one CPU each; a node is a tree of processes that is killed as a whole."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: the paths of its sockets must be
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, *, hidden: Path | None = None) -> None:
        """Start the head, then the other node; wait until both are there.

        Args:
            hidden: a folder that the other node does not see, as if it were another machine's. Then the head itself
                runs no workers.
        """
        port = self.address.rpartition(":")[2]
        head = ["--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
        self._start_node(
            *head, f"--temp-dir={self.folder}", f"--ray-client-server-port={free_port()}", n_cpus=0 if hidden else 1
        )
        wait_for(self._is_heard, LIMIT, "the head of the Ray cluster")
        without = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden)]
        self._start_node(f"--address={self.address}", within=without if hidden else [])
        self._wait_for(2)

    def _is_heard(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", int(self.address.rpartition(":")[2]))) == 0

    def _start_node(self, *arguments: str, n_cpus: int = 1, within: Sequence[str] = ()) -> None:
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        room = [f"--num-cpus={n_cpus}", f"--object-store-memory={OBJECT_STORE}"]
        with (self.folder / "nodes.log").open("ab") as output:
            node = subprocess.Popen(
                [*within, *ray, *room, *arguments],
                env=environment(settings()),
                cwd=self.folder,  # as on a real cluster, not where a search is started
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(node)

    def _wait_for(self, n_nodes: int) -> None:
        program = (
            "import ray, sys, time\n"
            "ray.init(address=sys.argv[1], logging_level=40, log_to_driver=False)\n"
            "while sum(node['Alive'] for node in ray.nodes()) < int(sys.argv[2]): time.sleep(0.1)\n"
        )
        asked = subprocess.Popen(
            [sys.executable, "-c", program, self.address, str(n_nodes)],
            env=environment(settings()), cwd=self.folder, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            error = asked.communicate(timeout=LIMIT)[1]
        except subprocess.TimeoutExpired:
            error = f"waited {LIMIT} s for {n_nodes} nodes"
        finally:
            end_group(asked)
        if asked.returncode:
            raise RuntimeError(error + (self.folder / "nodes.log").read_text())

    def processes(self, node: int) -> list[psutil.Process]:
        """Return the processes of a node, its workers among them."""
        started = psutil.Process(self.nodes[node].pid)
        return [started, *started.children(recursive=True)]

    def kill(self, node: int) -> None:
        """Let a node vanish, with all that runs on it."""
        for process in self.processes(node):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.nodes[node].wait()

    def stop(self) -> None:
        """End whatever is left, the head last."""
        for node in reversed(range(len(self.nodes))):
            if self.nodes[node].poll() is None:
                self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_installed() -> bool:
    """Tell whether Ray and Hydra's launcher for it are there."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("ray", "hydra_plugins.hydra_ray_launcher"))
