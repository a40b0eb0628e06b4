"""Carries messages to servers that live in the client: joins the protocol of tools to the pipe.

{"subtype": "mcp_message", "server_name": "calc", "message": <JSON-RPC>} → {"mcp_response": <JSON-RPC>}
"""

from typing import Any

from tianting.mcp.client import Exchange, Message
from tianting.mcp.messages import McpFailed
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused, ControlLink


def exchange_over(link: ControlLink, server: str) -> Exchange:
    """The way to the client's server of that name."""

    async def exchange(message: Message) -> Any:
        try:
            answer = await link.ask({"subtype": "mcp_message", "server_name": server, "message": message})
        except ClientRefused as refusal:
            raise McpFailed(f"The client could not pass it on: {refusal}") from None
        except (ClientGone, OutputClosed):
            raise McpFailed("The client is gone.") from None
        if not isinstance(answer, dict) or "mcp_response" not in answer:
            raise McpFailed("The client's answer holds no mcp_response.")
        return answer["mcp_response"]

    return exchange
