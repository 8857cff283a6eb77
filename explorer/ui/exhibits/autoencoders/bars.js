// The KL of each latent dimension as bars.

import { fitted } from '../parts/canvas.js';

// Draws `values`, in nats, from left to right, each with its number above.
export function drawBars(canvas, values, colour, ink) {
  const { context, width, height } = fitted(canvas);
  const size = Math.max(15, Math.round(height / 8));
  const slot = width / Math.max(1, values.length);
  const most = Math.max(0.5, ...values);
  context.font = `${size}px system-ui, sans-serif`;
  context.textAlign = 'center';
  for (const [i, value] of values.entries()) {
    const tall = (value / most) * (height - size - 8);
    context.fillStyle = colour;
    context.fillRect(i * slot + 2, height - 1 - tall, slot - 4, tall + 1);
    context.fillStyle = ink;
    const text = value.toFixed(value < 9.95 ? 1 : 0);
    context.fillText(text === '0.0' ? '0' : text, (i + 0.5) * slot, height - tall - 5);
  }
}
