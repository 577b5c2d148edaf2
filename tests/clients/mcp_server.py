"""A server of the Model Context Protocol with one tool, over standard input and output."""

import json
import sys

TOOL = {
    "name": "look_up",
    "description": "Looks a word up. " * 40,
    "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def answer(method: str) -> dict[str, object]:
    """Return the result of a request."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "words", "version": "1"},
        }
    return {"tools": [TOOL]} if method == "tools/list" else {}


def main() -> None:
    """Answer requests to the end of the input."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": answer(request["method"])}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
