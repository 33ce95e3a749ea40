"""The fault matrix: real processes, killed and cut off at every step, and what people then saw.

    points.py       the table of faults: where, in which process, what is done
    plant.py        a fault inside one of our processes, without a hook in the code
    child.py        what such a process does before it becomes Outrider
    zygote.py       forks processes that have everything imported
    processes.py    starts, kills, freezes and restarts them, as a supervisor would
    servers.py      a PostgreSQL and a Valkey that can be stopped and restarted
    lane.py         one set of servers, processes and platforms; several run side by side
    platform.py     what the judge sees of a platform; telegram.py and slack.py are the two
    questions.py    what is asked, and the exact answers to it
    strikes.py      what is done from outside: kills, outages, troubles of the platform
    episode.py      one run: ask, strike, wait, look
    judge.py        lost, doubled, out of order: by what stands on the platform
    table.py        the result, point by point

`make faults`, or `python -m tests.faults.matrix --help`.
"""
