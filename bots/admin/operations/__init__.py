"""Operations: what needs a hand, and the hand."""
