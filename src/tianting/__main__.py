"""`python -m tianting` is the same as `tianting`."""

from tianting.cli.entry import main

main()
