"""`python -m bots.cli …` is `outrider …`."""

from bots.cli.main import main

if __name__ == "__main__":
    main()
