"""What the plugins share: the contract by which sweeper, report and tracking callback agree. Imports none of them."""
