"""`python -m crabstick`: the same as the `crabstick` program."""

from crabstick.cli import main

if __name__ == "__main__":
    main()
