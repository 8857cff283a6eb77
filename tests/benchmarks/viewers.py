"""A raw viewer: a visitor of Explore without a browser, who speaks Streamlit's websocket protocol.

It replays messages recorded from a real page, but does not ask for the hover pictures, which a page loads when it is idle.
"""

import asyncio
import json
import random
import time
from typing import NamedTuple

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from tests.browser.driver import Visit

PATIENCE_S = 120
STAGE = "latent_explorer_stage"


class Recording(NamedTuple):
    """What a page sends."""

    arrival: BackMsg  # asks for the first page
    release: BackMsg  # the first release of a slider


class ViewerError(Exception):
    """The server's answer was not what a page needs."""


def record(page, url: str) -> Recording:
    """Opens `url` in a fresh page of a real browser and releases one slider."""
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visit = Visit(page).open(url)
    visit.sprites()
    before = len(sent)
    visit.drag(visit.dims()[0], 0.3, end=0.8)
    visit.close()
    releases = [message for message in map(BackMsg.FromString, sent[before:]) if _stage_state(message)]
    return Recording(BackMsg.FromString(sent[0]), releases[0])


def _stage_state(message: BackMsg):
    """The widget state of the stage in a message; None where it has none."""
    return next((state for state in message.rerun_script.widget_states.widgets if state.id.endswith("-stage")), None)


class Viewer:
    """One visitor. `arrive` first, then any number of releases, then `leave`."""

    def __init__(self, url: str, recording: Recording, seed: int):
        self.url, self.recording, self.rng = url, recording, random.Random(seed)
        self._socket, self._seq, self._fragment = None, 0, ""

    async def arrive(self) -> float:
        """Opens the page; seconds until all of it is here. Raises ViewerError."""
        began = time.perf_counter()
        self._socket = await connect(
            f"{self.url.replace('http', 'ws', 1)}/_stcore/stream",
            origin=self.url,
            subprotocols=["streamlit"],
            proxy=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,
            max_size=None,
            max_queue=None,
        )
        await self._exchange(self.recording.arrival)
        return time.perf_counter() - began

    async def release(self) -> float:
        """Releases a slider at a random z; milliseconds until its films are here. Raises ViewerError."""
        message = BackMsg.FromString(self.recording.release.SerializeToString())
        message.rerun_script.fragment_id = self._fragment
        state = _stage_state(message)
        values = json.loads(state.json_value)
        (request,) = values["request"]["all"]
        self._seq += 1
        request |= {"seq": self._seq, "z": [self.rng.gauss() for _ in request["z"]]}
        values["request"]["seq"] = self._seq
        state.json_value = json.dumps(values)
        began = time.perf_counter()
        await self._exchange(message)
        return 1000 * (time.perf_counter() - began)

    async def leave(self) -> None:
        """Closes the connection."""
        if self._socket is not None:
            await self._socket.close()

    async def _exchange(self, message: BackMsg) -> None:
        """Sends a message and reads until its run is over, which must have brought films that answer the last request."""
        await self._socket.send(message.SerializeToString())
        acknowledged = None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = ForwardMsg.FromString(await self._socket.recv())
                element = answer.delta.new_element
                if element.WhichOneof("type") == "exception":
                    raise ViewerError(element.exception.message)
                if element.bidi_component.component_name == STAGE:
                    acknowledged, self._fragment = _header(element.bidi_component.bytes)["ack"], answer.delta.fragment_id
                if (
                    answer.WhichOneof("type") == "script_finished"
                    and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
                ):
                    break
        if acknowledged != self._seq:
            raise ViewerError(f"release {self._seq} was answered with films of {acknowledged}")


def _header(packet: bytes) -> dict:
    """Of a packet of explorer/ui/wire/packet.py."""
    length = int.from_bytes(packet[:4], "little")
    return json.loads(packet[4 : 4 + length])
