"""`python -m addax` is the command `addax`."""

import sys

from addax.cli import main

if __name__ == "__main__":
    sys.exit(main())
