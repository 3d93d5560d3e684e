"""`python -m inngest_testkit.cli`, where the script is not on the path."""

from __future__ import annotations

import sys

from inngest_testkit.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
