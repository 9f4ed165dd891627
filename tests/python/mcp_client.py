"""Talks to a server over the official SDK. What to start and to call is read from standard input, what came of it is printed."""

import asyncio
import json
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def talk(asked):
    server = StdioServerParameters(
        command=asked["command"], args=asked["args"], env=asked["env"], cwd=asked["cwd"]
    )
    async with Client(stdio_client(server), mode=asked["mode"]) as client:
        # The SDK checks every answer against the schema that the tool has in this list.
        tools = await client.list_tools()
        return {
            "version": client.protocol_version,
            "server": plain(client.server_info),
            "instructions": client.instructions,
            "tools": [plain(tool) for tool in tools.tools],
            "results": [plain(await client.call_tool(name, arguments)) for name, arguments in asked["calls"]],
        }


print(json.dumps(asyncio.run(talk(json.load(sys.stdin)))))
