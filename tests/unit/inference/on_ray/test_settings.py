from pydantic import SecretStr

from inference.on_ray.engine import sent
from inference.settings import EngineSettings


def test_replicas_are_told_their_profile_but_no_secret_and_nothing_of_ray():
    settings = EngineSettings(
        profile="scout", api_key=SecretStr("hidden"), ray_serve=True, ray_address="10.0.0.1:6379"
    )
    told = sent(settings)
    assert "hidden" not in repr(told)
    assert EngineSettings(**told) == EngineSettings(profile="scout")
