"""ASGI middleware that puts the app's style sheet into the HTML page, so that the first paint has the final layout.

A script run sends its elements seconds later than the browser paints the empty page; a style sheet sent with them would move
everything. The sheet stands at the end of the body, after the rules that Streamlit's own components add to the head.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

END = b"</body>"
UNCHANGED = ("etag", "last-modified", "accept-ranges")  # headers that describe the file without the style sheet


class EarlyStyle:
    """Inserts `css` before the end of the body of every HTML response with status 200."""

    def __init__(self, app: ASGIApp, css: str) -> None:
        self.app, self.style = app, f"<style>{css}</style>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        if is_for_page(scope):  # not compressed, so that the end of the body can be found
            scope = scope | {"headers": [header for header in scope["headers"] if header[0] != b"accept-encoding"]}
        start: Message | None = None
        parts: list[bytes] = []

        async def insert(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and is_page(message):
                start = message
            elif start is None or message["type"] != "http.response.body":
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._send_page(start, b"".join(parts), send)

        await self.app(scope, receive, insert)

    async def _send_page(self, start: Message, body: bytes, send: Send) -> None:
        before, end, after = body.rpartition(END)
        headers = MutableHeaders(raw=list(start["headers"]))
        for name in UNCHANGED:
            if name in headers:
                del headers[name]
        if body:
            body = before + self.style + end + after if end else body
            headers["content-length"] = str(len(body))
        elif "content-length" in headers:  # the answer to HEAD has no body
            headers["content-length"] = str(int(headers["content-length"]) + len(self.style))
        await send(start | {"headers": headers.raw})
        await send({"type": "http.response.body", "body": body})


def is_for_page(scope: Scope) -> bool:
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def is_page(start: Message) -> bool:
    kind = dict(start["headers"]).get(b"content-type", b"")
    return start["status"] == 200 and kind.startswith(b"text/html")
