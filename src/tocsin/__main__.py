"""``python -m tocsin``: as the command ``tocsin``."""

from tocsin.cli import main

main()
