"""`python -m eunoe_server` is the `eunoe` command."""

from eunoe_server.cli import main

main()
