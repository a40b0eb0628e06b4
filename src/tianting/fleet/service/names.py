"""Which window a person means: by its name, its id, or as much of the id as no other has."""

from collections.abc import Mapping

from tianting.fleet.windows import NoSuchWindow
from tianting.protocol.errors import FleetError


def window_meant(told: str, labels: Mapping[str, str]) -> str:
    """The id that `told` stands for; `labels` are the names of all windows by their ids.

    Raises `NoSuchWindow`, and `FleetError` for a beginning that several ids have.
    """
    if told in labels:
        return told
    found = [window_id for window_id, label in labels.items() if told and label == told]
    found = found or [window_id for window_id in labels if told and window_id.startswith(told)]
    if len(found) == 1:
        return found[0]
    if found:
        which = ", ".join(sorted(one[: len(told) + 4] for one in found))
        raise FleetError(f"{told!r} may be any of {which}: write more of it.")
    raise NoSuchWindow(f"There is no window {told!r}: see `tianting windows list --all`.")
