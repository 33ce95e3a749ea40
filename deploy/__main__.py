"""`python -m deploy [cpu] [dev]`: make the virtual environment and install Outrider into it."""

from __future__ import annotations

import sys

from deploy.machine import python_lack


def main(arguments: list[str]) -> int:
    lack = python_lack((sys.version_info[0], sys.version_info[1]))
    if lack:
        sys.stderr.write(f"Outrider: {lack}\n")
        return 1
    # Only now: an older Python could not even read these.
    from deploy.install import KNOWN_EXTRAS, ROOT, InstallationFailed, ensure_installed
    from deploy.pip import PipFailed

    extras = frozenset(arguments)
    if extras - KNOWN_EXTRAS:
        sys.stderr.write(f"usage: python -m deploy [{'] ['.join(sorted(KNOWN_EXTRAS))}]\n")
        return 2
    try:
        ensure_installed(ROOT, extras)
    except (InstallationFailed, PipFailed) as error:
        sys.stderr.write(f"Outrider: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"Outrider: {error.filename or ROOT}: {error.strerror}.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nOutrider: interrupted; the next try goes on.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
