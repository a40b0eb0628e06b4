"""What a session stands on: environment and settings, read once, so that no two parts can see different ones."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, structs

from tianting.cli.invocation import Invocation
from tianting.cli.loaded_settings import bare, settings_places
from tianting.cli.places import current_directory, home_directory
from tianting.cli.program import complain
from tianting.cli.tuning import Tuning, tuning
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded, load_settings
from tianting.settings.providers import model_catalogue
from tianting.settings.schema import Settings
from tianting.tools.shell.environment import without_secrets


class Ground(Struct, frozen=True, kw_only=True):
    """What a session stands on, read once."""

    cwd: Path
    home: Path
    environment: dict[str, str]
    places: Places
    loaded: Loaded
    tuned: Tuning
    catalogue: ModelCatalogue

    @property
    def settings(self) -> Settings:
        """What is in force, whoever said it."""
        return self.loaded.settings

    def shown_to_commands(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What of `variables` commands and hooks may see. What the settings say in `env` is said on purpose."""
        keys = {provider.key_variable for provider in self.settings.providers.values() if provider.key_variable}
        return without_secrets(variables, self.settings.pass_environment, keys)


def read_ground(invocation: Invocation) -> Ground:
    """Read environment and settings, and say what is odd about them. Raises `ConfigError`."""
    places = structs.replace(settings_places(), left_out=invocation.left_out)
    loaded = load_settings(places, invocation.settings)
    for warning in loaded.warnings:
        complain(warning)
    environment = {**os.environ, **loaded.settings.env}
    return Ground(
        cwd=current_directory(),
        home=home_directory(os.environ),
        environment=environment,
        tuned=tuning(environment),
        places=places,
        loaded=bare(loaded) if invocation.bare else loaded,
        catalogue=model_catalogue(loaded.settings),
    )
