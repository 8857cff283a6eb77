// The derivation: the value of every term under its symbol, for the q that the viewer moves.

import { mountExhibit } from '../parts/exhibit.js';
import { nats, showNumber } from '../parts/numbers.js';
import { acceptPosterior, buildPosterior } from '../parts/posterior.js';
import { buildTables, showTables } from './tables.js';

export default mountExhibit('derivations', build, accept);

function build(s) {
  buildPosterior(s, (terms, q) => showValues(s, valuesOf(terms, q, s.packet.log_px)));
  buildTables(s);
}

function accept(s, packet) {
  const isOwnQ = s.isSettled() || !s.q;
  acceptPosterior(s, packet);
  if (isOwnQ) showValues(s, packet.values);
  showTables(s, packet);
}

// The values of all symbols from the terms of q, as `derivation.Values` has them.
function valuesOf(terms, q, log_px) {
  const { log_likelihood, log_prior, log_q, log_posterior, elbo, gap } = terms;
  const halves = [0, 1].map((d) => q[2 + d] ** 2 + q[d] ** 2 - 1 - 2 * Math.log(q[2 + d]));
  return {
    log_px,
    e_log_px: log_px,
    kl_posterior: gap,
    e_log_q: log_q,
    e_log_posterior: log_posterior,
    e_log_bayes: log_likelihood + log_prior - log_px,
    e_log_likelihood: log_likelihood,
    e_log_prior: log_prior,
    kl_prior: log_q - log_prior,
    kl_closed: 0.5 * (halves[0] + halves[1]),
    elbo,
    loss: -elbo,
  };
}

function showValues(s, values) {
  for (const name in values) showNumber(s, name.replaceAll('_', '-'), values[name], 4);
  s.packet.lines.forEach((terms, i) => {
    const total = terms.reduce((sum, [sign, name]) => sum + sign * values[name], 0);
    showNumber(s, `line-${i + 1}`, total, 4);
    const solved = terms.map(([sign, name], j) => {
      const value = nats(Math.abs(values[name]), 4);
      const isPlus = sign * values[name] >= 0;
      return `${isPlus ? (j ? '+ ' : '') : '\u2212 '}${value}`;
    });
    const line = s.root.querySelector(`[data-line="${i + 1}"] .le-total`);
    line.title = `${solved.join(' ')} = ${nats(total, 4)}`;
  });
}
