"""What is private in OmegaConf and has no public way. `tests/hydra_search/test_upstream.py` holds it."""

import yaml
from omegaconf._utils import get_omega_conf_dumper


class _Dumper(get_omega_conf_dumper()):  # type: ignore[misc]  # a class that it makes once
    """OmegaConf's own, for containers that share a part: a configuration has each part once, without `&id001`."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def dumped(content: object) -> str:
    """Return plain containers as `OmegaConf.to_yaml` writes them, which makes a configuration of them first."""
    text: str = yaml.dump(content, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper)
    return text
