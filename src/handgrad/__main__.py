"""`python -m handgrad`: the command line for whoever has no `handgrad` script on the path."""

from handgrad.cli import main

if __name__ == "__main__":
    main()
