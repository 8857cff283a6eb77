// A function on the latent plane, sampled on regular grids, and its expectation under a Gaussian. No DOM.

// Nodes [x, y] and weights of the expectation over N(0, I): a regular lattice of this step within a radius,
// weighted by the density. Unlike Gauss-Hermite quadrature it stays precise where q is wide and the function
// is rough.
export function normalLattice(step = 0.25, radius = 5) {
  const n = Math.floor(radius / step);
  const points = [];
  for (let i = -n; i <= n; i++)
    for (let j = -n; j <= n; j++) if (Math.hypot(i, j) <= n) points.push([i * step, j * step]);
  const density = points.map(([x, y]) => Math.exp(-0.5 * (x * x + y * y)));
  const total = density.reduce((a, b) => a + b);
  return { points, weights: density.map((value) => value / total) };
}

// A grid {low, high, nx, ny, values}: values[iy * nx + ix] at low + (ix, iy) * step.
export const contains = ({ low, high }, x, y) => x >= low[0] && x <= high[0] && y >= low[1] && y <= high[1];

// Cubic interpolation at (x, y); outside the grid, the value at its edge.
export function sample(grid, x, y) {
  const { low, high, nx, ny, values } = grid;
  const u = ((x - low[0]) / (high[0] - low[0])) * (nx - 1);
  const v = ((y - low[1]) / (high[1] - low[1])) * (ny - 1);
  const ix = Math.min(nx - 3, Math.max(1, Math.floor(u)));
  const iy = Math.min(ny - 3, Math.max(1, Math.floor(v)));
  const wx = weightsAt(Math.min(nx - 1, Math.max(0, u)) - ix);
  const wy = weightsAt(Math.min(ny - 1, Math.max(0, v)) - iy);
  let sum = 0;
  for (let j = 0; j < 4; j++) {
    const row = (iy - 1 + j) * nx + ix - 1;
    sum +=
      wy[j] *
      (wx[0] * values[row] + wx[1] * values[row + 1] + wx[2] * values[row + 2] + wx[3] * values[row + 3]);
  }
  return sum;
}

// The weights of four samples at -1, 0, 1, 2 for a cubic through them (Lagrange).
function weightsAt(t) {
  return [
    (-t * (t - 1) * (t - 2)) / 6,
    ((t + 1) * (t - 1) * (t - 2)) / 2,
    (-(t + 1) * t * (t - 2)) / 2,
    ((t + 1) * t * (t - 1)) / 6,
  ];
}

// The value at (x, y) on the last of `grids` that contains the point; grids are ordered from coarse to fine.
export function valueAt(grids, x, y) {
  for (let i = grids.length - 1; i > 0; i--) if (contains(grids[i], x, y)) return sample(grids[i], x, y);
  return sample(grids[0], x, y);
}

// E_q of the grids' function for q = N(mean, diag(sigma^2)), by the nodes of `normalLattice`.
export function expectation(grids, mean, sigma, { points, weights }) {
  let sum = 0;
  for (let i = 0; i < points.length; i++) {
    const [x, y] = points[i];
    sum += weights[i] * valueAt(grids, mean[0] + sigma[0] * x, mean[1] + sigma[1] * y);
  }
  return sum;
}

// The differential entropy of q in nats, -E_q[log q(z)].
export const entropy = (sigma) =>
  sigma.reduce((sum, value) => sum + 0.5 * Math.log(2 * Math.PI * Math.E * value * value), 0);

// E_q[log p(z)] for the standard normal prior, in nats.
export const expectedLogPrior = (mean, sigma) =>
  mean.reduce((sum, m, d) => sum - 0.5 * (m * m + sigma[d] * sigma[d] + Math.log(2 * Math.PI)), 0);
