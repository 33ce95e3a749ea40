"""Measurements of speed and size. Never part of a test run, and nothing here asserts a time.

    table.py        what a measurement is: named rows of repeated values, with targets
    markdown.py     a table as text, and its place in docs/benchmarks.md
    machine.py      where and with what it was measured
    program.py      Outrider as a process to be measured
    web_chat.py     a page's conversation with it, without the page
    stamping.py     a worker whose tokens are the time, for what is measured between processes
    reciting.py     an engine whose answers are known
    recital.py      the program with it, on servers of its own and a channel
    seen.py         answers as they come into a chat, compared with what was recited
    simulated.py    hours of busy chats, with a clock that is told the time
    postgres.py     a database with settings that a measurement wants
    catalogue.py    the names of all measurements

The measurements, one a file: later_start, throughput (against bare_engine), abort, memory, latency,
intake (against pgbench), dispatch, deltas (with delta_reader and cpu), queue, telegram, slack (with
slack_acks), busy_hour, busy_threads, markdown_answers, history, clean_clone.
"""
