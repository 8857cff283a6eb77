// The plots of norm and support along lerp and slerp.

import { norms, plot, plotX } from './path_plot.js';

export function drawPlots({ packet, root }) {
  const { times, z, support, latent_dim, n_frames } = packet;
  const lengths = norms(z, latent_dim);
  const curves = (values) =>
    ['lerp', 'slerp'].map((name, k) => ({ name, values: values.subarray(k * n_frames, (k + 1) * n_frames) }));
  const prior = Math.sqrt(latent_dim);
  const high = 1.1 * Math.max(prior, ...lengths.subarray(0, 2 * n_frames));
  const mark = { value: prior, name: `\u221AD = ${prior.toFixed(1)}` };
  const axes = { norm: { low: 0, high, mark }, support: { low: 0, high: 1 } };
  for (const svg of root.querySelectorAll('[data-plot]')) {
    const { clientWidth: width, clientHeight: height } = svg;
    const values = svg.dataset.plot === 'norm' ? lengths : support;
    const labelPx = Number.parseFloat(getComputedStyle(svg).fontSize);
    svg.innerHTML = plot(curves(values), times, { ...axes[svg.dataset.plot], width, height, labelPx });
  }
}

// Marks the shown frame, at a share of the path.
export function markPlots({ root }, share) {
  for (const line of root.querySelectorAll('.c-now')) {
    const x = plotX(share, line.ownerSVGElement.clientWidth);
    for (const end of ['x1', 'x2']) line.setAttribute(end, x);
  }
}
