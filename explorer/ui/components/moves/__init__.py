"""Ways to move z: a strip of tabs under the map, of which only the open one is here.

Down, one packet (packet.py): header `ack` (the last request heard) and `here` (where z is on the pad's two axes); array
`content`, itself a packet that changes with what is shown: header `stamp`, `order`, `tab`, `tabs` ([name, label] each),
`latent_dim`, `shape`, `columns` (of the sheet), `plane`, `note`, and
- prior, neighbours, classes, arithmetic: `items`, [caption, title] for each picture (arithmetic: null for a missing one);
- directions: `choices` ([id, label] each), `choice`, `classes` ([label, name] each), `pair`, `marks` ([value, name] each),
  `at`, `can_save`; array `values`;
- pad: `side`, `span`, `axes` (the two dimensions), `dims` (all, the most telling first).
Its arrays: `frames` (n pictures), `z` (n, D), `xy` (n, 2), `support` (n,): of neighbours only `frames` and `rows` (n,).

Up, the state `request`: {all: [{seq, kind, ...}, ...]}, those not heard yet (`mailbox` in film.js). Their kinds:
"move"; "tab" {tab}; "draw"; "pick" {row}; "direction" {choice}; "classes" {pair};
"save" {name}, the direction from A to B; "remove" {choice}; "pad" {axes}. Any may carry z, to which z moves first.

While a line or the pad is scrubbed nothing is sent: each frame goes to the stage by the window event `latent:preview`,
{picture, index, columns, shape, z, xy, support, plane, seq, event}. `seq` is the number of the request that will carry
this z; once it has been heard the window event `latent:heard` {ack} says so, and the session's z holds again.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("moves")


def moves(packet: bytes, key: str, on_request: Callable[[], None]) -> None:
    """Mount the strip. `on_request` runs before the fragment does; see st.session_state[key]["request"]."""
    _mount(key=key, data=packet, on_request_change=on_request)
