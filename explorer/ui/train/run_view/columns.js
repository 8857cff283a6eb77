// The parts of each model on the page. Those of twins are the columns of a table.

export const PARTS = {
  samples: 'Samples of the prior',
  recon: 'Images and their reconstructions',
  map: 'Map of the encoder means',
  loss: 'Reconstruction loss and KL over the batches',
  heat: 'KL of each dimension over the epochs',
};
const ELBO_TIP =
  'Minus the evidence lower bound on the test set, in nats per image: reconstruction error plus KL. ' +
  'Lower is better.';
const RECON_TIP =
  'Reconstruction error on the test set, in nats per image: minus log p(x|z), averaged over z from q(z|x).';
const KL_TIP =
  'KL divergence of q(z|x) from the prior, in nats per test image: how much z says about the image.';
const HEAD = `<h3 class="title"></h3>
  <span class="number">
    <span tabindex="0" data-tip="${ELBO_TIP}"><small>&minus;ELBO</small> <b class="total">–</b></span>
    <span class="parts" hidden>= <span class="recon-loss" tabindex="0" data-tip="${RECON_TIP}"></span>
      + <span class="kl" tabindex="0" data-tip="${KL_TIP}"></span></span>
    <span class="spoken"><span>test ELBO</span> <span data-testid="run-elbo">–</span></span>
  </span>`;

// Builds the parts of `n` models and returns their states. A single model has its numbers in the header.
export function buildColumns(s, n) {
  const grid = s.$('.grid');
  for (const old of s.root.querySelectorAll('.model')) old.remove();
  s.$('.run').classList.toggle('twins', n > 1);
  grid.style.setProperty('--models', n);
  return Array.from({ length: n }, (_, i) => {
    const head = document.createElement('div');
    head.className = 'model head';
    head.innerHTML = HEAD;
    (n > 1 ? grid : s.$('header')).append(head);
    const model = { s, head, canvas: {}, drawn: {}, packet: null, key: null, keys: [], frames: new Map() };
    for (const [part, label] of Object.entries(PARTS)) {
      const figure = document.createElement('figure');
      figure.className = `model ${part}`;
      const canvas = document.createElement('canvas');
      canvas.dataset.c = part;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', label);
      figure.append(canvas);
      grid.append(figure);
      model.canvas[part] = canvas;
    }
    for (const element of [head, ...grid.querySelectorAll('.model')])
      if (!element.style.getPropertyValue('--column')) element.style.setProperty('--column', i + 1);
    return model;
  });
}

const format = (value) => (Number.isFinite(value) ? value.toFixed(Math.abs(value) >= 100 ? 1 : 2) : '–');

// Writes the title of a model and its losses at the shown epoch.
export function showNumbers(model) {
  const { head, mark, packet } = model;
  const set = (selector, text) => {
    const element = head.querySelector(selector);
    if (element.textContent !== text) element.textContent = text;
  };
  set('.title', packet.title);
  set('.total', format(mark.total));
  set('.recon-loss', format(mark.recon));
  set('.kl', format(mark.kl));
  head.querySelector('.parts').hidden = !Number.isFinite(mark.total);
  set('[data-testid=run-elbo]', Number.isFinite(mark.total) ? (-mark.total).toFixed(2) : '–');
}
