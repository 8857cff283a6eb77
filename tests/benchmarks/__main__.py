"""python -m tests.benchmarks [NAME ...]: one table, every ratio measured in this run. Names: training, latency, start."""

import sys

from tests.benchmarks import latency, start, training

PARTS = {"latency": latency.rows, "start": start.rows, "training": training.rows}


def main(names: list[str]) -> int:
    wanted = names or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            print(f"There is no benchmark '{name}'. Known: {', '.join(PARTS)}.", file=sys.stderr)
            return 2
    print(f"{'figure':52} {'value':>12} {'peer or floor':>34} {'ratio':>7}   promise")
    for name in wanted:
        for figure, value, peer, ratio, promise in PARTS[name]():
            print(f"{figure:52} {value:>12} {peer:>34} {ratio:>7}   {promise}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
