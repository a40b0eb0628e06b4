"""Each change of a settings file is noticed once, whether it was there before or not."""

import os
from pathlib import Path

from tianting.cli.settings_watch import SettingsWatch
from tianting.extensions.hooks.events import ConfigChange
from tianting.settings.levels import Places


def write(path: Path, second: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (second, second))


def test_settings_that_change_are_noticed_once(tmp_path: Path) -> None:
    places = Places(home=tmp_path / "home", project=tmp_path / "p", main_checkout=tmp_path / "p", managed=())
    user, local = places.own_file("user"), places.own_file("local")
    write(user, 1)
    watch = SettingsWatch(places)

    told = [watch.changes()]
    write(user, 2)
    write(local, 2)
    told += [watch.changes(), watch.changes()]
    local.unlink()
    told.append(watch.changes())

    by_user = ConfigChange(source="user_settings", file_path=str(user))
    by_local = ConfigChange(source="local_settings", file_path=str(local))
    assert told == [(), (by_local, by_user), (), (by_local,)]
