"""What clients are told is true, and nothing that they must not log."""

from pathlib import Path

from tianting.cli.control_facts import shown_settings
from tianting.settings.levels import Places
from tianting.settings.loading import load_settings

SAID = """{
  "model": "opus",
  "env": {"A": "secret"},
  "hooks": {"Stop": [{"hooks": [
    {"type": "http", "url": "https://example.org", "headers": {"Authorization": "Bearer secret"}}
  ]}]}
}"""


def test_settings_are_shown_without_what_may_hold_a_key(tmp_path: Path) -> None:
    loaded = load_settings(Places(home=tmp_path, project=tmp_path, main_checkout=tmp_path, managed=()), SAID)

    assert shown_settings(loaded.settings) == {
        "model": "opus",
        "hooks": {"Stop": [{"hooks": [{"type": "http", "url": "https://example.org"}]}]},
    }
