"""What every page and endpoint shares: who may ask, what may come in, and how "no" is said."""
