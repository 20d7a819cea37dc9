"""What the plugins share: the contract by which sweeper, report and tracking callback agree. Imports none of them."""

from .hydra_line import scanned_once

scanned_once(__path__)
