"""`python -m simulator` is the command `cyclelab`."""

import sys

from simulator.cli import main

sys.exit(main())
