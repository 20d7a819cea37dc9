"""What YAML may call: the one walk over its `_target_`s, and what a whitelist and a library's public classes allow."""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from .hydra_line import instantiate

Spec = Mapping[str, object]  # a `_target_` with its arguments


def walk(content: object, key: str = "") -> Iterator[tuple[str, object, Spec]]:
    """Yield each entry of the mappings in a plain value, at any depth: its dotted key, its value, its mapping."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            path = f"{key}.{name}" if key else str(name)
            yield path, value, content
            yield from walk(value, path)
    elif isinstance(content, (list, tuple)):
        for place, value in enumerate(content):
            yield from walk(value, f"{key}.{place}" if key else str(place))


def targets(content: object, key: str = "") -> Iterator[tuple[str, Spec]]:
    """Yield the dotted key of each `_target_` in a plain value, and the mapping it stands in."""
    return ((path, spec) for path, _, spec in walk(content, key) if path.rpartition(".")[2] == "_target_")


def make(group: str, node: Any, whitelist: Sequence[str], class_of: Callable[..., type | None], remedy: str) -> Any:
    """Call what a node of the configuration names, if all that is named in it may be called.

    Args:
        group: the node's key, for the messages.
        node: a DictConfig with a `_target_`.
        whitelist: what may be called, as in Hydra's own: "package.name", or "package.*" for all that it defines.
        class_of: given a name, and `is_part`, whether it stands below the node's own `_target_`, returns the class of
            that name if it may be called as well; else None.
        remedy: how to choose something else, or to add to the whitelist.

    Raises:
        ValueError: something in it may not be called, then nothing was called; or an argument does not fit.
    """
    if not OmegaConf.is_dict(node) or "_target_" not in node:
        raise ValueError(f"{group}: must be a mapping with a _target_, got {node!r}")
    content = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    names: set[str] = set()
    for key, spec in targets(content, group):
        name = spec["_target_"]
        if (found := class_of(name, is_part=key != f"{group}._target_")) is not None:
            # Its own name too: Hydra asks for it when what was made can itself be called, as a column selector can.
            names |= {str(name), f"{found.__module__}.{found.__qualname__}"}
        elif not is_listed(name, whitelist):
            raise ValueError(f"{key}: not whitelisted, or not there, got {name}. {remedy}")
    try:
        return instantiate(content, [*whitelist, *names], only=True, _convert_="all")
    except TypeError as error:  # an argument that it does not have, or lacks
        raise ValueError(f"{group}: {error}") from error


def is_listed(name: object, whitelist: Sequence[str]) -> bool:
    """Tell whether a whitelist has `name`, in full or by the package that it ends in."""
    return any(name == entry or (entry.endswith(".*") and str(name).startswith(entry[:-1])) for entry in whitelist)


def public_class(name: object, package: str) -> type | None:
    """Return the class that `name` is in a public module of `package`; None for all else.

    A function may fetch, load or run what it is given, and a private module has other modules in it.
    """
    found = re.fullmatch(rf"({package}(?:\.(?!externals\b|tests\b)[a-z]\w*)+)\.((?!Base|_)\w+)", str(name))
    if not found:
        return None
    try:
        module = importlib.import_module(found[1])
        part = getattr(module, found[2], None)
    except ImportError:  # no such module, or an experimental class
        return None
    is_public = found[2] in getattr(module, "__all__", ()) or getattr(part, "__module__", "") == module.__name__
    return part if is_public and isinstance(part, type) else None
