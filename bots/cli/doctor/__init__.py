"""`outrider doctor`: what Outrider needs, checked one by one.

    finding.py     what a check found
    machine.py     Python, packages, the profile's hardware, disk
    model.py       the model's files, or the endpoint
    memory.py      what it takes, planned and as the engine says
    storage.py     database and Redis, embedded or given
    platforms.py   the tokens, by calling the platforms
    network.py     the port, and the door
    report.py      all of them, and the table

A check reads and asks; it changes nothing and shows no secret.
"""

from bots.cli.doctor.report import examine

__all__ = ["examine"]
