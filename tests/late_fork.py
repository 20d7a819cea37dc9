"""Makes what its process forks begin late."""

import os
import time

os.register_at_fork(after_in_child=lambda: time.sleep(0.5))
