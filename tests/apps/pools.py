"""A job that works with processes of its own, on functions and classes of `__main__`."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

from hydra_plugins.hydra_search.hydra_line import instantiate
from tests.hydra_lines import allowing

WHITELIST = ["__main__.Factor"]
OFFSET = 1


class Factor:
    def __init__(self, of: int) -> None:
        self.of = of


class Rows:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> float:
        return float(scaled(index))


def scaled(number: int) -> int:
    return OFFSET + number


@dataclass
class Config:
    x: float = 0.5
    method: str = "fork"
    loader: bool = False
    factor: dict[str, Any] = field(default_factory=lambda: {"_target_": "__main__.Factor", "of": 10})


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(config_path=None, config_name="config", **allowing(*WHITELIST))
def main(cfg: Config) -> float:
    context: Any = multiprocessing.get_context(cfg.method)
    if cfg.loader:
        from torch.utils.data import DataLoader

        rows: Any = Rows()
        loaded = DataLoader(rows, batch_size=2, num_workers=2, multiprocessing_context=cfg.method)
        sums = [int(sum(batch.sum() for batch in loaded))]
    else:
        with context.Pool(2) as pool:
            sums = [sum(pool.map(scaled, range(4)))]
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            sums.append(sum(executor.map(scaled, range(4))))
    return float(sum(sums) * instantiate(cfg.factor, WHITELIST).of)


if __name__ == "__main__":
    main()
