"""Settings: which one wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from tianting.protocol.errors import ConfigError
from tianting.settings.reading import read_settings
from tianting.settings.schema import ModelSettings, PermissionSettings, Settings


def user_file(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "settings.json").write_text(text)
    return home


def test_nothing_is_needed(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none", None) == Settings()


def test_command_line_wins_and_lists_add_up(tmp_path: Path) -> None:
    home = user_file(
        tmp_path / "home",
        '{"model": "opus", "permissions": {"allow": ["Read"], "defaultMode": "plan"},'
        ' "models": {"m": {"maxOutput": 5}}}',
    )
    more = tmp_path / "more.json"
    more.write_text(
        '{"model": "haiku", "permissions": {"allow": ["Read", "Edit"]}, "models": {"m": {"images": false}}}'
    )

    assert read_settings(home, str(more)) == Settings(
        model="haiku",
        permissions=PermissionSettings(allow=("Read", "Edit"), default_mode="plan"),
        models={"m": ModelSettings(max_output=5, images=False)},
    )


def test_json_on_the_command_line_is_read_as_it_stands(tmp_path: Path) -> None:
    assert read_settings(tmp_path, ' {"model": "opus"}') == Settings(model="opus")


def test_keys_of_other_agents_are_left_alone(tmp_path: Path) -> None:
    assert read_settings(tmp_path, '{"spinnerVerbs": ["Thinking"], "model": "opus"}') == Settings(model="opus")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("{", "no JSON", id="broken"),
        pytest.param('{"model": 5}', r"Expected `str \| null`, got `int` - at `\$.model`", id="wrong type"),
        pytest.param('{"maxRetries": -1}', r"`int` >= 0 - at `\$.maxRetries`", id="too little"),
        pytest.param(
            '{"permissions": {"defaultMode": "yolo"}}', r"'yolo' - at `\$.permissions.defaultMode`", id="unknown mode"
        ),
        pytest.param('{"providers": {"x": {"apiKey": "k"}}}', "unknown field `apiKey`", id="a key has no place here"),
    ],
)
def test_wrong_settings_name_their_place(tmp_path: Path, text: str, complaint: str) -> None:
    home = user_file(tmp_path / "home", text)

    with pytest.raises(ConfigError, match=complaint) as caught:
        read_settings(home, None)
    assert str(home / "settings.json") in str(caught.value)


def test_missing_settings_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read: No such file"):
        read_settings(tmp_path, str(tmp_path / "absent.json"))
