"""`python -m pip_variants`."""

import sys

from pip_variants.cli import main

sys.exit(main())
