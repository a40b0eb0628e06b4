"""Where a window stands: its own directories and environment, the walls around it, and the rescue of its work tree."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.ground.isolation import Isolator, Walled
from tianting.fleet.ground.workspaces import make_directories, window_environment
from tianting.fleet.templates import Template
from tianting.fleet.window import Window
from tianting.protocol.errors import CheckpointError, FleetError
from tianting.worktree.git_directory import git_directory_of
from tianting.worktree.rescue import keep_rescue

log = logging.getLogger(__name__)

Gateway = Callable[[Window], Mapping[str, str]]
"""The variables by which a window reaches the gateway, with a token of its own."""


class Grounds:
    """Of all windows of one fleet."""

    def __init__(
        self,
        place: Path,
        own: Mapping[str, str],
        *,
        isolator: Isolator | None = None,
        gateway: Gateway | None = None,
    ) -> None:
        """`place` holds a directory for each window, and `own` is the fleet's own environment."""
        self._place = place
        self._own = own
        self._isolator = isolator
        self._gateway = gateway

    def root(self, window: Window) -> Path:
        """The window's own directories. Raises `FleetError`."""
        return make_directories(self._place, window.window_id)

    def environment(self, window: Window, template: Template) -> Mapping[str, str]:
        """All of it. Raises `FleetError`."""
        gateway = self._gateway(window) if self._gateway else None
        built = window_environment(self._own, self.root(window), template.surroundings, gateway)
        if built.left_out:
            names = ", ".join(built.left_out)
            log.info("window %s: not given, since the gateway has the keys: %s", window.window_id, names)
        return built.variables

    def enclose(self, launch: Launch, window: Window, template: Template) -> Launch:
        """`launch` within the walls that its template wants. Raises `FleetError` where they cannot be built."""
        if template.isolation.choice == "none":
            return launch
        if self._isolator is None:
            raise FleetError("Windows cannot be isolated here: the fleet was started without walls.")
        repository = git_directory_of(Path(launch.cwd))
        walled = Walled(root=str(self.root(window)), git_directory=str(repository) if repository else "")
        return self._isolator.wrap(launch, template.isolation, walled)

    async def save(self, window: Window) -> bool:
        """Keep the state of its work tree, and say whether it is safe. Without a repository nothing is to be kept."""
        directory = Path(window.cwd)
        if not any((above / ".git").exists() for above in (directory, *directory.parents)):
            return True  # a process that is killed takes no file with it
        try:
            rescue = await keep_rescue(directory, window.window_id)
        except CheckpointError as error:
            log.warning("window %s: %s", window.window_id, error)
            return False
        log.warning("window %s: its work tree is kept as %s", window.window_id, rescue.ref)
        return True
