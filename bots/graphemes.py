"""Where a text may be cut without breaking a character that people see as one.

A part of Unicode's grapheme rules (UAX 29), on the safe side: it keeps together combining marks,
emoji with their modifiers and joiners, flags, Hangul syllables and CR LF.
"""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def is_boundary(text: str, at: int) -> bool:
    """True if `text[:at] | text[at:]` cuts no visible character; looks at no more than text[at]."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if after < "\u0300" and before < "\u0300":
        return not (before == "\r" and after == "\n")
    if before == _JOINER or _extends(after) or _conjoins(before, after):
        return False
    return not (_splits_flag(text, at) or _splits_hangul(before, after))


def last_boundary(text: str, start: int, end: int) -> int:
    """The last boundary in (start, end], or `end` where one character fills all of it."""
    for at in range(end, start, -1):
        if is_boundary(text, at):
            return at
    return end


def _extends(char: str) -> bool:
    """Combining marks, variation selectors, joiners, skin tones, tags."""
    return (
        unicodedata.category(char)[0] == "M"
        or char in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _conjoins(before: str, after: str) -> bool:
    """A virama binds two Indic consonants."""
    return unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo"


def _splits_flag(text: str, at: int) -> bool:
    """A flag is a pair of regional indicators, counted from the first of the run."""
    if not _is_regional(text[at]):
        return False
    run = at
    while run > 0 and _is_regional(text[run - 1]):
        run -= 1
    return (at - run) % 2 == 1


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _splits_hangul(before: str, after: str) -> bool:
    vowel_or_final = "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb"
    leading = "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c"
    starts = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    syllable = "\uac00" <= before <= "\ud7a3"
    inside = "\u1160" <= before <= "\u11ff" or "\ud7b0" <= before <= "\ud7fb"
    return (vowel_or_final and (starts or syllable or inside)) or (leading and starts)
