"""What travels of a folder: its regular files, each on its own; in place of one that holds secrets, a copy without."""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hydra_plugins.hydra_search.files import MULTIRUN
from hydra_plugins.hydra_search.secret_sources import recorded_yaml, secrets_of
from hydra_plugins.hydra_search.secrets import Secrets

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

OF_HYDRA = ("config.yaml", "hydra.yaml", "overrides.yaml", MULTIRUN)
TEXTS = (".csv", ".err", ".html", ".json", ".log", ".md", ".out", ".toml", ".txt", ".yaml", ".yml")
LARGEST = 2**20  # bytes of a text that is read through


def files_below(folder: Path, without: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    """Yield what lies below the folder, but for the names `without` at its top, with why it can't travel; "" if it can.

    A link travels as the file that it leads to, if that lies below the folder as well.
    """
    yield from _walk(folder, folder.resolve(), without)


def files_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the same of what lies directly in the folder, other folders left out."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield path, _obstacle(path, folder.resolve())


def _walk(folder: Path, root: Path, without: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.name not in without)
    except OSError as error:
        yield folder, _reason(error)
        return
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, root)
        else:
            yield path, _obstacle(path, root)


def _obstacle(path: Path, root: Path) -> str:
    try:
        str(path).encode()
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind):
            target = path.resolve(strict=True)
            if not (target.is_file() and target.is_relative_to(root)):
                return "a link that leads to no file of the same directory"
        elif not stat.S_ISREG(kind):
            return "no regular file"
        with path.open("rb"):  # after the look: to open a FIFO would wait for ever
            return ""
    except UnicodeError:
        return "a name that is no text"
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        return _reason(error)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a file travels, by its path below the folder; `*` in a pattern also stands for what has a slash."""
    kept = [pattern for pattern in patterns if not pattern.startswith("!")]
    left_out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return (not kept or any(fnmatch(name, one) for one in kept)) and not any(fnmatch(name, one) for one in left_out)


def secrets_left_in(directory: Path, redact: tuple[str, ...]) -> Secrets:
    """Find what is secret from the configuration that Hydra has left in a job's or a sweep's directory."""
    config = OmegaConf.create({})
    for path in (
        *sorted(directory.glob("*/config.yaml")),
        *sorted(directory.glob("*/hydra.yaml")),
        directory / MULTIRUN,
    ):
        if path.is_file() and OmegaConf.is_dict(loaded := OmegaConf.load(path)):
            config.merge_with(loaded)
    return secrets_of(config, redact)


def send_without(secrets: Secrets, path: Path, send: Callable[[str], object]) -> None:
    """Call `send` with the path of a file, or of a copy of the same name where secrets are to be left out."""
    text = _without(secrets, path)
    if text is None:
        send(str(path))
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_text(text, encoding="utf-8", newline="")
        send(str(copy))


def sent_at_once(repository: "ArtifactRepository", directory: Path, files: Iterable[Path]) -> bool:
    """Copy files below the directory to a disk of this machine, all in one call. Returns False if it can't be done.

    One by one, MLflow looks at every folder on the way to each of them: a tenth of a short job's time.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    if not isinstance(repository, LocalArtifactRepository):
        return False
    try:
        with TemporaryDirectory() as folder:
            for path in files:
                link = Path(folder, path.relative_to(directory))
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.absolute())
            repository.log_artifacts(folder)  # type: ignore[no-untyped-call]
    except (OSError, MlflowException):
        return False
    return True


def _without(secrets: Secrets, path: Path) -> str | None:
    """Return the text without the secrets, None if there are none in it."""
    if not secrets.keys or path.suffix not in TEXTS or path.stat().st_size > LARGEST:
        return None
    try:
        before = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    after = secrets.hide(before)
    if path.name in OF_HYDRA:
        try:
            after = recorded_yaml(OmegaConf.load(path), secrets)
        except (OmegaConfBaseException, YAMLError, OSError):  # the job's own file of that name
            after = secrets.text(after)
    return None if after == before else after
