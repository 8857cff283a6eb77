"""The exhibit /lower-bound: log p(x), the ELBO of any q and the gap between them, by quadrature."""

from typing import TypedDict

import numpy as np

from explorer.core.errors import ExplorerError
from explorer.core.theory import evidence, gaussian, monte_carlo, plane
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.images import panel as images
from explorer.ui.state.exhibit import Number
from explorer.ui.widgets.clock.panel import clock
