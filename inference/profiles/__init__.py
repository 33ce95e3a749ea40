"""The model profiles as data: what runs where. This package imports no torch.

profile.py   what a profile says
reading.py   profiles from TOML files, strictly
*.toml       the built-in profiles; a person's stand in `profiles/` of the data directory
"""

from inference.profiles.profile import Licence, Profile, Quantize, Runner
from inference.profiles.reading import profile_named, profile_names

__all__ = ["Licence", "Profile", "Quantize", "Runner", "profile_named", "profile_names"]
