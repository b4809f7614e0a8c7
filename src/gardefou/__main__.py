"""``python -m gardefou`` is the command line."""

from __future__ import annotations

from gardefou.cli import main

if __name__ == "__main__":
    main()
