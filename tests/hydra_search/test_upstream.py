"""The private name that the shared package uses."""

from omegaconf import OmegaConf

from hydra_plugins.hydra_search._upstream import dumped


def test_plain_containers_are_written_as_omegaconf_writes_them() -> None:
    texts = ["5", "1e3", "yes", "null", "~", "", " a", "a: b", "- a", "#a", "it's", '"', "é 漢字 \U0001f600", "a\n\nb "]
    texts += ["a\tb", "${x}", "word " * 40, "'", "\\", "0x1F", "1_000", "12:30:00", "2026-01-01", "@a", "%a", "\x07"]
    content = {"texts": texts, "map": {text: text for text in texts if text}, "others": [1, 0.5, None, True, [], {}]}
    assert dumped(content) == OmegaConf.to_yaml(OmegaConf.create(content))
