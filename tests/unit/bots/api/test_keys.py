import stat

from bots.api.keys import load_or_create_key


def test_the_key_is_made_once_for_its_owner_alone_and_shows_itself_nowhere(tmp_path):
    path = tmp_path / "api-key"
    key = load_or_create_key(path)
    assert len(key.get_secret_value()) > 40
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.get_secret_value() not in repr(key)
