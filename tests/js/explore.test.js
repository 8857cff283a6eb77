// The parts of the Explore page that need no DOM.
import assert from 'node:assert/strict';
import test from 'node:test';
import { pathPlot, playbackShare, shareOf } from '../../explorer/ui/explore/lanes/path_plot.js';
import * as grid from '../../explorer/ui/explore/moves/grid.js';
import { posteriorPlot } from '../../explorer/ui/explore/own_image/posterior_plot.js';
import { requestQueue } from '../../explorer/ui/explore/own_image/requests.js';
import * as films from '../../explorer/ui/explore/stage/films.js';

test('all films are true where z is at their centre', () => {
  const z = Float32Array.of(0.5, -1, 2);
  for (const dim of [0, 1, 2]) assert.ok(films.isFilmValid(z, z, dim));
});

test('after a move along one dimension only the film of that dimension is true', () => {
  const filmZ = Float32Array.of(0.5, -1, 2);
  const z = Float32Array.of(0.5, 0, 2);
  assert.deepEqual(
    [0, 1, 2].map((dim) => films.isFilmValid(z, filmZ, dim)),
    [false, true, false],
  );
});

test('after moves along two dimensions none is true', () => {
  const filmZ = Float32Array.of(0, 0, 0);
  const z = Float32Array.of(1, 1, 0);
  assert.deepEqual(films.differingDims(z, filmZ), [0, 1]);
  for (const dim of [0, 1, 2]) assert.ok(!films.isFilmValid(z, filmZ, dim));
});

test('a z that was read off the map is approximate until it is moved', () => {
  const packet = { approximate: true, z: Float32Array.of(1, 2) };
  assert.equal(films.isApproximate(Float32Array.of(1, 2), packet), true);
  assert.equal(films.isApproximate(Float32Array.of(1, 0), packet), false);
  assert.equal(films.isApproximate(packet.z, { ...packet, approximate: false }), false);
});

test('each row has its own values', () => {
  const packet = { n_frames: 3, values: Float32Array.of(0, 1, 2, 10, 11, 12) };
  assert.deepEqual([...films.filmValues(packet, 1)], [10, 11, 12]);
});

test('a gallery row as it is typed', () => {
  assert.equal(films.parseRow('12'), 12);
  assert.equal(films.parseRow('12.9'), 12);
  assert.equal(films.parseRow('0'), 0);
  for (const text of ['', '-1', 'x']) assert.equal(films.parseRow(text), null, text);
});

test('a value of z as it is typed', () => {
  assert.equal(films.parseValue('-1.5'), -1.5);
  assert.equal(films.parseValue('0'), 0);
  for (const text of ['', 'x', 'Infinity']) assert.equal(films.parseValue(text), null, text);
});

test('numbers on the stage', () => {
  assert.equal(films.klText(0.004), '.00');
  assert.equal(films.klText(0.996), '1.0');
  assert.equal(films.supportText(0.004), 'support < .01');
  assert.equal(films.supportText(0.5), 'support 0.50');
  assert.equal(films.supportText(null), '');
  assert.equal(films.supportText(Number.NaN), '');
  assert.equal(films.normText(Float32Array.of(3, 4)), '|z| 5.00 (prior 1.4)');
});

test('the posterior on a slider is cut off at its ends', () => {
  assert.deepEqual(films.posteriorBand([0, 1], -2, 2), [0.25, 0.5]);
  assert.deepEqual(films.posteriorBand([3.5, 1.5], -4, 4), [0.75, 0.25]);
});

const PAD = { side: 11, span: 2.5 };

test('the pad: its corners, its middle and the frames beyond its edge', () => {
  assert.equal(grid.columnOf(-2.5, PAD), 0);
  assert.equal(grid.columnOf(0, PAD), 5);
  assert.equal(grid.columnOf(2.5, PAD), 10);
  assert.equal(grid.shareOnPad(0, PAD), 0.5);
  assert.equal(grid.frameAtCell(0, 0, 11), 0);
  assert.equal(grid.frameAtCell(10.9, 10.9, 11), 120);
  assert.equal(grid.frameAtCell(-5, 99, 11), 110);
});

