"""Applications that are quick to start, for what has to do with the server alone."""

import sys
import time
from typing import Any, NoReturn

from backend import server
from backend.settings import Settings


def answering(_: Settings) -> Any:
    """Answers "ok" after it has read the body."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
            return
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    return application


def dawdling(settings: Settings) -> Any:
    """Takes as long to start as a real application."""
    time.sleep(0.5)
    return answering(settings)


def refusing(_: Settings) -> NoReturn:
    raise SystemExit("the application has a reason")


def breaking(_: Settings) -> NoReturn:
    raise ValueError("the application has a fault")


def main(factory: str, header_milliseconds: str = "30000") -> None:
    server.HEADERS.header_read_timeout = int(header_milliseconds)
    with server.claimed_port("127.0.0.1", 0) as (address, port):
        sys.stdout.write(f"Serving on http://{address}:{port}\n")
        sys.stdout.flush()
        server.run(Settings.read(), address, port, target=f"tests.process.applications:{factory}")


if __name__ == "__main__":
    main(*sys.argv[1:])
