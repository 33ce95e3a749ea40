"""Where a model's weights come from, and whether they are whole.

    source.py     a folder, a name on the hub, or a recipe for this machine
    hub.py        what the hub says of a model: files, sizes, checksums; its refusals in our words
    transfer.py   one file from the hub, gone on with where it was broken off, checked
    fetch.py      all files of a model, once; afterwards nothing asks the network
    manifest.py   what of a model was fetched
    hub_cache.py  what the hub's own client fetched before
    folder.py     whether a folder holds a whole model that can chat
    licence.py    what was accepted, by whom and when

Nothing here imports torch or vLLM.
"""
