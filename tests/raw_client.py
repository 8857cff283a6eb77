"""A Streamlit client without a browser: speaks the websocket protocol, so it can also send what no browser would."""

import asyncio

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

ANSWER_S = 60


class RawClient:
    """One visitor of the page at `url`, for example "http://127.0.0.1:8501/train". An async context manager."""

    def __init__(self, url: str):
        self._server, _, self._page = url.removeprefix("http://").partition("/")
        self._widgets: dict[str, WidgetState] = {}

    async def __aenter__(self) -> "RawClient":
        url, origin = f"ws://{self._server}/_stcore/stream", f"http://{self._server}"
        self._socket = await connect(url, origin=origin, subprotocols=["streamlit"], max_size=1 << 28)
        return self

    async def __aexit__(self, *_) -> None:
        await self._socket.close()

    def set(self, widget_id: str, **value) -> None:
        """What the widget says from now on, for example string_value="x" or trigger_value=True."""
        self._widgets[widget_id] = WidgetState(id=widget_id, **value)

    async def run(self) -> list[ForwardMsg]:
        """One run of the page with the widgets as they were set -> the server's messages until it has finished."""
        message = BackMsg()
        message.rerun_script.page_name = self._page
        message.rerun_script.widget_states.widgets.extend(self._widgets.values())
        await self._socket.send(message.SerializeToString())
        self._widgets = {key: state for key, state in self._widgets.items() if state.WhichOneof("value") != "trigger_value"}
        answers = []
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self._socket.recv(), ANSWER_S))
            answers.append(answer)
            if answer.WhichOneof("type") == "script_finished":
                return answers


def widget_id(answers: list[ForwardMsg], key: str) -> str:
    """The id of the widget that the page calls `key`."""
    for answer in answers:
        element = answer.delta.new_element
        if (kind := element.WhichOneof("type")) and getattr(getattr(element, kind), "id", "").endswith(f"-{key}"):
            return getattr(element, kind).id
    raise LookupError(key)


def texts(answers: list[ForwardMsg]) -> str:
    """All that the answers say, as text."""
    return "\n".join(str(answer.delta) for answer in answers)
