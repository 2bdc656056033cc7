"""`python -m kantor` is `kantor`."""

import sys

from kantor.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
