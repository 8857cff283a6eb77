// A function on the latent plane, sampled on regular grids, and its expectation under a Gaussian. No DOM.

// Nodes and weights of Gauss-Hermite quadrature for the expectation over a standard normal, by Newton's
// method on the normalised Hermite polynomials (Press et al., Numerical Recipes, section 4.6).
export function gaussHermite(n) {
  const nodes = new Float64Array(n);
  const weights = new Float64Array(n);
  let x = 0;
  for (let i = 0; i < Math.ceil(n / 2); i++) {
    if (i === 0) x = Math.sqrt(2 * n + 1) - 1.85575 * (2 * n + 1) ** (-1 / 6);
    else if (i === 1) x -= (1.14 * n ** 0.426) / x;
    else if (i === 2) x = 1.86 * x - (0.86 * nodes[n - 1]) / Math.SQRT2;
    else if (i === 3) x = 1.91 * x - (0.91 * nodes[n - 2]) / Math.SQRT2;
    else x = 2 * x - nodes[n + 1 - i] / Math.SQRT2;
    let slope = 0;
    for (let step = 0; step < 100; step++) {
      let [p, before] = [Math.PI ** -0.25, 0];
      for (let j = 0; j < n; j++)
        [p, before] = [x * Math.sqrt(2 / (j + 1)) * p - Math.sqrt(j / (j + 1)) * before, p];
      slope = Math.sqrt(2 * n) * before;
      const change = p / slope;
      x -= change;
      if (Math.abs(change) < 1e-14) break;
    }
    nodes[n - 1 - i] = Math.SQRT2 * x;
    nodes[i] = -Math.SQRT2 * x;
    weights[i] = weights[n - 1 - i] = 2 / (slope * slope) / Math.sqrt(Math.PI);
  }
  if (n % 2) nodes[(n - 1) / 2] = 0;
  return { nodes, weights };
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

// E_q of the grids' function for q = N(mean, diag(sigma^2)), by the rule of `gaussHermite`.
export function expectation(grids, mean, sigma, { nodes, weights }) {
  let sum = 0;
  for (let i = 0; i < nodes.length; i++) {
    const x = mean[0] + sigma[0] * nodes[i];
    for (let j = 0; j < nodes.length; j++)
      sum += weights[i] * weights[j] * valueAt(grids, x, mean[1] + sigma[1] * nodes[j]);
  }
  return sum;
}

// The differential entropy of q in nats, -E_q[log q(z)].
export const entropy = (sigma) =>
  sigma.reduce((sum, value) => sum + 0.5 * Math.log(2 * Math.PI * Math.E * value * value), 0);

// E_q[log p(z)] for the standard normal prior, in nats.
export const expectedLogPrior = (mean, sigma) =>
  mean.reduce((sum, m, d) => sum - 0.5 * (m * m + sigma[d] * sigma[d] + Math.log(2 * Math.PI)), 0);
