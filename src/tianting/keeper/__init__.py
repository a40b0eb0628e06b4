"""A small process that starts windows, holds their sockets and reaps them, so that the fleet may crash in peace."""
