"""The address to which the end of a search is told: checked, and shown without what makes it a secret."""

from urllib.parse import urlsplit

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.urls import MASK

KEY = "hydra.sweeper.notify_url"


def check_notify_url(url: object) -> None:
    """Refuse, by BadInput, what can't be posted to. No message shows more of an address than its host."""
    if url is None:
        return
    if not (isinstance(url, str) and _can_be_asked(url)):
        remedy = "Write https://host/path, null for no word, or ${oc.env:HOOK} to keep the address in the environment."
        raise bad_input(KEY, host_of(url), "must be an address by http or https, without a user", remedy)


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError: no number
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def host_of(url: object) -> str:
    """Return scheme and host of an address; of what is none, nothing."""
    try:
        parts = urlsplit(str(url))
        return f"{parts.scheme}://{parts.hostname}/{MASK}" if parts.scheme and parts.hostname else MASK
    except ValueError:
        return MASK


def forget_notify_url(job: DictConfig) -> None:
    """Take the address out of a job's configuration, which Hydra writes into the job's directory as it is.

    Not where that only says where the address is, as `${oc.env:HOOK}`.
    """
    hydra, name = job.hydra, "notify_url"
    if name not in hydra.sweeper.keys() or OmegaConf.is_interpolation(hydra.sweeper, name):  # noqa: SIM118  # no value
        return
    if hydra.sweeper[name] is None:
        return
    with read_write(hydra), open_dict(hydra):
        hydra.sweeper.notify_url = None
        lines = OmegaConf.to_container(hydra.overrides.hydra, resolve=False)
        hydra.overrides.hydra = [line for line in lines if KEY not in str(line)]  # type: ignore[union-attr]  # a list