test('arrow keys on the pad: up is up, and the edge holds', () => {
  const middle = 5 * 11 + 5;
  const go = (point, key) => grid.frameAfterArrow(point, grid.ARROWS[key], PAD);
  assert.equal(go([0, 0], 'ArrowUp'), middle - 11);
  assert.equal(go([0, 0], 'ArrowDown'), middle + 11);
  assert.equal(go([0, 0], 'ArrowRight'), middle + 1);
  assert.equal(go([0, 0], 'ArrowLeft'), middle - 1);
  assert.equal(go([2.5, 2.5], 'ArrowUp'), 10);
});

test('playback goes there and back', () => {
  const shares = [0, 1000, 2000, 3000, 4000].map(playbackShare);
  assert.deepEqual(shares, [0, 0.5, 1, 0.5, 0]);
});

test('a path may reach beyond its ends', () => {
  const times = Float32Array.of(-0.5, 0.5, 1.5);
  assert.deepEqual(
    [0, 1, 2].map((i) => shareOf(times, i)),
    [0, 0.5, 1],
  );
});

test('the plot of a path: three curves from edge to edge, and sqrt(D)', () => {
  const packet = {
    times: [0, 0.5, 1],
    norm: [1, 1, 1],
    log_prior: [-5, -4, -5],
    log_prior_max: -4,
    support: [0, 1, 0.5],
    latent_dim: 4,
  };
  const svg = pathPlot(packet);
  assert.match(svg, /<path class="c-support" d="M0\.0 96\.0L100\.0 4\.0L200\.0 50\.0"\/>/);
  assert.match(svg, /<path class="c-prior" d="M0\.0 96\.0L100\.0 4\.0L200\.0 96\.0"\/>/);
  assert.match(svg, new RegExp(`y1="${96 - (92 * 2) / 2.2}"`));
});

test('the posterior of an image: a bar for each dimension, none without an image', () => {
  assert.equal(posteriorPlot([], new Float32Array()), '');
  const svg = posteriorPlot([3, 7], Float32Array.of(0, 1, 100, 1));
  assert.equal(svg.match(/class="sigma"/g).length, 2);
  assert.match(svg, /y1="40" y2="24".*>z3</);
  assert.match(svg, />z7</);
  assert.match(svg, /y1="0" y2="0"/); // beyond 4: at the edge
});

// A queue with the numbers and kinds that it has sent.
function queue(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent = [];
  const events = { lost: 0, changes: 0 };
  const requests = requestQueue({
    send: ({ seq, kind, data }) => sent.push([seq, kind, data]),
    onChange: () => events.changes++,
    onLost: () => events.lost++,
  });
  return { requests, sent, events };
}

test('one image is on its way at a time, and of those that wait only the newest goes', (t) => {
  const { requests, sent } = queue(t);
  for (const data of ['1', '2', '3']) requests.ask({ kind: 'image', data });
  assert.deepEqual(sent, [[1, 'image', '1']]);
  requests.acknowledge(1);
  requests.sendNext();
  assert.deepEqual(sent.slice(1), [[2, 'image', '3']]);
});

test('a cleared drawing replaces an image that waits, settings keep their place', (t) => {
  const { requests, sent } = queue(t);
  for (const kind of ['image', 'see', 'image', 'clear']) requests.ask({ kind });
  for (const ack of [1, 2, 3]) {
    requests.acknowledge(ack);
    requests.sendNext();
  }
  assert.deepEqual(
    sent.map(([, kind]) => kind),
    ['image', 'see', 'clear'],
  );
  assert.equal(requests.isBusy(), false);
});

test('a request without an answer is sent four times, then lost, and the next goes', (t) => {
  const { requests, sent, events } = queue(t);
  requests.ask({ kind: 'image' });
  requests.ask({ kind: 'explore' });
  t.mock.timers.tick(5000);
  t.mock.timers.tick(5000);
  t.mock.timers.tick(5000);
  assert.deepEqual(
    sent.map(([seq]) => seq),
    [1, 1, 1, 1],
  );
  t.mock.timers.tick(5000);
  assert.equal(events.lost, 1);
  assert.deepEqual(sent.at(-1).slice(0, 2), [2, 'explore']);
});

test('a late ack of an older request leaves the newer one on its way', (t) => {
  const { requests, sent } = queue(t);
  requests.acknowledge(4); // of a page that was loaded before
  requests.ask({ kind: 'image' });
  assert.equal(sent[0][0], 5);
  requests.acknowledge(4);
  assert.ok(requests.isBusy());
});
