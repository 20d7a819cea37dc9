"""A real PostgreSQL server of the tests' own, on a free port of the loopback interface."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

USER, PASSWORD = "optuna", "secret@/word"
SETTINGS = (
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off",
    "dynamic_shared_memory_type=mmap",
)  # fmt: skip


def server_programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`; Debian does not put it on the PATH."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    return next((path for path in [*reversed(packaged), *on_path] if (path / "postgres").exists()), None)


class PostgreSQLServer:
    """Started once, ended by its process id; `new_database` gives each test one of its own."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # Not below pytest's own folders: only their owner can enter those.
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.databases = 0
        self.owner = unprivileged_user()

    def start(self) -> None:
        (self.folder / "password").write_text(PASSWORD)
        if self.owner:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, self.owner)
        made = ["--username", USER, "--pwfile", str(self.folder / "password"), "--auth", "scram-sha-256", "--no-sync"]
        locale = ["--encoding", "UTF8", "--locale", "C", "--pgdata", str(self.folder / "data")]
        with (self.folder / "server.log").open("ab") as output:
            subprocess.run([self.programs / "initdb", *made, *locale], check=True, **self._run_as(output))
        self.start_again()

    def start_again(self) -> None:
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        command = [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port), *settings]
        with (self.folder / "server.log").open("ab") as output:
            self.process = subprocess.Popen(command, start_new_session=True, **self._run_as(output))
        self._wait_until_it_answers()

    def _run_as(self, output: object) -> dict[str, object]:
        as_user = {"user": self.owner, "group": pwd.getpwnam(self.owner).pw_gid, "extra_groups": []}
        return {"cwd": self.folder, "stdout": output, "stderr": subprocess.STDOUT} | (as_user if self.owner else {})

    def _wait_until_it_answers(self) -> None:
        import psycopg

        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres").replace("+psycopg", ""), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise RuntimeError((self.folder / "server.log").read_text()) from None
                time.sleep(0.05)

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Return the URL as Optuna takes it, driver included."""
        return f"postgresql+psycopg://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        import psycopg

        self.databases += 1
        name = f"study{self.databases}"
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self.url(name)

    def new_database_with_slots(self, slots: int) -> str:
        """Return the URL of an empty database whose user may connect `slots` times at once; a superuser always may."""
        import psycopg

        url = self.new_database()
        name = f"user_of_{url.rpartition('/')[2]}"
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                f"CREATE ROLE {name} LOGIN PASSWORD 'p' CONNECTION LIMIT {slots}"  # type: ignore[call-overload]
            )
            connection.execute(f"GRANT ALL ON SCHEMA public TO {name}")  # type: ignore[call-overload]
        return url.replace(url[url.index("//") : url.index("@")], f"//{name}:p")

    def shut_down(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: with SIGINT it closes its connections, with SIGQUIT it leaves as after a crash."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)

    def stop(self) -> None:
        self.shut_down()
        shutil.rmtree(self.folder)


class LossyProxy:
    """A port before the server's; once `lose_next_reply` is set, one reply of the server is thrown away."""

    def __init__(self, port: int) -> None:
        self.lose_next_reply = threading.Event()
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "LossyProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket, is_reply: bool) -> None:
        with source, to, suppress(OSError):
            while content := source.recv(65536):
                if is_reply and self.lose_next_reply.is_set():
                    self.lose_next_reply.clear()
                else:
                    to.sendall(content)


def unprivileged_user() -> str | None:
    """Return whom to run the server as, for it refuses to run as root."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def can_not(reason: str) -> None:
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQLServer]:
    programs = server_programs()
    if programs is None:
        can_not("there is no PostgreSQL server: apt-get install postgresql")
        return
    if os.environ.get("CI") != "true":
        pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    started = PostgreSQLServer(programs)
    try:
        started.start()
        yield started
    finally:
        started.stop()
