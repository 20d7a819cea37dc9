"""What of a configuration is secret, by the names of keys and by origin, and how it is left out of what is recorded.

A value is secret whose key has the name of a secret (see secret_names.py), or that comes from the environment,
`${oc.env:NAME}`, by whatever way. Of the latter these are shown: numbers, addresses without their password, paths that
exist, and variables that describe something, `DB_HOST`, `USER`. The option `redact` of any callback adds keys, and
shows `!key`, as patterns. The job itself gets every value as it is.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from .secret_names import describes, names_secret
from .urls import MASK, masked

ASKED_FOR = "???"  # OmegaConf's word for a value that is to be given: who runs the command is told which

OVERRIDE = re.compile(r"(?P<key>[+~]*[\w./@:\[\]-]+)=(?P<value>.+)", re.S)
_ITEM = re.compile(r"(?P<name>[\w.-]+)(?P<sign>\s*:\s*)(?P<value>'[^']*'|\"[^\"]*\"|[^,{}\[\]]+)")
INTERPOLATION = re.compile(r"\$\{.*\}")
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?|true|false|null|none|\?\?\?|", re.I)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Secrets:
    """What is left out.

    Args:
        patterns: of `redact`: keys that are secret, with all below them, and `!key` of those that are not.
        origin: the keys whose value comes from the environment, and is secret.
        keys: all keys of the configuration that are secret.
        values: what they hold, longest first, as far as it can be told from other text.
    """

    patterns: tuple[str, ...] = ()
    origin: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def is_secret(self, key: str, value: object) -> bool:
        """Tell whether the value under a dotted key is to be left out."""
        if value is None or isinstance(value, bool) or value in ("", ASKED_FOR) or self.is_shown(key):
            return False
        if isinstance(value, str) and INTERPOLATION.fullmatch(value):  # says where the value is, and not the value
            return False
        above = list(_and_above(key))
        if any(fnmatchcase(other, pattern) for other in above for pattern in self.patterns):
            return True
        return not self.origin.isdisjoint(above) or _is_secret_by_name(key, value)

    def is_shown(self, key: str) -> bool:
        """Tell whether the user asks for a value to be recorded as it is."""
        shown = [pattern[1:] for pattern in self.patterns if pattern.startswith("!")]
        return any(fnmatchcase(other, pattern) for other in _and_above(key) for pattern in shown)

    def hide(self, text: str) -> str:
        """Leave the known values out of a text."""
        return _finder(self.values).sub(MASK, text) if self.values else text

    def text(self, text: str) -> str:
        """Leave out of a text the known values, passwords in addresses, and what is assigned to a secret's name."""
        return masked(self.hide(text))

    def tree(self, node: object, key: str = "") -> object:
        """Return plain containers, or one value, with `***` for what is secret."""
        if isinstance(node, Mapping):
            return {name: self.tree(item, f"{key}.{name}" if key else str(name)) for name, item in node.items()}
        if isinstance(node, (list, tuple)):
            items = [self.tree(item, f"{key}.{i}") for i, item in enumerate(node)]
            return [self.override(item) if isinstance(item, str) else item for item in items]
        if self.is_secret(key, node):
            return MASK
        return self.text(node) if isinstance(node, str) else node

    def of_key(self, key: str, value: str) -> str:
        """Return what is recorded of one text under a key."""
        return str(self.tree(value, key))

    def override(self, line: str) -> str:
        """Return an override, `key=value`, with `***` for a secret; another text as `text` does."""
        found = OVERRIDE.fullmatch(line)
        if found and self.is_secret(plain_key(found["key"]), found["value"]):
            return f"{found['key']}={MASK}"
        if found and found["value"].startswith(("{", "[")):
            line = f"{found['key']}={_ITEM.sub(lambda item: self._without_item(found['key'], item), found['value'])}"
        return self.text(line)

    def _without_item(self, key: str, item: re.Match[str]) -> str:
        secret = self.is_secret(f"{plain_key(key)}.{item['name']}", item["value"].strip("'\""))
        return f"{item['name']}{item['sign']}{MASK}" if secret else item[0]

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a program's arguments, each override that holds a secret with `???`: Hydra asks for it by its key."""
        return [self._asking(argument) for argument in arguments]

    def _asking(self, argument: str) -> str:
        shown = self.override(argument)
        is_whole = shown == argument or not OVERRIDE.fullmatch(argument)
        return shown if is_whole else f"{argument.partition('=')[0]}={ASKED_FOR}"


@cache  # once in a process, whoever asks
def say_masked(keys: tuple[str, ...]) -> None:
    """Say which keys are left out of what is recorded."""
    if keys:
        log.info(f"Recorded as {MASK}: {', '.join(keys)}")


def plain_key(key: str) -> str:
    """Return the dotted key of an override: of `+a@b` and `a[0]` too."""
    return re.sub(r"[/@:\[\]]+", ".", key.strip("+~")).strip(".")


def _and_above(key: str) -> Iterator[str]:
    """Yield `a.b.c`, `a.b`, `a`."""
    while key:
        yield key
        key = key.rpartition(".")[0]


def _is_secret_by_name(key: str, value: object) -> bool:
    parts = [part for part in key.split(".") if not part.isdecimal()]
    named = [part for part in parts if names_secret(part)]
    if not named or (parts[-1] not in named and describes(parts[-1])):
        return False
    # `tokens: 512` is a number of them
    return not (named[-1].lower().endswith("tokens") and NUMBER.fullmatch(str(value)))


@cache
def _finder(values: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(v) if len(v) > 7 else rf"(?<!\w){re.escape(v)}(?!\w)" for v in values))
