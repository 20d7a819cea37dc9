"""Which names are those of secrets: `db_password`, `apiKey`, `hf-token`; not `num_tokens`, `tokenizer`, `author`."""

import re
from functools import cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PART_OF_A_WORD = ("password", "passwd", "passphrase", "secret", "credential", "apikey", "privatekey", "accesskey")
_NO_PART = ("secretar", "passwordless")
_WORDS = _words("pwd creds auth authorization bearer jwt cookie cookies webhook")
_BEFORE_KEY = _words(
    "access account api auth client deploy encryption license master private secret shared signing ssh"
)
# `pad_token` and `max_new_tokens` are of a language model
_BEFORE_TOKEN = _words(
    "additional audio begin blank bos class cls context count decoder dist end eos extra first generated image input "
    "last latent mask max memory min n new next num number output pad padding patch per prompt query register sampled "
    "sep separator special start stop target text total unk unknown video visual"
)
_AFTER_TOKEN = frozenset({"value", "string", "plain"})
# The last word of what describes a secret, or something else, and holds none itself: `token_length`, `password_file`
_DESCRIBES = _words(
    "backend bucket class column columns count dim dir directory enabled endpoint env experiment expires expiry field "
    "fields file folder format group host hostname kind len length limit logname max method min mode name num path "
    "pattern policy port profile project provider region required scope scopes server shell size stage strategy "
    "timeout ttl type uri url user username var variable version"
)


@cache
def names_secret(key: str) -> bool:
    """Tell whether a key, the last part of a dotted path, is the name of a secret by its words."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words:
        return False
    if "webhook" in words or words[-2:] == ["notify", "url"]:  # whoever knows the address may post
        return True
    return words[-1] not in _DESCRIBES and any(_is_secret(words, at) for at in range(len(words)))


@cache
def describes(key: str) -> bool:
    """Tell whether a key says something of a thing, `type`, `file_name`, and so holds no secret whatever it is in."""
    words = [word.lower() for word in _WORD.findall(key)]
    return bool(words) and words[-1] in _DESCRIBES


def _is_secret(words: list[str], at: int) -> bool:
    word, before, after = words[at], words[at - 1] if at else "", words[at + 1 :]
    if word in _WORDS or (any(p in word for p in _PART_OF_A_WORD) and not word.startswith(_NO_PART)):
        return True
    if word in ("key", "keys"):
        return before in _BEFORE_KEY
    if word in ("pass", "pw"):
        return not after and before != "" and before not in ("n", "num", "forward", "backward")
    if word.endswith(("token", "tokens")):
        glued = word.removesuffix("s").removesuffix("token")
        return not {before, glued} & _BEFORE_TOKEN and set(after) <= _AFTER_TOKEN
    return False
