"""python -m tests.benchmarks [NAME ...]: one table, every ratio measured in this run. Names: training, latency, start.

--browser: Explore in headless Chromium, about ten minutes, alone on the machine. --soak: ten minutes of dragging instead.
--train: the Train page, about four minutes. --room: a hundred visitors at once and two hundred models, about four minutes.
"""

import sys

from tests.benchmarks import browser, latency, room, start, train_page, training

PARTS = {"latency": latency.rows, "start": start.rows, "training": training.rows}
FLAGS = {
    "--train": train_page.rows,
    "--browser": browser.rows,
    "--room": room.rows,
    "--soak": lambda: browser.rows(is_soak=True),
}


def main(names: list[str]) -> int:
    wanted = names or list(PARTS)
    if "--soak" in wanted:
        wanted = ["--soak"]
    known = PARTS | FLAGS
    for name in wanted:
        if name not in known:
            print(f"There is no benchmark '{name}'. Known: {', '.join(known)}.", file=sys.stderr)
            return 2
    print(f"{'figure':58} {'value':>16} {'peer or floor':>34} {'ratio':>7}   promise")
    for name in wanted:
        for figure, value, peer, ratio, promise in known[name]():
            print(f"{figure:58} {value:>16} {peer:>34} {ratio:>7}   {promise}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
