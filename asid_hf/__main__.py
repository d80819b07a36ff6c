"""`python -m asid_hf` is the command `asid`."""

from asid_hf.cli import main

if __name__ == "__main__":
    main()
