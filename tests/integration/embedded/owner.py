"""A program that owns embedded servers, for the tests to kill.

    python owner.py DATA_DIR [uvloop]

Prints `ready POSTGRES_URL VALKEY_URL` and waits; prints `refused SENTENCE` on a StartupError.
"""

import asyncio
import sys
from pathlib import Path

from assistant.errors import StartupError
from assistant.storage.embedded import embedded_postgres, embedded_valkey


async def own(data_dir: Path) -> None:
    try:
        async with embedded_postgres(data_dir) as database, embedded_valkey(data_dir) as signals:
            print("ready", database, signals, flush=True)
            await asyncio.Event().wait()
    except StartupError as error:
        print("refused", error, flush=True)


def main() -> None:
    if "uvloop" in sys.argv:
        import uvloop

        uvloop.run(own(Path(sys.argv[1])))
    else:
        asyncio.run(own(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
