"""Both directions of the pipe to one client, so that questions can be wired before there is a session to serve."""

from msgspec import Struct

from tianting.protocol.ids import NewId
from tianting.surfaces.stream_json.input import ClientInput
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet, Wire


class Connection(Struct, frozen=True, kw_only=True):
    """One client."""

    input: ClientInput
    outlet: Outlet
    """Everything that goes to the client goes out here, in the order in which it was said."""
    link: ControlLink
    """Asks the client; works while the session is served."""


def connection_over(client: ClientInput, wire: Wire, new_id: NewId) -> Connection:
    """Join the two directions."""
    outlet = Outlet(wire)
    return Connection(input=client, outlet=outlet, link=ControlLink(outlet, new_id))
